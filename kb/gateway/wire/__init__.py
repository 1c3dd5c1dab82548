"""Three wire formats over one turn: chat completions, Responses, and Messages."""
