"""Every private address stays private in every IPv6 form that carries it, and in every notation of its numbers."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.upstream.addresses import AddressError, host_port, normalise
from webapp.upstream.egress import is_allowed, literal, reach

SPECIAL = st.sampled_from(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 "
    "198.18.0.0/15 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32".split()
).flatmap(lambda network: st.ip_addresses(v=4, network=network))
# security.md T3: mapped, compatible, NAT64 of both kinds, 6to4, Teredo (server; client, inverted).
FORMS = {
    "mapped": lambda v4: (0xFFFF << 32) | v4,
    "compatible": lambda v4: v4,
    "nat64": lambda v4: (0x64FF9B << 96) | v4,
    "local nat64": lambda v4: (0x64FF9B0001 << 80) | v4,
    "6to4": lambda v4: (0x2002 << 112) | (v4 << 80) | 1,
    "teredo server": lambda v4: (0x20010000 << 96) | (v4 << 64) | (0xFFFFFFFF ^ 0x08080808),
    "teredo client": lambda v4: (0x20010000 << 96) | (0x08080808 << 64) | (0xFFFFFFFF ^ v4),
}


@pytest.mark.parametrize("form", FORMS)
@given(address=SPECIAL)
def test_no_form_makes_a_special_address_public(form: str, address: ipaddress.IPv4Address) -> None:
    carried = ipaddress.IPv6Address(FORMS[form](int(address)))
    assert reach(carried) != "public", carried
    assert not is_allowed(carried, allow_private=False)
    if reach(address) == "denied":
        assert not is_allowed(carried, allow_private=True), carried


@given(address=SPECIAL, data=st.data())
def test_no_notation_hides_a_special_address(address: ipaddress.IPv4Address, data: st.DataObject) -> None:
    """One to four parts, each decimal, octal or hexadecimal: what inet_aton reads, and with it most resolvers."""
    number, count = int(address), data.draw(st.integers(1, 4))
    last_bits = 8 * (5 - count)
    parts = [number >> (24 - 8 * place) & 0xFF for place in range(count - 1)] + [number & ((1 << last_bits) - 1)]
    written = ".".join(data.draw(st.sampled_from(("{:d}", "0{:o}", "0x{:x}", "0X{:X}"))).format(part) for part in parts)
    assert literal(written) == address
    try:
        host, _ = host_port(normalise(f"http://{written}/v1"))
    except AddressError:
        return
    assert host == str(address)
