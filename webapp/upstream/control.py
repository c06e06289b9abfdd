"""The control probe: a list that is also given to an invented key says nothing about the real one."""

import re
from dataclasses import replace

from webapp.core.ids import random_text
from webapp.core.secret import Secret
from webapp.upstream.brake import Brake
from webapp.upstream.calls import read_models
from webapp.upstream.failures import Exchange, UpstreamError
from webapp.upstream.target import AuthStyle, Target

SECONDS = 5.0
LONGEST_REFUSAL = 200_000  # bytes; what is longer was not refused
REFUSALS = frozenset({"auth_missing", "auth_invalid", "permission"})
SHORTEST_KEY = 24
PREFIX = re.compile(r"[A-Za-z]{2,6}[-_]")  # sk-, gsk_, hf_: of the vendor, not of the key


def has_key(target: Target) -> bool:
    """Whether calls carry a key."""
    return target.api_key is not None and target.auth_style is not AuthStyle.NONE


def is_invented_key_refused(target: Target, brake: Brake) -> tuple[bool | None, Exchange]:
    """Ask once more for the list that the real key was given; None when the answer tells neither. Raises Stopped."""
    try:
        _, evidence = read_models(_with_invented_key(target), brake, pages=1)
    except UpstreamError as error:
        if error.category == "too_large":
            return False, error.exchange
        is_refused = error.key_ok is False or error.category in REFUSALS
        return is_refused or None, error.exchange
    return False, evidence()


def _with_invented_key(target: Target) -> Target:
    """The same call in the same form, to the same origin."""
    real = target.api_key.reveal() if target.api_key else ""
    found = PREFIX.match(real)
    prefix = found[0] if found else ""
    key = prefix + random_text(max(len(real), SHORTEST_KEY) - len(prefix))
    limits = replace(
        target.limits,
        list_seconds=min(SECONDS, target.limits.list_seconds),
        list_bytes=min(LONGEST_REFUSAL, target.limits.list_bytes),
    )
    return replace(target, api_key=Secret(key), limits=limits)
