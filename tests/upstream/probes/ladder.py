"""The ladder as tests read it."""

from webapp.upstream import Rung, probe
from webapp.upstream.target import Target

KEY = "canary-key-4711"
NAMES = ["resolve", "connect", "tls", "authenticate", "list", "answer", "stream"]


def climb(target: Target, model: str | None = "ok") -> dict[str, Rung]:
    """The last word on every rung."""
    return {rung.name: rung for rung in probe(target, model)}


def verdicts(rungs: dict[str, Rung]) -> str:
    """The verdicts of the ladder by their first letters, from resolve to stream."""
    return "".join(rungs[name].verdict[0] for name in NAMES)
