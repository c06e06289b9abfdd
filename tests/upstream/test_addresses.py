"""Base addresses: what is repaired, what is refused, and what is called private."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.upstream.addresses import (
    AddressError,
    endpoints,
    host_port,
    is_denied,
    needs_confirmation,
    normalise,
    origin,
)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  https://api.example.com/v1/ \n", "https://api.example.com/v1"),
        ("https://api.example.com//v1///chat/completions/", "https://api.example.com/v1"),
        ("https://api.example.com/v1/models", "https://api.example.com/v1"),
        ("https://api.example.com/v1/messages", "https://api.example.com/v1"),
        ("https://api.example.com/v1/responses", "https://api.example.com/v1"),
        ("https://api.example.com/v1/completions", "https://api.example.com/v1"),
        ("HTTPS://API.Example.COM.:443/V1", "https://api.example.com/V1"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("localhost:11434", "http://localhost:11434"),
        ("192.168.1.5:1234/v1", "http://192.168.1.5:1234/v1"),
        ("nas.lan/v1", "http://nas.lan/v1"),
        ("http://127.1/v1", "http://127.0.0.1/v1"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://0x7f.1", "http://127.0.0.1"),
        ("http://[::1]:8080/v1/", "http://[::1]:8080/v1"),
        ("https://xn--mnchen-3ya.de/v1", "https://xn--mnchen-3ya.de/v1"),
    ],
)
def test_a_typed_address_is_repaired(typed: str, stored: str) -> None:
    assert normalise(typed) == stored
    assert normalise(stored) == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "empty"),
        ("file:///etc/passwd", "bad_scheme"),
        ("gopher://host", "bad_scheme"),
        ("ftp://host", "bad_scheme"),
        ("http+unix://%2Fvar%2Frun%2Fx", "bad_scheme"),
        ("//host", "bad_scheme"),
        ("http:host", "bad_scheme"),
        ("javascript:alert", "bad_port"),
        ("https://user:pw@host/v1", "userinfo"),
        ("http://good.com@127.0.0.1", "userinfo"),
        ("http://good.com\\@127.0.0.1", "bad_character"),
        ("https://host/v1#part", "fragment"),
        ("https://host/v1?key=1", "query"),
        ("https://host/%00", "control"),
        ("https://ho\tst/", "control"),
        ("https://host/\r\nX: y", "control"),
        ("https://host/%0d%0aX: y", "control"),
        ("https://host/a b", "bad_character"),
        ("https://host/" + "a" * 2100, "too_long"),
        ("https://" + "a" * 300 + ".com", "bad_host"),
        ("https://аpple.com", "non_ascii_host"),
        ("http://127。0。0。1", "non_ascii_host"),
        ("https:///v1", "empty_host"),
        ("https://host:0", "bad_port"),
        ("https://host:99999", "bad_port"),
        ("https://host:", "bad_port"),
        ("http://[fe80::1%25eth0]/", "bad_host"),
        ("http://1.2.3.4.5/", "bad_host"),
    ],
)
def test_an_address_that_cannot_be_a_base_url_is_refused_with_its_reason(typed: str, code: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalise(typed)
    assert caught.value.code == code


def test_the_origin_always_names_the_port() -> None:
    assert origin("https://api.example.com/v1") == "https://api.example.com:443"
    assert origin("http://[::1]/v1") == "http://[::1]:80"
    assert origin("https://xn--mnchen-3ya.de") == "https://xn--mnchen-3ya.de:443"
    assert host_port("http://[::1]:8080/v1") == ("::1", 8080)


@pytest.mark.parametrize(
    "host",
    """127.1 2130706433 017700000001 0x7f000001 [::ffff:7f00:1] [::1] localhost ollama nas.lan box.local x.internal
    pi.home.arpa 10.0.0.1 172.16.9.9 192.168.0.1 [fd00::1] [fe80::1] 169.254.1.1 [64:ff9b::7f00:1]""".split(),
)
def test_a_private_address_needs_confirmation_in_every_notation(host: str) -> None:
    assert needs_confirmation(normalise(f"http://{host}:8000/v1"))


@pytest.mark.parametrize("host", ["api.example.com", "8.8.8.8", "[2606:4700::1111]", "localhost.example.com"])
def test_a_public_address_needs_no_confirmation(host: str) -> None:
    assert not needs_confirmation(normalise(f"https://{host}/v1"))


@pytest.mark.parametrize(
    "url",
    """http://169.254.169.254/latest http://[fd00:ec2::254] http://100.100.100.200 http://0 http://192.0.0.192
    http://168.63.129.16 http://[::ffff:a9fe:a9fe] http://2852039166 http://224.0.0.1 http://255.255.255.255""".split(),
)
def test_metadata_and_special_addresses_are_denied_to_everybody(url: str) -> None:
    assert is_denied(normalise(url))


def test_a_private_address_is_not_denied_to_an_admin() -> None:
    assert not is_denied("http://127.0.0.1:11434")


def test_the_form_shows_the_urls_that_will_be_called() -> None:
    assert endpoints("https://h/v1") == ("https://h/v1/chat/completions", "https://h/v1/models")
    assert endpoints("https://h/v1", "/messages", None) == ("https://h/v1/messages", None)


@given(st.text(max_size=60) | st.text(alphabet="htps:/.@#?[]%1a \\", max_size=40))
def test_normalising_twice_changes_nothing_and_nothing_but_an_address_error_escapes(text: str) -> None:
    try:
        once = normalise(text)
    except AddressError:
        return
    assert normalise(once) == once
    assert origin(once).startswith(("http://", "https://"))
    needs_confirmation(once)
