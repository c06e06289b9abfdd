"""What people paste where an address belongs: in quotes, as a line of a .env file, as a curl command. No network."""

import re
import shlex
from typing import NamedTuple

from webapp.upstream.addresses import ENDPOINTS

LONGEST = 20_000  # a curl command may carry a whole request body
AUTO_HEADERS = frozenset({"accept", "content-type", "content-length", "user-agent", "host", "cookie", "origin"})
KEY_HEADERS = frozenset({"api-key", "x-api-key", "x-goog-api-key"})
# Options of curl that take a value, beside -H and --url; their values are no address.
CURL_VALUES = frozenset(
    "-X --request -U --proxy-user -E --cert --key --pass "
    "-d --data --data-raw --data-binary --data-ascii --json -o --output -u --user -A --user-agent -b "
    "--cookie -m --max-time --connect-timeout -x --proxy -e --referer -F --form -w --write-out --retry".split()
)
WRAPPING = " \t\r\n\u00a0\u200b\ufeff\"'`“”‘’<>(),;"

_CURL = re.compile(r"^[$>#%]?\s*curl(?:\.exe)?\s")
_LINE_END = re.compile(r"[\\^`]\s+")  # of a line that goes on; an input field turns the break itself into nothing
_DECLARED = re.compile(r"^(?:export|setx?|const|let|var)\s+")
_ASSIGNED = re.compile(
    r"""(?:^|[\s;,{(])["']?(?:\$env:)?(?P<name>[A-Za-z_][\w.-]*)["']?\s*(?:=|:(?=[\s"']))\s*["']?(?P<value>[^\s"',;()]+)"""
)
_KEY_NAME = re.compile(r"key|token|secret", re.IGNORECASE)
_ADDRESS_NAME = re.compile(r"url|base|host|endpoint", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[$<>{}…]|\.\.\.|your|xxx", re.IGNORECASE)
_AZURE = re.compile(
    r"(?P<root>(?:https://)?[\w-]+\.(?:openai|cognitiveservices|services\.ai)\.azure\.com)"
    r"/openai/deployments/(?P<model>[^/?#]+)",
    re.IGNORECASE,
)


class Pasted(NamedTuple):
    """What was recognised: an address for `normalise` and, where the text had them, how to sign in and what to send.

    `auth` is the style (a word of AuthStyle) and the header's name; `dialect` is empty when nothing tells.
    """

    address: str
    key: str = ""
    auth: tuple[str, str] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    dialect: str = ""
    model: str = ""

    @property
    def is_more_than_an_address(self) -> bool:
        """Whether something else was recognised, which the form should say."""
        return bool(self.key or self.auth or self.headers or self.dialect or self.model)


def read_pasted(text: str) -> Pasted:
    """Recognise an address in whatever was pasted; what is none comes back as it is, for `normalise` to refuse."""
    text = text[:LONGEST].strip()
    if _CURL.match(text):
        return _curl(text)
    assigned = _DECLARED.sub("", text)
    pairs = (
        [found.group("name", "value") for found in _ASSIGNED.finditer(assigned)] if _ASSIGNED.match(assigned) else []
    )
    address = next((value for name, value in pairs if "://" in value or _ADDRESS_NAME.search(name)), "")
    key = next((value for name, value in pairs if _KEY_NAME.search(name) and value != address), "")
    if not address and not _real(key):
        return _with_address(Pasted(""), text)
    return _with_address(Pasted("", key=_real(key)), address)


def _curl(text: str) -> Pasted:
    words = iter(_words(text)[1:])
    plain: list[str] = []
    lines: list[str] = []
    for word in words:
        if word in ("-H", "--header"):
            lines.append(next(words, ""))
        elif word.startswith(("-H", "--header=")):
            lines.append(word.removeprefix("--header=").removeprefix("-H"))
        elif word == "--oauth2-bearer":
            lines.append(f"Authorization: Bearer {next(words, '')}")
        elif word == "--url":
            plain.append(next(words, ""))
        elif word in CURL_VALUES:
            next(words, "")
        elif not word.startswith("-"):
            plain.append(word)
    address = next((word for word in plain if "://" in word), next(iter(plain), ""))
    return _with_address(_with_headers(lines), address)


def _words(text: str) -> list[str]:
    text = _LINE_END.sub(" ", text.lstrip("$>#% "))
    try:
        return shlex.split(text)
    except ValueError:  # an open quote
        return re.sub(r"[\"']", " ", text).split()


def _with_headers(lines: list[str]) -> Pasted:
    """Sort the headers of a request: the key, how it travels, the protocol, and what is left."""
    found = Pasted("")
    for line in lines:
        name, _, value = (part.strip() for part in line.partition(":"))
        if name.lower() == "authorization":
            scheme, _, key = value.partition(" ")
            if scheme.lower() == "bearer":
                found = found._replace(key=_real(key.strip()), auth=("bearer", ""))
        elif name.lower() in KEY_HEADERS:
            found = found._replace(key=_real(value), auth=("header", name.lower()))
        elif name.lower() == "anthropic-version":
            found = found._replace(dialect="anthropic")
        elif name and value and name.lower() not in AUTO_HEADERS:
            found = found._replace(headers=(*found.headers, (name, value)))
    return found


def _with_address(found: Pasted, text: str) -> Pasted:
    """Add the address: out of its wrapping, without the query of an endpoint, in the form that Azure calls v1."""
    address = re.sub(r"^(?:GET|POST)\s+", "", text.strip(WRAPPING)).strip(WRAPPING)
    if azure := _AZURE.match(address):
        # The form with deployments needs a version in each call; the v1 address names the deployment as the model.
        auth = found.auth or ("header", "api-key")
        return found._replace(address=f"{azure['root']}/openai/v1", model=azure["model"], auth=auth)
    path = re.split(r"[?#]", address, maxsplit=1)[0]
    is_endpoint = path.rstrip("/").lower().endswith(ENDPOINTS)
    return found._replace(address=path if is_endpoint else address)


def _real(key: str) -> str:
    """The key, unless it only stands for one: $OPENAI_API_KEY, <your key>, sk-..."""
    return "" if _PLACEHOLDER.search(key) else key
