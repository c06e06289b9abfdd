"""Lets an SDK speak through our one door: `httpx2.Client(transport=SdkTransport(target))`."""

from collections.abc import Iterator
from typing import NoReturn

import httpx2

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.dialects import Call
from webapp.upstream.target import Target
from webapp.upstream.transport import Sent, pool, send


class SdkTransport(httpx2.BaseTransport):
    """Sends an SDK's requests under the rules of the target: its origin, its key, its limits, its headers.

    What the SDK adds of its own (its key, its organisation, its tracking headers) is left out.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.brake = Brake()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises httpx2.TransportError and its kinds only."""
        call = Call(request.method, str(request.url), headers=dict(request.headers), body=request.read())
        limits = self._target.limits
        try:
            sent = send(self._target, call, self.brake, limits.total_seconds, limits.stream_bytes)
        except (Fault, Stopped) as error:
            _raise(error, request)
        headers = list(sent.answer.headers.items())
        return httpx2.Response(sent.answer.status, headers=headers, stream=_Body(sent, request))


class _Body(httpx2.SyncByteStream):
    def __init__(self, sent: Sent, request: httpx2.Request) -> None:
        self._sent, self._request = sent, request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from iter(self._sent.answer.read, b"")
        except (Fault, Stopped) as error:
            _raise(error, self._request)

    def close(self) -> None:
        self._sent.answer.settle(pool)


def _raise(error: Fault | Stopped, request: httpx2.Request) -> NoReturn:
    """Tell the SDK in its own words; it must not know more than the category and our sentence."""
    if isinstance(error, Stopped):
        raise httpx2.ReadError("stopped", request=request) from error
    kind = httpx2.ReadTimeout if error.category == "timeout" else httpx2.TransportError
    raise kind(f"{error.category}: {error}", request=request) from error
