"""What goes to the model's server as it is: the documented list. All else is left out."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from kb.api.text import JsonObject, Text


class Parameters(BaseModel):
    """Sampling and format, by their names in chat completions."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: int | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    stop: Text | list[Text] | None = None
    response_format: JsonObject | None = None
    """A JSON schema that the answer keeps to. Citations are not told of within JSON."""
    reasoning_effort: Text | None = None
    verbosity: Text | None = None
    chat_template_kwargs: JsonObject | None = None
    """vLLM's and llama.cpp's: for example `{"enable_thinking": false}`."""

    def parameters(self) -> dict[str, Any]:
        """Those that were given."""
        names = set(Parameters.model_fields)
        return self.model_dump(include=names, exclude_none=True)
