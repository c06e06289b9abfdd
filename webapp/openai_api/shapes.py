"""OpenAI's shapes as the API's document shows them. What is not named here is passed on to the provider."""

from typing import Annotated, Any, Literal, TypedDict

from webapp.openai_api.failures import ELSE, KEPT_STATUSES, OUTCOMES
from webapp.openai_api.schema import LONGEST_NAME, MOST_CHOICES, MOST_MESSAGES
from webapp.web.shapes import About

ModelName = Annotated[
    str, About("`<slug of the provider>/<model id>`, an id that only one has, or `preset/<name>`", 1, LONGEST_NAME)
]
Count = Annotated[int | None, About(least=1)]
FAILURES = tuple(sorted({status for status, _ in OUTCOMES.values()} | KEPT_STATUSES | {ELSE[0]}))


class Entry(TypedDict):
    """One model that you may call."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Entries(TypedDict):
    """All models that you may call."""

    object: Literal["list"]
    data: list[Entry]


class _Message(TypedDict):
    role: str


class Message(_Message, total=False):
    """One turn; parts of a content are OpenAI's, images as data: URLs."""

    content: str | list[dict[str, Any]] | None


class _Chat(TypedDict):
    model: ModelName
    messages: Annotated[list[Message], About(least=1, most=MOST_MESSAGES)]


class Chat(_Chat, total=False):
    """A request for an answer; all of OpenAI's parameters are taken."""

    stream: bool | None
    stream_options: Annotated[dict[str, Any] | None, About("Only with `stream`")]
    temperature: float | None
    max_tokens: Count
    max_completion_tokens: Count
    n: Annotated[int | None, About(least=1, most=MOST_CHOICES)]


class Choice(TypedDict):
    """One answer."""

    index: int
    message: dict[str, Any]
    finish_reason: str | None


class Completion(TypedDict):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: dict[str, Any] | None


class _Texts(TypedDict):
    model: ModelName
    input: Annotated[str, About(least=1)] | Annotated[list[Any], About("Texts, or arrays of tokens", least=1)]


class Texts(_Texts, total=False):
    """Texts for a model that turns them into vectors; all of OpenAI's parameters are taken."""

    encoding_format: Literal["float", "base64"] | None
    dimensions: Count


class Vector(TypedDict):
    """What became of one text."""

    object: str
    index: int
    embedding: list[float] | str | None


class EmbeddingUsage(TypedDict):
    """What the provider counted."""

    prompt_tokens: int
    total_tokens: int


class Vectors(TypedDict):
    """All vectors, in the order of the texts."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: EmbeddingUsage
