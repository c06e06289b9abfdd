"""How values are written: times, numbers, sizes, in the language of the request."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from math import floor, log10
from typing import Any

from babel.dates import format_timedelta
from flask import Flask
from flask_babel import format_date, format_datetime, format_decimal, format_time, get_locale, gettext, to_user_timezone

from webapp.core import clock


def install_filters(app: Flask) -> None:
    """Make the filters known to templates."""
    for filter_ in (
        ago,
        ahead,
        moment,
        clock_time,
        since,
        groupby_day,
        number,
        compact,
        dollars,
        price,
        seconds,
        milliseconds,
    ):
        app.jinja_env.filters[filter_.__name__] = filter_


def ago(value: datetime | None) -> str:
    """`3 hours ago` up to a day, then a date."""
    if value is None:
        return str(gettext("never"))
    age = clock.now() - value
    if age < timedelta(seconds=10):
        return str(gettext("just now"))
    if age < timedelta(days=1):
        return str(format_timedelta(-age, add_direction=True, locale=get_locale()))
    return str(format_date(value, "medium"))


def ahead(value: datetime) -> str:
    """`in 3 hours`."""
    left = max(value - clock.now(), timedelta(seconds=1))
    return str(format_timedelta(left, add_direction=True, locale=get_locale()))


def moment(value: datetime) -> str:
    """Date and time, for titles."""
    return str(format_datetime(value, "medium"))


def clock_time(value: datetime) -> str:
    """`14:02`."""
    return str(format_time(value, "HH:mm"))


def since(value: datetime) -> str:
    """`14:02` within a day, then a date."""
    return clock_time(value) if clock.now() - value < timedelta(days=1) else str(format_date(value, "medium"))


def groupby_day(rows: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """Group rows that are sorted by `updated_at` under the headings of `day`."""
    return [(heading, list(group)) for heading, group in groupby(rows, key=lambda row: day(row.updated_at))]


def day(value: datetime) -> str:
    """`Today`, `Yesterday`, or how long ago in weeks and months: the headings of the conversation list."""
    days = (to_user_timezone(clock.now()).date() - to_user_timezone(value).date()).days
    if days <= 0:
        return str(gettext("Today"))
    if days == 1:
        return str(gettext("Yesterday"))
    if days <= 7:
        return str(gettext("Last 7 days"))
    return str(format_date(value, "LLLL y"))


def number(value: float) -> str:
    """`1,284`, grouped as the language does."""
    return str(format_decimal(value))


def compact(value: int) -> str:
    """`200k`, `1.05M`: sizes of contexts."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{format_decimal(round(value / size, 2 if size > 1000 else 1))}{letter}"
    return str(format_decimal(value))


def dollars(value_nano: int) -> str:
    """`$0.0034`, from billionths: cents at least, else the first two digits that count."""
    digits = max(2, 1 - floor(log10(value_nano / 10**9))) if value_nano else 2
    return f"${format_decimal(round(value_nano / 10**9, digits), format='#,##0.' + '0' * digits)}"


def price(value: float) -> str:
    """`$0.25`, `$3`, `free`: in dollars."""
    if not value:
        return str(gettext("free"))
    return f"${number(value)}" if value == int(value) else dollars(round(value * 10**9))


def seconds(value_ms: float) -> str:
    """`0.9 s`, from milliseconds."""
    return f"{format_decimal(round(value_ms / 1000, 1 if value_ms >= 950 else 2))} s"


def milliseconds(value_ms: float) -> str:
    """`38 ms`, or seconds from one second on."""
    return seconds(value_ms) if value_ms >= 1000 else f"{round(value_ms)} ms"
