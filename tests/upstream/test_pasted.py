"""Whatever people paste into the address field: what is recognised in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.upstream.addresses import AddressError, normalise
from webapp.upstream.pasted import read_pasted

BASE = "https://api.example.com/v1"
CURL = """curl https://api.example.com/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer sk-real-1234567890" \\
  -H 'X-Team: blue' \\
  -d '{"model": "m", "messages": [{"role": "user", "content": "It: https://other.example/x"}]}'"""


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        f"{BASE}/",
        f" {BASE}\n",
        f'"{BASE}"',
        f"'{BASE}',",
        f"`{BASE}`",
        f"<{BASE}>",
        f"“{BASE}”",
        f"\ufeff{BASE}\u200b",
        f"{BASE};",
        "api.example.com/v1",
        f"{BASE}/chat/completions",
        f"{BASE}/chat/completions?stream=true",
        f"{BASE}/models?limit=1000#top",
        f"{BASE}/messages",
        f"POST {BASE}/chat/completions",
        f"OPENAI_BASE_URL={BASE}",
        f'export OPENAI_BASE_URL="{BASE}"',
        f"set OPENAI_API_BASE={BASE}",
        f'$env:OPENAI_BASE_URL = "{BASE}"',
        f"OPENAI_BASE_URL = '{BASE}'",
        f'base_url="{BASE}",',
        f'"base_url": "{BASE}",',
        f"baseURL: '{BASE}',",
        f'client = OpenAI(base_url="{BASE}")',
        f'{{"baseUrl":"{BASE}"}}',
        "OPENAI_BASE_URL=api.example.com/v1",
        f"curl {BASE}/models",
        f"$ curl -sS {BASE}/models",
        f"curl --url {BASE}/models -X GET",
        f"curl -X POST '{BASE}/chat/completions' -d '{{}}'",
        f'curl -d "an open quote {BASE}/chat/completions',
        "curl api.example.com/v1/models",
        f"curl.exe -k {BASE}/models",
    ],
)
def test_every_pasted_form_leads_to_the_same_address(text: str) -> None:
    assert normalise(read_pasted(text).address) == BASE


@pytest.mark.parametrize(
    "typed", ["localhost:11434", "nas.lan:8080/v1", "http://[::1]:8080/v1", "host:99999", "a b", "https://h/ Host: x"]
)
def test_what_is_typed_plainly_is_left_alone(typed: str) -> None:
    assert read_pasted(typed) == (typed, "", None, (), "", "")


@pytest.mark.parametrize("text", [CURL, CURL.replace("\n", ""), CURL.replace("\\\n", "^\n")])
def test_a_curl_command_gives_its_key_and_its_headers(text: str) -> None:
    found = read_pasted(text)
    assert normalise(found.address) == BASE
    assert (found.key, found.auth, found.headers) == ("sk-real-1234567890", ("bearer", ""), (("X-Team", "blue"),))


def test_a_curl_command_in_anthropics_protocol_tells_protocol_and_header() -> None:
    found = read_pasted(
        'curl https://api.anthropic.com/v1/messages --header "x-api-key: sk-ant-1" -H"anthropic-version: 2023-06-01"'
    )
    assert (found.key, found.auth, found.dialect, found.headers) == (
        "sk-ant-1",
        ("header", "x-api-key"),
        "anthropic",
        (),
    )


@pytest.mark.parametrize("key", ["$OPENAI_API_KEY", "${KEY}", "<your key>", "YOUR_API_KEY", "sk-...", "sk-xxxx"])
def test_what_only_stands_for_a_key_is_none(key: str) -> None:
    found = read_pasted(f'curl {BASE}/models -H "Authorization: Bearer {key}"')
    assert (found.key, found.auth) == ("", ("bearer", ""))


def test_a_key_beside_the_address_is_recognised() -> None:
    found = read_pasted(f"OPENAI_BASE_URL={BASE} OPENAI_API_KEY=sk-real-1234567890")
    assert (found.address, found.key) == (BASE, "sk-real-1234567890")


def test_azures_deployment_becomes_its_v1_address_and_its_model() -> None:
    pasted = "https://me.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2024-10-21"
    assert read_pasted(pasted) == (
        "https://me.openai.azure.com/openai/v1",
        "",
        ("header", "api-key"),
        (),
        "",
        "gpt-5",
    )
    assert read_pasted("https://me.openai.azure.com").address == "https://me.openai.azure.com"


def test_a_query_that_belongs_to_no_endpoint_is_left_for_the_form_to_refuse() -> None:
    with pytest.raises(AddressError, match="query"):
        normalise(read_pasted(f"{BASE}?key=1").address)


@given(st.text(max_size=80) | st.text(alphabet="curl -H'\"=:/ hx\\", max_size=60))
def test_nothing_pasted_breaks_the_reader(text: str) -> None:
    read_pasted(text)


def test_a_line_with_a_key_alone_is_no_address() -> None:
    found = read_pasted("export OPENAI_API_KEY='sk-only-a-key-123456'")
    assert (found.address, found.key) == ("", "sk-only-a-key-123456")
