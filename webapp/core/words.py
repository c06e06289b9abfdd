"""The form in which names are kept for searching, and words are looked for."""

import re
import unicodedata


def searchable(*texts: str | None) -> str:
    """Return texts in small letters without accents (đ counts as d)."""
    joined = " ".join(text for text in texts if text).casefold().replace("đ", "d")
    return "".join(char for char in unicodedata.normalize("NFKD", joined) if not unicodedata.combining(char))


def compact(text: str) -> str:
    """Return what of a searchable text is neither space nor punctuation, so that `gpt4o` finds `gpt-4o`."""
    return re.sub(r"[\W_]+", "", text)


def findable(*names: str | None) -> str:
    """Return what is searched for a model: its names as they are, then once more without punctuation."""
    texts = [searchable(name) for name in names if name]
    return " ".join([*texts, *(bare for text in texts if (bare := compact(text)) != text)])
