"""Finds the address of an API: which forms to try at one origin, and which other origins the same key may belong to."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from webapp.upstream.addresses import host_port, needs_confirmation, normalise, origin
from webapp.upstream.brake import Brake, Stopped
from webapp.upstream.calls import read_models
from webapp.upstream.classify.vendors import SIBLINGS, vendor_at
from webapp.upstream.failures import UpstreamError
from webapp.upstream.probe import probe
from webapp.upstream.target import Target

MOST_TRIES, TRY_SECONDS, SEARCH_SECONDS = 8, 5.0, 30.0
CONTAINER_HOST = "host.docker.internal"
LOOPBACK = re.compile(r"localhost|127\.[\d.]+|0\.0\.0\.0|::1?")

# What an API says that does not like the key, the account or the moment: it is there. A page of HTML is none.
SPEAKING = frozenset(
    {"auth_invalid", "auth_missing", "permission", "billing", "quota_window", "rate_limit", "overloaded"}
    | {"model_loading", "model_not_loaded"}
)
# Then no other path can help.
HOPELESS = frozenset({"network_refused", "network_dns", "network_timeout", "network_tls", "blocked_address", "blocked"})
_HTML = re.compile(r"^content-type: *text/html|^\s*<(?:!doctype|html)", re.IGNORECASE | re.MULTILINE)

TryVerdict = Literal["running", "found", "refused", "missing", "hopeless"]


@dataclass(frozen=True, slots=True)
class Try:
    """One candidate. `found`: its list was read; `refused`: an API is there, but says no to the key or the account."""

    base_url: str
    verdict: TryVerdict
    models: int = 0
    error: UpstreamError | None = None

    @property
    def is_hit(self) -> bool:
        """Whether an API is at this address."""
        return self.verdict in ("found", "refused")


def candidates(base_url: str, known: Iterable[str] = ()) -> list[str]:
    """Return the base URLs to try for a normalised one, the likeliest first; all have its origin.

    `known` are addresses of vendors; those of this origin come first after the address itself. The order is that of
    wire-quirks section 5.2.
    """
    here = origin(base_url)
    root = base_url[: len(base_url) - len(_path(base_url))]
    forms = [base_url, *(address for address in known if origin(address) == here), f"{base_url}/v1"]
    if base_url != root:
        forms += [base_url.rpartition("/")[0], f"{root}/v1"]
    forms += [f"{root}{path}" for path in ("/api/v1", "/api", "/openai/v1", "/api/paas/v4")]
    return list(dict.fromkeys(forms))[:MOST_TRIES]


def relatives(base_url: str, in_container: bool = False) -> tuple[str, ...]:
    """Return addresses of other origins that may be meant: of the same company, the other scheme, the container's host.

    Only here may a stored key go, and only after its owner said so.
    """
    vendor = vendor_at(base_url)
    found = [address for (name, _), addresses in SIBLINGS.items() if name == vendor for address in addresses]
    scheme, _, rest = base_url.partition("://")
    if scheme == "http":
        found.append(f"https://{rest}")
    elif needs_confirmation(base_url):  # a key never travels in the clear across the internet
        found.append(f"http://{rest}")
    if in_container and (outside := outside_container(base_url)):
        found.append(outside)
    return tuple(address for address in dict.fromkeys(found) if address != base_url)


def outside_container(base_url: str) -> str | None:
    """Return the address by which a container reaches a server on its own machine; None for any other host."""
    host, port = host_port(base_url)
    if not LOOPBACK.fullmatch(host):
        return None
    return normalise(f"{base_url.partition('://')[0]}://{CONTAINER_HOST}:{port}{_path(base_url)}")


def search(target: Target, known: Iterable[str] = ()) -> Iterator[Try]:
    """Ask each candidate for its list, one after the other, until one answers; 30 s and 8 requests at most.

    Each is yielded `running`, then with its verdict. The key goes to no other origin than the target's own.
    """
    deadline = time.monotonic() + SEARCH_SECONDS
    limits = replace(target.limits, first_byte_seconds=TRY_SECONDS, list_seconds=TRY_SECONDS)
    for base_url in candidates(target.base_url, known):
        left = min(TRY_SECONDS, deadline - time.monotonic())
        if left <= 0:
            return
        yield Try(base_url, "running")
        tried = _tried(replace(target, base_url=base_url, list_path="/models", limits=limits), left)
        yield tried
        if tried.is_hit or tried.verdict == "hopeless":
            return


def search_at(target: Target, model: str | None) -> Iterator[Try]:
    """Ask one address on the path that chats take, within 60 s: of a key, a list says less than an answer."""
    yield Try(target.base_url, "running")
    models, error = 0, None
    for rung in probe(target, model):
        models = rung.detail.get("models") or models
        if rung.error and (rung.verdict == "bad" or not error):
            error = rung.error
        elif rung.name == "stream" and rung.verdict == "good":
            error = None
    yield Try(target.base_url, "refused" if error else "found", models, error)


def _tried(target: Target, seconds: float) -> Try:
    try:
        found, _ = read_models(target, Brake(time.monotonic() + seconds))
    except UpstreamError as error:
        is_page = bool(_HTML.search(error.exchange.response))
        verdict: TryVerdict = "refused" if error.category in SPEAKING and not is_page else "missing"
        return Try(target.base_url, "hopeless" if error.category in HOPELESS else verdict, error=error)
    except Stopped:
        return Try(target.base_url, "missing")
    return Try(target.base_url, "found", len(found.models))


def _path(base_url: str) -> str:
    """The path of a normalised address, with its first slash; empty for a root."""
    _, slash, path = base_url.partition("://")[2].partition("/")
    return slash + path
