"""The only place that makes ids and tokens."""

import hashlib
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase  # base62


def random_text(length: int) -> str:
    """Return `length` random base62 characters (5.95 bits each)."""
    text = ""
    while len(text) < length:  # bytes of 248 and more are left out: they would make some characters likelier
        text += "".join(ALPHABET[byte % 62] for byte in secrets.token_bytes(length + 4) if byte < 248)
    return text[:length]


def public_id() -> str:
    """Return an id for a URL that nobody can guess or count: 16 characters, 95 bits."""
    return random_text(16)


def repeatable_id(*parts: object) -> str:
    """Return the public id that belongs to these parts: always the same one. One part must be unguessable."""
    number, text = int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()), ""
    for _ in range(16):
        number, digit = divmod(number, len(ALPHABET))
        text += ALPHABET[digit]
    return text


def checked_token(prefix: str) -> str:
    """Return `prefix_` + 30 random characters + a six-character checksum (the form GitHub's tokens have)."""
    body = random_text(30)
    return f"{prefix}_{body}{_checksum(body)}"


def is_checked_token(prefix: str, token: str) -> bool:
    """Tell whether the token is well formed, so that a mistyped or invented one costs no query."""
    head, _, rest = token.partition("_")
    return (
        head == prefix and len(rest) == 36 and rest.isascii() and rest.isalnum() and _checksum(rest[:30]) == rest[30:]
    )


def _checksum(body: str) -> str:
    number, text = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    return text
