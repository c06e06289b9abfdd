"""What to tell people about a failed call: what happened, why, and what to do now. Data: advice_texts, advice_cases."""

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_datetime, format_decimal, gettext

from webapp.core import clock
from webapp.web.advice_cases import CASES
from webapp.web.advice_entry import SOMEBODY_ELSES, Action, Entry
from webapp.web.advice_texts import TEXTS, UNKNOWN
from webapp.web.advice_words import own_words

# Hosts whose name alone says what went wrong; the words are keys of CASES.
PLACES = (
    (re.compile(r"(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])(:\d+)?"), "loopback"),
    (re.compile(r"host\.docker\.internal(:\d+)?"), "container"),
)
CHANGES_PROVIDER = frozenset({"edit_key", "edit_address", "edit_provider", "open_key_page"})
COMMANDS = {"pull_model": "ollama pull {model}", "open_link": "ollama signin"}
SAFE_IN_A_SHELL = re.compile(r"\w[\w./:-]*", re.ASCII)
LONG_WAIT = 90  # seconds; beyond it people look at the clock
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Advice:
    """Finished texts, not escaped, and the button that helps, if one does.

    `words` is what the provider said, or what broke on the way; `command` is for the machine of the provider.
    """

    title: str
    cause: str
    steps: tuple[str, ...]
    action: Action | None
    words: str
    command: str


def advise(
    failure: dict[str, Any],
    *,
    provider: str,
    model: str | None = None,
    host: str = "",
    is_admin: bool = True,
    may_change: bool = True,
    key_page: str = "",
    at: datetime | None = None,
) -> Advice:
    """Explain a failure record (webapp/providers/failure.py) in the language of the request.

    `host` is the provider's host and port. `is_admin`: the reader may open private addresses; `may_change`: and may
    edit this provider. Without a `key_page` no link to the provider's account is proposed. `at` is when it failed.
    """
    entry = _entry(failure, host, is_admin)
    steps, action = entry.steps, entry.action
    if entry.wait:
        steps = (_told_wait(failure, at) or entry.wait, *steps)
    if action in CHANGES_PROVIDER and not may_change:
        steps, action = SOMEBODY_ELSES, "pick_model"
    if action == "open_key_page" and not key_page:
        action = "pick_model"
    names = {"provider": provider, "model": model or gettext("this model"), "host": host or provider}
    return Advice(
        title=_with_status(str(entry.title) % names, failure.get("status")),
        cause=str(entry.cause) % names + _told_maker(failure),
        steps=tuple(str(step) % names for step in steps),
        action=action,
        words=_words(failure),
        command=_command(failure, model),
    )


def _words(failure: dict[str, Any]) -> str:
    """Without a status it never came to an answer: then the words are ours."""
    message = str(failure.get("message") or "")
    return own_words(message) if failure.get("status") is None else message


def _command(failure: dict[str, Any], model: str | None) -> str:
    """What to type on the machine of the provider; a model's name comes from outside and must be harmless there."""
    command = COMMANDS.get(str(failure.get("action")), "")
    return command.format(model=model) if SAFE_IN_A_SHELL.fullmatch(model or "") else ""


def _entry(failure: dict[str, Any], host: str, is_admin: bool) -> Entry:
    """Choose the most exact texts: of a special case, else of the category."""
    category, action = str(failure.get("category")), failure.get("action")
    words = [word for pattern, word in PLACES if pattern.fullmatch(host)]
    if not is_admin:
        words.append("member")
    if action or failure.get("status") is None:
        words.append(action or "own")  # without a recovery step it was never sent: own_failure()
    cases = [CASES[category, word] for word in words if (category, word) in CASES]
    return cases[0] if cases else TEXTS.get(category, UNKNOWN)


def _told_wait(failure: dict[str, Any], at: datetime | None) -> str:
    """`Wait 18 s: …`, rounded up, with the time of day when it is long; empty when the provider named no time."""
    seconds = failure.get("retry_after") or 0
    if seconds <= 0:
        reset_at = (failure.get("details") or {}).get("reset_at")
        return str(gettext("Wait until %(time)s, by the provider’s clock.", time=reset_at)) if reset_at else ""
    until = at + timedelta(seconds=seconds) if at else None
    if until and until <= clock.now():
        return str(gettext("Try again: the wait that the provider asked for is over."))
    size, unit = next(((size, unit) for size, unit in UNITS if seconds > 1.5 * size), (1, "s"))
    time = f"{format_decimal(math.ceil(seconds / size))} {unit}"
    if until and seconds > LONG_WAIT:
        moment = format_datetime(until, "short")
        return str(gettext("Wait %(time)s, until %(moment)s: the provider asked for that.", time=time, moment=moment))
    return str(gettext("Wait %(time)s: the provider asked for that.", time=time))


def _told_maker(failure: dict[str, Any]) -> str:
    """Name the vendor whose keys begin like the one that was refused."""
    maker = (failure.get("details") or {}).get("maker_of_key")
    if not maker:
        return ""
    text = gettext("This key begins like one of %(vendor)s: it was probably made for another provider.", vendor=maker)
    return f" {text}"


def _with_status(title: str, status: int | None) -> str:
    """Name the HTTP status, unless it claims success (errors inside a stream)."""
    if status is None or status < 300:
        return title
    return str(gettext("%(title)s (HTTP %(status)s)", title=title, status=status))
