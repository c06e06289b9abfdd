"""Takes secrets out of any text that is shown, stored or logged."""

import base64
import json
import re
from urllib.parse import quote

from webapp.core.secret import live_secrets

REMOVED = "[removed]"
SHORTEST = 6  # a shorter "secret" (a local server's key "none") would blank ordinary words

# Backup for secrets that this process does not hold: keys of the known vendors, bearer tokens, our own tokens.
PATTERNS = re.compile(
    r"""(?x)
    \b(?:sk|pk|rk|gsk|xai|nvapi|fw|hf|otk|jf|tgp|AIza|ghp|glpat)[-_][A-Za-z0-9_\-.]{12,}
    | \bAIza[A-Za-z0-9_\-]{20,}
    | (?<=[Bb]earer\ )[A-Za-z0-9_\-.~+/=]{8,}
    """
)


def redact(text: str) -> str:
    """Replace every live secret, plain or encoded, and everything that looks like a key."""
    for plain in live_secrets():
        if len(plain) >= SHORTEST:
            for form in _forms(plain):
                if form in text:
                    text = text.replace(form, REMOVED)
    return PATTERNS.sub(REMOVED, text)


def _forms(plain: str) -> set[str]:
    """The ways in which a far end may quote a secret: as it is, in a URL, in JSON, in base64."""
    encoded = base64.b64encode(plain.encode()).decode()
    return {plain, quote(plain, safe=""), json.dumps(plain)[1:-1], encoded, encoded.rstrip("=")}
