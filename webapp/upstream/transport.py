"""The only door to the network: sends a request with its key over a pooled connection and opens the answer."""

import atexit
import functools
from dataclasses import dataclass

from webapp.upstream.answer import Answer
from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.connection import Link, Origin, dial, shut
from webapp.upstream.dialects.call import Call
from webapp.upstream.egress import forbid_listener
from webapp.upstream.failures import Exchange
from webapp.upstream.head import Head, head_of
from webapp.upstream.pool import Pool
from webapp.upstream.redact import redact
from webapp.upstream.target import Target

__all__ = ["Sent", "forbid_listener", "pool", "send"]

READABLE_CHARACTERS = 4000  # of an answer in a raw exchange

# Connections are dear and belong to no request. The pool has a lock of its own.
pool = Pool()
atexit.register(pool.close)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request on its way, with its answer."""

    head: Head
    answer: Answer

    def exchange(self, body: bytes = b"") -> Exchange:
        """Return both sides as text for the page, without secrets and cut."""
        lines = [f"HTTP/1.1 {self.answer.status} {self.answer.reason}"]
        lines += [f"{name}: {value}" for name, value in self.answer.headers.items()]
        lines += ["", body[: READABLE_CHARACTERS * 4].decode("utf-8", "replace")]
        return Exchange(self.head.readable(), redact("\n".join(lines), self.head.secrets)[:READABLE_CHARACTERS])


def send(target: Target, call: Call, brake: Brake, seconds: float, cap: int) -> Sent:
    """Send one request and return when the head of the answer is there. A redirect is an answer like any other.

    `seconds` limit the rest of the call, `cap` (bytes) everything that is received. Raises Fault and Stopped.
    A request of which a byte has left is never sent twice.
    """
    head = head_of(target, call)
    link = _deliver(head.origin, head.encode() + (call.body or b""), brake, target)
    try:
        return Sent(head, Answer(link, brake, target.limits, seconds, cap))
    except (Fault, Stopped) as error:
        if isinstance(error, Fault):
            error.request = head.readable()
        _drop(link, brake)
        raise


def _deliver(origin: Origin, data: bytes, brake: Brake, target: Target) -> Link:
    """Write the request. An idle connection that takes no byte of it any more is replaced by another one."""
    while True:
        link = pool.take(origin) or dial(origin, target.limits.connect_seconds, brake)
        try:
            brake.hold(functools.partial(shut, link.sock))
            link.sock.settimeout(brake.left(target.limits.first_byte_seconds))
            count = link.sock.send(data)
        except OSError as error:
            _drop(link, brake)
            if not link.is_reused:
                raise _broken(error) from error
        except (Fault, Stopped):
            _drop(link, brake)
            raise
        else:
            break
    try:
        if count < len(data):
            link.sock.sendall(memoryview(data)[count:])
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may have answered before it heard us out: 413, 401
    except OSError as error:
        _drop(link, brake)
        raise _broken(error) from error
    return link


def _drop(link: Link, brake: Brake) -> None:
    """Close a connection in an unknown state. Raises Stopped when that state is the brake's work."""
    brake.release()
    link.sock.close()
    brake.check()


def _broken(error: OSError) -> Fault:
    if isinstance(error, TimeoutError):
        return Fault("timeout", "The server did not take the request.")
    return Fault("stream_cut", f"The connection broke while the request was sent: {error.strerror or error}.")
