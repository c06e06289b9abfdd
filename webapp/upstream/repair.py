"""Changes a request as a refusal asked for, sends it again, and says what it changed in words that can be remembered.

A word is one change of one parameter: `drop temperature`, `rename max_tokens max_completion_tokens`,
`cap max_tokens 4096`, `map reasoning_effort low high`, `role developer system`, `drop_field reasoning_content`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from webapp.upstream.classify.parameters import NEEDED
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatRequest, Role
from webapp.upstream.shapes import as_dict, as_list
from webapp.upstream.target import Target

Sent = TypeVar("Sent")

FIELDS: Final = ("max_tokens", "temperature")
LENGTHS: Final = {"drop": 1, "drop_field": 1, "rename": 2, "cap": 2, "role": 2, "map": 3}  # of what follows the verb
NAME: Final = re.compile(r"\w{1,64}", re.ASCII)
COUNT: Final = re.compile(r"[1-9][0-9]{0,8}")  # what a column of every database can hold
ROLES: Final[dict[str, Role]] = {"system": "system", "user": "user"}
WITHOUT_TOOLS: Final = ("tool_choice", "parallel_tool_calls")  # refused when there are no tools
MOST_REFUSALS: Final = 3  # of one question, each for another parameter


def mended(
    request: ChatRequest, target: Target, added: Mapping[str, Any], send: Callable[[ChatRequest], Sent]
) -> tuple[Sent, dict[str, Any]]:
    """Send a request as the target's quirks say; when a parameter is refused by name, send it again without.

    Return what `send` returned and what belongs into `Reply.details`: nothing, or `repair` (the words that were
    needed) and `refusals` (how often). A refused request was not answered, so nothing is paid twice.
    `added` is what the dialect sends of its own accord.
    """
    request, _ = mend(request, target.quirks.get(request.model, ()), added)
    words: list[str] = []
    refusals = 0
    while True:
        try:
            return send(request), {"repair": words, "refusals": refusals} if words else {}
        except UpstreamError as error:
            asked = [word for word in words_of(error.details.get("repair")) if not _names(words) & _names([word])]
            request, applied = mend(request, asked, added)
            if not applied or refusals == MOST_REFUSALS:
                raise
            words += applied
            refusals += 1


def words_of(repair: object) -> list[str]:
    """Return `UpstreamError.details["repair"]` in words."""
    repair = as_dict(repair)
    words = [f"drop {name}" for name in as_list(repair.get("drop"))]
    words += [f"drop_field {name}" for name in as_list(repair.get("drop_message_fields"))]
    words += [f"rename {old} {new}" for old, new in as_dict(repair.get("rename")).items()]
    words += [f"cap {name} {most}" for name, most in as_dict(repair.get("set")).items()]
    words += [f"role {old} {new}" for old, new in as_dict(repair.get("roles")).items()]
    for name, values in as_dict(repair.get("map")).items():
        words += [f"map {name} {old} {new}" for old, new in as_dict(values).items()]
    return [word for word in words if is_word(word)]


def is_word(text: str) -> bool:
    """Tell whether a text is such a word, about something that a request can do without."""
    verb, *rest = text.split(" ")
    if len(rest) != LENGTHS.get(verb) or rest[0] in NEEDED or not all(NAME.fullmatch(part) for part in rest):
        return False
    match verb:
        case "cap":
            return bool(COUNT.fullmatch(rest[1]))
        case "role":
            return rest[1] in ROLES
        case "rename":
            return rest[1] not in NEEDED
    return True


def mend(
    request: ChatRequest, words: Iterable[str], added: Mapping[str, Any] | None = None
) -> tuple[ChatRequest, list[str]]:
    """Return the request with these words applied, and those that changed something that would have been sent."""
    applied = []
    for word in words:
        if _names([word]) & request.needed:
            continue
        verb, *rest = word.split()
        changed = _with_messages(request, verb, rest) or _with_fields(request, verb, rest, added or {})
        if changed:
            request = changed
            applied.append(word)
    return request, applied


def _names(words: list[str]) -> set[str]:
    """Every parameter that these words touch: none is repaired twice."""
    return {name for word in words for name in word.split()[1 : 3 if word.startswith("rename") else 2]}


def _with_fields(request: ChatRequest, verb: str, rest: list[str], added: Mapping[str, Any]) -> ChatRequest | None:
    own = {name: value for name in FIELDS if (value := getattr(request, name)) is not None}
    sent = {name: value for name, value in {**added, **own, **request.extra}.items() if value is not None}
    name = rest[0]
    if name not in sent:
        return None
    changes: dict[str, Any] = {}
    match verb:
        case "drop":
            changes = dict.fromkeys((name, *WITHOUT_TOOLS) if name == "tools" else (name,))
        case "rename":
            changes = {name: None, rest[1]: sent[name]}
        case "cap" if isinstance(sent[name], int) and sent[name] > int(rest[1]):
            changes = {name: int(rest[1])}
        case "map" if sent[name] == rest[1]:
            changes = {name: rest[2]}
    if not changes:
        return None
    fields = {name: changes.pop(name) for name in FIELDS if name in changes}
    return replace(request, extra=request.extra | changes, **fields)


def _with_messages(request: ChatRequest, verb: str, rest: list[str]) -> ChatRequest | None:
    """Change roles and fields of messages: our own, and those of a program, which travel as they came."""
    whole = as_list(request.extra.get("messages"))
    if verb == "role":
        old, new = rest[0], ROLES[rest[1]]
        turns = tuple(replace(turn, role=new) if turn.role == old else turn for turn in request.messages)
        changed = [{**row, "role": new} if as_dict(row).get("role") == old else row for row in whole]
    elif verb == "drop_field":
        turns = request.messages
        changed = [{name: row[name] for name in row if name != rest[0]} if as_dict(row) else row for row in whole]
    else:
        return None
    if turns == request.messages and changed == whole:
        return None
    return replace(request, messages=turns, extra=request.extra | ({"messages": changed} if whole else {}))
