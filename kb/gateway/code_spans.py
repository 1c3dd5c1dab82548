"""Which characters of a Markdown text are code, told while it comes."""

from __future__ import annotations

_FENCES = "`~"


class CodeSpans:
    """Fed every character of a text, once and in order.

    Code between backticks ends with its line at the latest, so that a stray one does no harm.
    """

    def __init__(self) -> None:
        self._fence = ""  # what closes the block that is open
        self._is_info_line = False  # the line that opened it is not over
        self._inline = ""  # what closes the code in this line
        self._run = ""  # the backticks or tildes just before
        self._run_opens_line = False
        self._is_line_start = True

    def is_code(self, character: str) -> bool:
        """Whether this character stands in code. Of fences themselves it does not matter."""
        if self._run and character != self._run[0]:
            self._end_run()
        if character == "\n":
            self._is_line_start, self._is_info_line, self._inline = True, False, ""
        elif character in _FENCES:
            if not self._run:
                self._run_opens_line = self._is_line_start
            self._run += character
            self._is_line_start = False
        elif not (character.isspace() or character == ">"):
            self._is_line_start = False
        return bool(self._fence or self._inline)

    def _end_run(self) -> None:
        run, self._run = self._run, ""
        if self._fence:
            closes = run.startswith(self._fence)
            if closes and (self._run_opens_line or self._is_info_line):
                self._fence = ""
        elif self._inline:
            if run == self._inline:
                self._inline = ""
        elif self._run_opens_line and len(run) >= 3:
            self._fence, self._is_info_line = run, True
        elif run[0] == "`":
            self._inline = run
