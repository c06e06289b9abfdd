"""One layer of parameters as programs see it; its ranges are checked by the form."""

from typing import Annotated, Any, TypedDict

from webapp.web.shapes import About

Texts = Annotated[list[str], About(most=100)]


class Parameters(TypedDict, total=False):
    """What is set; anything else comes from the layers below. null counts as not set."""

    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    seed: int | None
    reasoning_effort: str | None
    stop: Texts | None
    extra_body: Annotated[dict[str, Any], About("Further fields of the request")] | None
    drop: Annotated[Texts, About("Names of parameters that are never sent")] | None
