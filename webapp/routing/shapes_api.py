"""Aliases and rules as programs see them."""

from typing import Annotated, Literal, NotRequired, TypedDict

from webapp.routing.alias import MOST_TARGETS, MOST_WEIGHT
from webapp.routing.alias_forms import LONGEST_MODEL, LONGEST_NAME
from webapp.routing.rule_forms import LONGEST_PATTERN
from webapp.routing.terms import AfterFirst, Strategy
from webapp.web.shapes import About

Capability = Literal["", "vision", "tools", "reasoning", "structured_output", "audio_input"]
Pattern = Annotated[str, About("* and ? stand for any letters; empty: all", 0, LONGEST_PATTERN)]
ModelName = Annotated[str, About("`<provider slug>/<model id>`", 1, LONGEST_MODEL)]


class TargetShape(TypedDict):
    """One of those behind an alias."""

    model: Annotated[str, About("`<provider slug>/<model id>`")]
    weight: int
    offered: Annotated[bool, About("false: gone, hidden, switched off or not shared any more; left out")]


class AliasShape(TypedDict):
    """One alias."""

    id: int
    name: Annotated[str, About("Its name as a model in /v1")]
    strategy: Strategy
    targets: list[TargetShape]
    after_first: Annotated[AfterFirst, About("When an answer breaks off in the middle")]
    sticky: Annotated[bool, About("Conversations stay with who answered before")]


class NewTarget(TypedDict):
    """A model of a shared provider."""

    model: ModelName
    weight: NotRequired[Annotated[int, About("1 if left out; counts for the strategy weighted", 0, MOST_WEIGHT)]]


class _AliasFields(TypedDict, total=False):
    strategy: Strategy
    after_first: AfterFirst
    sticky: bool


class NewAlias(_AliasFields):
    """An alias to add."""

    name: Annotated[str, About("Letters, digits and . _ : + -", 1, LONGEST_NAME)]
    targets: Annotated[list[NewTarget], About(least=1, most=MOST_TARGETS)]


class AliasChanges(_AliasFields):
    """What may be changed of an alias; what is left out stays."""

    name: NotRequired[Annotated[str, About(least=1, most=LONGEST_NAME)]]
    targets: NotRequired[Annotated[list[NewTarget], About(least=1, most=MOST_TARGETS)]]


class RuleShape(TypedDict):
    """One rule."""

    id: int
    position: Annotated[int, About("Among all rules, from 0; the first that matches counts")]
    name: str
    provider: str
    model: str
    capability: str
    to: Annotated[str | None, About("A model or an alias")]
    dangling: Annotated[bool, About("Its target cannot be asked now; it sends nothing there")]
    route: Annotated[str, About("direct, automatic or a gateway's short name; empty: as the provider is set")]
    enabled: bool


class _RuleFields(TypedDict, total=False):
    provider: Pattern
    model: Pattern
    capability: Capability
    to: Annotated[str | None, About("A model or an alias that everybody may use", 0, LONGEST_MODEL)]
    route: Annotated[str, About("direct, automatic or a gateway's short name", 0, LONGEST_NAME)]
    enabled: bool


class NewRule(_RuleFields):
    """A rule to add; it comes last."""

    name: Annotated[str, About(least=1, most=LONGEST_NAME)]


class RuleChanges(_RuleFields):
    """What may be changed of a rule; what is left out stays."""

    name: NotRequired[Annotated[str, About(least=1, most=LONGEST_NAME)]]
    position: NotRequired[Annotated[int, About("Where it is to be, from 0", 0, 100_000)]]
