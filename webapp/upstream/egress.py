"""Which addresses may be called: the policy alone. `connection.py` asks it about the very address it connects to."""

import ipaddress
import re
import socket
import threading
from collections.abc import Iterable
from typing import Literal

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Reach = Literal["public", "private", "denied"]

_PRIVATE = (
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("172.16.0.0/12"),
    ipaddress.ip_network("192.168.0.0/16"),
    ipaddress.ip_network("::1"),
    ipaddress.ip_network("fc00::/7"),
    ipaddress.ip_network("64:ff9b:1::/48"),  # NAT64 of a local network
)
# Nobody may open these, an admin neither.
_DENIED = (
    ipaddress.ip_network("0.0.0.0/8"),
    ipaddress.ip_network("100.64.0.0/10"),  # carrier NAT, and metadata at 100.100.100.200
    ipaddress.ip_network("169.254.0.0/16"),  # link-local, and metadata of most clouds
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, and metadata at 192.0.0.192
    ipaddress.ip_network("192.0.2.0/24"),  # documentation
    ipaddress.ip_network("192.88.99.0/24"),  # old 6to4 relays
    ipaddress.ip_network("198.18.0.0/15"),  # benchmarks
    ipaddress.ip_network("198.51.100.0/24"),
    ipaddress.ip_network("203.0.113.0/24"),
    ipaddress.ip_network("224.0.0.0/4"),  # multicast
    ipaddress.ip_network("240.0.0.0/4"),
    ipaddress.ip_network("168.63.129.16"),  # platform service of a cloud, although the address is public
    ipaddress.ip_network("fd00:ec2::254"),  # metadata over IPv6
    ipaddress.ip_network("fd20:ce::254"),
    ipaddress.ip_network("2001:db8::/32"),
    ipaddress.ip_network("3fff::/20"),
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_LOOPBACK6 = ipaddress.IPv6Address("::1")
_LAST_32_BITS = (
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)
_NUMERIC = re.compile(r"[0-9a-fA-FxX.]+")

# Where this process listens: a call to it would loop. Set once at start, read by every connection.
_listeners: set[tuple[str, int]] = set()
_listeners_lock = threading.Lock()


def forbid_listener(host: str, port: int) -> None:
    """Never connect to our own listener. A wildcard host or a name stands for every address of this machine."""
    with _listeners_lock:
        _listeners.add((host.lower().strip("[]"), port))


def is_own_listener(host: str, addresses: Iterable[IP], port: int) -> bool:
    """Tell whether a connection to `host`, found at `addresses`, would reach this very process."""
    with _listeners_lock:
        forbidden = {name for name, listening in _listeners if listening == port}
    if not forbidden:
        return False
    specific = {ip for ip in map(literal, forbidden) if ip is not None and not ip.is_unspecified}
    anywhere = len(specific) < len(forbidden)
    return host.lower() in forbidden or any(
        ip in specific or (anywhere and _is_of_this_machine(ip)) for ip in map(_plain, addresses)
    )


def is_allowed(ip: IP, allow_private: bool) -> bool:
    """Tell whether a connection to this address may be opened."""
    reached = reach(ip)
    return reached == "public" or (allow_private and reached == "private")


def reach(ip: IP) -> Reach:
    """Class of an address. One that carries an IPv4 address inside counts as the worse of the two."""
    inner = [reach(address) for address in embedded(ip)]
    own = _own_reach(ip, bool(inner))
    return max([own, *inner], key=("public", "private", "denied").index)


def embedded(ip: IP) -> list[IP]:
    """IPv4 addresses inside an IPv6 address: mapped, compatible, NAT64, 6to4 and Teredo (server and client)."""
    if isinstance(ip, ipaddress.IPv4Address) or ip == _LOOPBACK6:
        return []
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    if ip.sixtofour:
        return [ip.sixtofour]
    if ip.teredo:
        return list(ip.teredo)
    if any(ip in network for network in _LAST_32_BITS):
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    return []


def literal(host: str) -> IP | None:
    """The address that a host spells in any notation (127.1, 0x7f.1, 2130706433, ::1); None when it is a name."""
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host)
        except ValueError:
            return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if _NUMERIC.fullmatch(host) else None
    except OSError:
        return None


def _own_reach(ip: IP, carries_ipv4: bool) -> Reach:
    if any(ip in network for network in _DENIED):
        return "denied"
    if any(ip in network for network in _PRIVATE):
        return "private"
    if isinstance(ip, ipaddress.IPv4Address):
        return "public" if ip.is_global else "denied"
    return "public" if carries_ipv4 or (ip in _GLOBAL_UNICAST and ip.is_global) else "denied"


def _plain(ip: IP) -> IP:
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _is_of_this_machine(ip: IP) -> bool:
    """Only an address of ours can be bound; that needs no list of interfaces."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
