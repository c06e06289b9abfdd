"""How long the provider asks us to wait: headers first, then the body."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from webapp.upstream.classify.body import ErrorBody
from webapp.upstream.shapes import as_dict, as_list, as_text

NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "秒": 1.0, "分": 60.0, "小时": 3600.0}
PART = re.compile(NUMBER + r"\s*(ms|s|m|h|d)")
# Possessive, as "1ms" can be read in two ways: giving back would take for ever where many of them end in nonsense.
DURATION = rf"(?:{NUMBER}\s*+(?>ms|s|m|h|d)[a-z]*+\s*+)++"
PROSE = re.compile(rf"(?:again in|retry in|retry after|please wait|wait for|available in)\s+({DURATION})")
BARE = re.compile(rf"retry[-_ ]after[\"':= ]+{NUMBER}\b(?!\s*(?:ms|m|h|d))")
CHINESE = re.compile(rf"{NUMBER}\s*(秒|分|小时)钟?之?后")
SECONDS_FIELDS = ("estimated_time", "retry_after", "retry_after_seconds")
RESET_AT = re.compile(r"reset(?:s)? (?:at|on) (\d{4}-\d\d-\d\d[ t]\d\d:\d\d(?::\d\d)?z?)", re.I)
RESET_HEADERS = ("x-ratelimit-reset", "ratelimit-reset", "anthropic-ratelimit")


def wait_seconds(headers: Mapping[str, str], body: ErrorBody, now: datetime | None = None) -> float | None:
    """Return the seconds to wait, or None if nothing is said. Header names are lower case."""
    now = now or datetime.now(UTC)
    asked = _number(headers.get("retry-after-ms", ""))
    if asked is not None:
        return asked / 1000
    if (asked := _moment(headers.get("retry-after", ""), now)) is not None:
        return asked
    if known := [seconds for seconds in _said(body) if seconds is not None]:
        return max(known)
    return _reset_header(headers, now)


def reset_moment(body: ErrorBody) -> str | None:
    """Return the reset time that the text names; it has no time zone (Z.ai)."""
    found = RESET_AT.search(body.message)
    return found[1] if found else None


def _said(body: ErrorBody) -> Iterator[float | None]:
    """Read the body: Google's details[].retryDelay, fields of their own, and prose."""
    for item in as_list(body.fields.get("details"))[:20]:
        yield _duration(as_text(as_dict(item).get("retryDelay")))
    for place in (body.fields, as_dict(body.fields.get("metadata"))):
        for name in SECONDS_FIELDS:
            yield _number(str(place.get(name, "")))
        if (milliseconds := _number(str(place.get("retry_after_ms", "")))) is not None:
            yield milliseconds / 1000
    for found in PROSE.finditer(body.text):
        yield _duration(found[1])
    for found in BARE.finditer(body.text):
        yield float(found[1])
    for found in CHINESE.finditer(body.text):
        yield float(found[1]) * UNITS[found[2]]


def _reset_header(headers: Mapping[str, str], now: datetime) -> float | None:
    """Take the counters that stand at zero; without any such, the nearest reset."""
    spent: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        if not (name.startswith(RESET_HEADERS) and "reset" in name):
            continue
        seconds = _moment(value, now)
        if seconds is not None:
            is_spent = headers.get(name.replace("reset", "remaining"), "") == "0"
            (spent if is_spent else others).append(seconds)
    return max(spent) if spent else min(others, default=None)


def _moment(value: str, now: datetime) -> float | None:
    """Read seconds, "6m0s", an HTTP date, RFC 3339, or a Unix time in seconds or milliseconds."""
    value = value.strip()
    if (number := _number(value)) is not None:
        if number > 1e11:
            number /= 1000
        return max(0.0, number - now.timestamp()) if number > 1e9 else number
    if (seconds := _duration(value)) is not None:
        return seconds
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value)
        except (ValueError, OverflowError):
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    return None


def _duration(value: str) -> float | None:
    value = value.strip().lower()
    if not re.fullmatch(DURATION, value):
        return None
    return round(sum(float(number) * UNITS[unit] for number, unit in PART.findall(value)), 3)


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", value.strip()) else None
