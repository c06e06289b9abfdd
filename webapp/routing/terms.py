"""The words of routing: what is asked, who could answer, what was decided. Plain values that all its parts share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Any, Final, Literal, Protocol

DIRECT: Final = "direct"
EMBEDDED: Final = "embedded"  # the gateway in this process
AUTOMATIC: Final = "automatic"
MOST_OPTIONS: Final = 8  # that are tried for one answer

State = Literal["unknown", "good", "degraded", "trial", "resting", "down"]
OUT: Final = frozenset({"resting", "down"})  # tried last, when nothing else is left
WORST_FIRST: Final[tuple[State, ...]] = ("down", "resting", "trial", "degraded", "good", "unknown")
AfterFirst = Literal["stop", "continue", "restart"]
Strategy = Literal["ordered", "weighted", "cheapest", "fastest"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a provider; `id` is None where none is needed or the environment holds it."""

    id: int | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A model at a provider, as far as choosing goes. `routes`: direct or names of gateways that serve it."""

    provider_id: int
    provider: str
    model_pk: int
    model_id: str
    capabilities: Mapping[str, bool | None] = field(default_factory=dict, hash=False)
    context_length: int | None = None
    price: float | None = None  # input and output for a million tokens, US dollars
    route: str = DIRECT  # what its provider is set to: direct, automatic or a gateway
    routes: tuple[str, ...] = (DIRECT,)
    keys: tuple[Key, ...] = (Key(),)

    @property
    def name(self) -> str:
        """The name that always means it."""
        return f"{self.provider}/{self.model_id}"


@dataclass(frozen=True, slots=True)
class Alias:
    """One public name, served by several places with weights."""

    name: str
    targets: tuple[tuple[Place, int], ...]
    strategy: Strategy = "ordered"
    is_sticky: bool = True
    after_first: AfterFirst = "stop"  # when an answer breaks off in the middle


@dataclass(frozen=True, slots=True)
class Rule:
    """If everything that it names matches, it sends the question to `to`, by `route`, or both. Patterns: * and ?."""

    name: str
    provider: str = "*"
    model: str = "*"
    capability: str = ""
    project: str = ""
    to: Alias | Place | None = None
    route: str = ""
    _provider: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _model: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_provider", _pattern(self.provider))
        object.__setattr__(self, "_model", _pattern(self.model))

    def matches(self, question: "Question", provider: str, model: str) -> bool:
        """Tell whether it speaks of this question; an alias has no provider, only its name."""
        return (
            (not self.capability or self.capability in question.needs)
            and (not self.project or self.project == question.project)
            and self._model.match(model) is not None
            and self._provider.match(provider) is not None
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `needs` are capabilities, `route` is what the caller or a preset insists on."""

    subject: Alias | Place
    needs: frozenset[str] = frozenset()
    project: str = ""
    route: str = ""
    last: tuple[int, str] | None = None  # model_pk and route of the answer before, in the same conversation
    input_tokens: int = 0
    is_chat: bool = True  # the gateway in this process words nothing else: other calls of it go direct


class Conditions(Protocol):
    """How things stand, from real traffic (health.py)."""

    def state(self, provider_id: int, model_pk: int, route: str) -> State:
        """Return the worse of the provider's and the model's state on this route."""

    def key_state(self, key_id: int) -> State:
        """Return the state of a key."""

    def first_token_ms(self, model_pk: int, route: str) -> float | None:
        """Return how long its answers took to begin of late; None when nobody asked it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to get the answer."""

    place: Place
    route: str
    key: Key
    state: State


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was considered, for the page that explains: a word and its values."""

    word: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is asked, in this order, and why."""

    options: tuple[Option, ...]
    steps: tuple[Step, ...]
    alias: Alias | None


def worst(*states: State) -> State:
    """Return the state that counts when several have their part in a call."""
    return min(states, key=WORST_FIRST.index)


def _pattern(text: str) -> re.Pattern[str]:
    """Read * and ?; brackets, which ids of models may hold, mean themselves."""
    return re.compile(translate(text.casefold().replace("[", "[[]")))
