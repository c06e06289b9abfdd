"""The egress rule holds on the address that the socket connects to, however that address was written or found."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.far_end import FarEnd
from webapp.upstream import complete, egress, list_models
from webapp.upstream.egress import literal, reach
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ChatMessage, ChatRequest
from webapp.upstream.target import Limits, Target
from webapp.upstream.transport import forbid_listener, pool

ASK = ChatRequest("ok", (ChatMessage("user", "Hello"),))


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd() as server:
        yield server


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that a socket of ours tries to connect to."""
    seen: list[Any] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        seen.append(address)
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return seen


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A resolver double: each look-up takes the next answer, the last one for ever."""

    def install(*answers: list[str]) -> list[str]:
        left = list(answers)
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, *_args: Any, **_kw: Any) -> list[Any]:
            asked.append(host)
            ips = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET6 if ":" in ip else socket.AF_INET, 1, 6, "", (ip, port)) for ip in ips]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return install


def category_of(target: Target) -> str:
    with pytest.raises(UpstreamError) as caught:
        complete(target, ASK)
    return caught.value.category


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "100.64.1.1",
        "[fe80::1]",
        "224.0.0.1",
        "[ff02::1]",
        "0.0.0.0",
        "255.255.255.255",
        "198.18.0.1",
        "240.0.0.1",
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_special_addresses_are_blocked_for_everybody(host: str, allow_private: bool, connects: list[Any]) -> None:
    url = f"http://{host}/v1".replace("::ffff:169.254.169.254", "::ffff:a9fe:a9fe")
    assert category_of(Target("openai", url, allow_private=allow_private)) == "blocked_address"
    assert connects == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "[::1]", "[fc00::1]", "[::ffff:7f00:1]", "[64:ff9b::a00:1]"],
)
def test_private_addresses_are_blocked_until_an_admin_allows_them(host: str, connects: list[Any]) -> None:
    assert category_of(Target("openai", f"http://{host}:9/v1")) == "blocked_address"
    assert connects == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0", "127.0.0.1."])
def test_an_odd_notation_never_reaches_the_network(host: str, connects: list[Any]) -> None:
    """Stored addresses are normalised; one that is not, by whatever way, is refused."""
    assert category_of(Target("openai", f"http://{host}/v1", allow_private=True)) in ("bad_request", "blocked_address")
    assert connects == []


def test_a_name_that_resolves_to_a_private_address_is_blocked(
    resolve_to: Callable[..., list[str]], connects: list[Any]
) -> None:
    resolve_to(["10.0.0.5"])
    assert category_of(Target("openai", "https://api.example.com/v1")) == "blocked_address"
    assert connects == []


def test_one_private_answer_among_public_ones_blocks_the_name(
    resolve_to: Callable[..., list[str]], connects: list[Any]
) -> None:
    resolve_to(["93.184.216.34", "127.0.0.1"])
    assert category_of(Target("openai", "https://api.example.com/v1")) == "blocked_address"
    assert connects == []


def test_a_confirmed_name_that_moves_to_metadata_is_blocked(
    far_end: FarEnd, resolve_to: Callable[..., list[str]], connects: list[Any]
) -> None:
    resolve_to(["127.0.0.1"], ["169.254.169.254"])
    target = Target("openai", f"http://llm.lan:{far_end.port}/v1", allow_private=True)
    assert complete(target, ASK).text == far_end.text
    far_end.hang_up()
    assert category_of(target) == "blocked_address"
    assert connects == [("127.0.0.1", far_end.port)]


def test_rebinding_never_reaches_the_second_address(
    far_end: FarEnd, resolve_to: Callable[..., list[str]], connects: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public at the first look-up, loopback at the second: the address connected to is the one that was checked."""
    asked = resolve_to(["93.184.216.34"], ["127.0.0.1"])
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: connects.append(address) or _refuse())
    target = Target("openai", f"http://rebind.example.com:{far_end.port}/v1")
    assert category_of(target) == "network_refused"
    assert category_of(target) == "blocked_address"
    assert asked == ["rebind.example.com"] * 2
    assert connects == [("93.184.216.34", far_end.port)]
    assert far_end.connections == 0


def _refuse() -> None:
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_pooled_private_connection_does_not_serve_a_target_without_permission(far_end: FarEnd) -> None:
    complete(Target("openai", far_end.base_url, allow_private=True), ASK)
    assert category_of(Target("openai", far_end.base_url)) == "blocked_address"
    assert len(far_end.calls) == 1


@pytest.fixture
def _no_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test forbids must not outlive it: ports come back."""
    monkeypatch.setattr(egress, "_listeners", set())


@pytest.mark.usefixtures("_no_listeners")
def test_our_own_listener_is_never_called(far_end: FarEnd) -> None:
    forbid_listener("0.0.0.0", far_end.port)
    target = Target("openai", far_end.base_url, allow_private=True)
    assert category_of(target) == "blocked_address"
    assert far_end.connections == 0


@pytest.mark.usefixtures("_no_listeners")
def test_our_public_name_is_never_called(resolve_to: Callable[..., list[str]], connects: list[Any]) -> None:
    resolve_to(["93.184.216.34"])
    forbid_listener("panel.example.com", 8443)
    assert category_of(Target("openai", "https://panel.example.com:8443/v1")) == "blocked_address"
    assert connects == []


def test_a_resolver_that_never_answers_ends_in_time_and_holds_nobody_else_up(
    far_end: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kw: release.wait(20) and [])
    target = Target("openai", "https://slow.example.com/v1", limits=Limits(connect_seconds=0.3))
    started = time.monotonic()
    waiting = threading.Thread(target=category_of, args=(target,))
    waiting.start()
    assert complete(Target("openai", far_end.base_url, allow_private=True), ASK).text == far_end.text
    waiting.join(5)
    release.set()
    assert 0.3 <= time.monotonic() - started < 3


def test_a_name_that_does_not_exist_is_a_dns_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_args: Any, **_kw: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert category_of(Target("openai", "https://nowhere.example.com/v1")) == "network_dns"


def test_a_closed_port_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert category_of(Target("openai", url, allow_private=True)) == "network_refused"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_the_other_host_sees_nothing(far_end: FarEnd, status: int) -> None:
    with FarEnd() as other:
        for base in (
            far_end.at(f"redirect:{status}:{other.base_url}/models"),
            far_end.at(f"redirect:{status}:/v1/models"),
        ):
            target = Target("openai", base, headers=(("api-key", "canary-5713"),), allow_private=True)
            with pytest.raises(UpstreamError) as caught:
                list_models(target)
            assert caught.value.category == "wrong_path"
            assert caught.value.status == status
        assert other.connections == 0
        assert len(far_end.calls) == 2


def test_an_address_is_the_worst_of_what_it_carries() -> None:
    for text in ("::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "::7f00:1"):
        assert reach(ipaddress.ip_address(text)) == "private", text
    assert reach(ipaddress.ip_address("2001:0:a9fe:a9fe::")) == "denied"
    assert reach(ipaddress.ip_address("64:ff9b::808:808")) == "public"
    assert literal("fe80::1%eth0") is None or reach(literal("fe80::1%eth0")) == "denied"  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _empty_pool() -> Iterator[None]:
    yield
    pool.close()
