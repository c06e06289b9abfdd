"""Takes the secrets of one call out of what it shows: in every spelling in which a far end may give them back."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from webapp.core import redact as core

SHORTEST_SECRET = 4  # a shorter "key" is a placeholder; taking it out would spoil the text and hide nothing


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without these secrets (plain, URL-encoded, base64, JSON) and without what looks like a key."""
    return core.redact(remove(text, forms(secrets)))


def remove(text: str, secret_forms: tuple[str, ...]) -> str:
    """Take out the given forms only. Fit for a model's answer, where an example of a key is just text."""
    for form in secret_forms:
        if form in text:
            text = text.replace(form, core.REMOVED)
    return text


def forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Every spelling of the secrets, the longest first."""
    found: set[str] = set()
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            quoted, escaped = quote(secret, safe=""), json.dumps(secret)[1:-1]
            found |= {secret, quoted, quoted.lower(), quote(secret), quote_plus(secret)}
            found |= {escaped, escaped.replace("/", "\\/")}
            found |= _base64_forms(secret.encode())
    return tuple(sorted(found, key=len, reverse=True))


def _base64_forms(raw: bytes) -> set[str]:
    """The middle of the encoding at each of the three alignments: what surrounds the secret changes only the ends."""
    found = set()
    for shift in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(bytes(shift) + raw).decode().rstrip("=")
            whole = text[(8 * shift + 5) // 6 : 8 * (shift + len(raw)) // 6]
            if len(whole) >= SHORTEST_SECRET:
                found.add(whole)
    return found
