"""The key ring: seals provider keys for the database with AES-256-GCM, an envelope key for each value.

Sealed form (text): `v1.<key id>.<base64 of nonce(12) wrapped-key(48) nonce(12) ciphertext+tag>`. The context (what the
value belongs to: record, owner, origin) is authenticated with both parts, so that a value copied to another row,
owner or host does not open. Master keys: `id:base64,id:base64`; the first seals, all open.
"""

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.core.errors import ConfigError, CryptoError
from webapp.core.secret import Secret

NONCE_BYTES, KEY_BYTES, TAG_BYTES = 12, 32, 16


@dataclass(frozen=True)
class KeyRing:
    """The master keys of one installation, newest first."""

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: Secret) -> Self:
        """Read `id:base64,…`; raise ConfigError, without quoting the text, when it is not that."""
        keys: dict[str, bytes] = {}
        for entry in text.reveal().split(","):
            key_id, _, encoded = entry.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError:
                key = b""
            is_new = key_id.isalnum() and key_id.isascii() and key_id not in keys
            if not is_new or len(key) != KEY_BYTES or len(set(key)) < 8:
                raise ConfigError(
                    "The encryption keys must be id:base64,… with different ids and 32 random bytes each "
                    "(make one with: openssl rand -base64 32)."
                )
            keys[key_id] = key
        return cls(keys)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the key file, made at first use with mode 0600; refuse one that others can read."""
        return cls.parse(Secret(private_file(path, lambda: f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}")))

    def seal(self, secret: Secret, context: str) -> str:
        """Encrypt a secret for one context."""
        key_id, master = next(iter(self.keys.items()))
        aad = f"jackfield|v1|{context}".encode()
        envelope_key, outer, inner = AESGCM.generate_key(256), os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        wrapped = AESGCM(master).encrypt(outer, envelope_key, aad)
        sealed = AESGCM(envelope_key).encrypt(inner, secret.reveal().encode(), aad)
        return f"v1.{key_id}.{base64.b64encode(outer + wrapped + inner + sealed).decode()}"

    def has_key_of(self, sealed: str) -> bool:
        """Tell, without opening anything, whether the master key that sealed this is at hand."""
        return sealed.partition(".")[2].partition(".")[0] in self.keys

    def open(self, sealed: str, context: str) -> Secret:
        """Decrypt what `seal` made for the same context; raise CryptoError for anything else."""
        version, _, rest = sealed.partition(".")
        key_id, _, encoded = rest.partition(".")
        master = self.keys.get(key_id)
        if version != "v1" or master is None:
            raise CryptoError(f"No master key with the id {key_id!r} is at hand.")
        aad = f"jackfield|v1|{context}".encode()
        middle = NONCE_BYTES + KEY_BYTES + TAG_BYTES
        try:
            data = base64.b64decode(encoded, validate=True)
            envelope_key = AESGCM(master).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:middle], aad)
            inner, ciphertext = data[middle : middle + NONCE_BYTES], data[middle + NONCE_BYTES :]
            return Secret(AESGCM(envelope_key).decrypt(inner, ciphertext, aad).decode())
        except (InvalidTag, ValueError):
            # `from None`: the chained error would carry nothing useful and its frames hold key material.
            raise CryptoError("The sealed value does not open: wrong master key, record, owner or address.") from None


def private_file(path: Path, make: Callable[[], str]) -> str:
    """Return a secret file's text; written with `make()` at first, mode 0600. Others must not read it."""
    if not path.exists():
        _write_once(path, make() + "\n")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} can be read by others. Protect it: chmod 600 {path}")
    text = path.read_text(errors="replace").strip()
    if len(text) < 32 or not text.isascii():
        raise ConfigError(f"{path} is empty or damaged. Restore it from your backup.")
    return text


def _write_once(path: Path, text: str) -> None:
    """Make a whole file of mode 0600, unless another process was quicker: nobody ever sees half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
