"""Opening a connection: look the name up, check the address, connect, secure. Used by transport.py and probe.py."""

import contextlib
import functools
import ipaddress
import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.egress import IP, is_allowed, is_own_listener, literal

MAX_ADDRESSES = 6  # tried for one name
MAX_LOOKUPS = 64  # waiting at once: a resolver that hangs may hold so many threads and no more
NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})  # it speaks something else

_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


class Origin(NamedTuple):
    """Who is called. Connections are shared within one origin, whatever the key."""

    scheme: str
    host: str
    port: int
    allow_private: bool


@dataclass(slots=True)
class Link:
    """An open connection and what opening it showed."""

    origin: Origin
    sock: socket.socket
    idle_since: float = 0.0
    is_reused: bool = False


def look_up(origin: Origin, seconds: float, brake: Brake) -> list[IP]:
    """Addresses of a host, every one of which may be called. Raises Fault (network_dns, blocked_address)."""
    ip = literal(origin.host)
    addresses = [ip] if ip is not None else _ask_resolver(origin, brake.left(seconds), brake)
    if is_own_listener(origin.host, addresses, origin.port):
        raise Fault("blocked_address", "This is our own address; a call to it would go round in circles.")
    if not all(is_allowed(address, origin.allow_private) for address in addresses):
        raise Fault("blocked_address", "This address is not allowed.")
    return addresses[:MAX_ADDRESSES]


def connect(origin: Origin, addresses: list[IP], seconds: float, brake: Brake) -> socket.socket:
    """Connect to the first of the checked addresses that answers. Raises Fault (network_*)."""
    fault = Fault("network_dns", "The name has no address.")
    until = time.monotonic() + brake.left(seconds)
    for position, ip in enumerate(addresses):
        sock = socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6)
        sock.settimeout(max((until - time.monotonic()) / (len(addresses) - position), 0.001))
        try:
            brake.hold(functools.partial(shut, sock))
            sock.connect((str(ip), origin.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            fault = Fault("network_timeout", f"No connection to port {origin.port} in {seconds:.3g} s.")
        except OSError as error:
            category = "network_refused" if isinstance(error, ConnectionRefusedError) else "network_timeout"
            fault = Fault(category, f"No connection to port {origin.port}: {error.strerror or error}.")
        except Stopped:
            sock.close()
            raise
        else:
            return sock
        sock.close()
    brake.check()  # a pulled brake looks like a refused connection
    raise fault


def secure(origin: Origin, sock: socket.socket, seconds: float, brake: Brake) -> ssl.SSLSocket:
    """Start TLS and verify certificate and name. Raises Fault (network_tls); closes the socket then."""
    tls: ssl.SSLSocket | None = None
    try:
        sock.settimeout(brake.left(seconds))
        tls = tls_context().wrap_socket(sock, server_hostname=origin.host, do_handshake_on_connect=False)
        brake.hold(functools.partial(shut, tls))
        tls.do_handshake()
    except (OSError, Fault, Stopped) as error:
        (tls or sock).close()
        brake.check()  # a pulled brake looks like a broken handshake
        if isinstance(error, Fault):
            raise
        raise _tls_fault(error) from error
    return tls


def dial(origin: Origin, seconds: float, brake: Brake) -> Link:
    """Open a new connection within `seconds` altogether."""
    until = time.monotonic() + seconds
    addresses = look_up(origin, seconds, brake)
    sock = connect(origin, addresses, max(until - time.monotonic(), 0.001), brake)
    if origin.scheme == "https":
        sock = secure(origin, sock, max(until - time.monotonic(), 0.001), brake)
    return Link(origin, sock)


def shut(sock: socket.socket) -> None:
    """Wake whoever waits on the socket. Not `sock.shutdown`, which takes the TLS state away from a reading thread."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _tls_fault(error: BaseException) -> Fault:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Fault("network_tls", f"The certificate is not trusted: {error.verify_message}.")
    reason = getattr(error, "reason", None) or str(error)
    return Fault("network_tls", f"No TLS connection: {reason}.", "fix_base_url" if reason in NOT_TLS else None)


def _ask_resolver(origin: Origin, seconds: float, brake: Brake) -> list[IP]:
    """Call getaddrinfo in a thread of its own: it has no time-out and cannot be cut short."""
    answers: queue.SimpleQueue[list[IP] | Exception] = queue.SimpleQueue()
    brake.hold(lambda: answers.put(Stopped()))
    if not _lookups.acquire(blocking=False):
        raise Fault("network_dns", "Too many name look-ups are waiting for an answer.")
    threading.Thread(target=_getaddrinfo, args=(origin, answers), daemon=True, name="look-up").start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Fault("network_dns", f"The name was not found in {seconds:.0f} s.") from None
    if isinstance(answer, Stopped):
        raise answer
    if isinstance(answer, Exception):
        raise Fault("network_dns", f"The name was not found: {getattr(answer, 'strerror', None) or answer}.")
    return answer


def _getaddrinfo(origin: Origin, answers: queue.SimpleQueue[list[IP] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found)))
    except (OSError, ValueError) as error:  # ValueError: a label that IDNA cannot encode
        answers.put(error)
    finally:
        _lookups.release()


@functools.cache
def tls_context() -> ssl.SSLContext:
    """System authorities, or those of SSL_CERT_FILE; made once because loading them takes 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
