"""The form of what limits the calls to one provider: how long they may wait, how many there may be."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, lazy_gettext
from werkzeug.datastructures import MultiDict
from wtforms import StringField, ValidationError

from webapp.providers.limits import MOST_CONCURRENT, MOST_PER_MINUTE, TIMES, USUAL
from webapp.web.asked import InvalidInputError
from webapp.web.forms import Form, strip

RATES = {"requests_per_minute": (1, MOST_PER_MINUTE), "concurrent": (1, MOST_CONCURRENT)}
RANGES = TIMES | RATES


class LimitsForm(Form):
    """Whole numbers; an empty field is not set."""

    connect_seconds = StringField(lazy_gettext("Connection"), filters=[strip])
    first_byte_seconds = StringField(lazy_gettext("First token"), filters=[strip])
    idle_seconds = StringField(lazy_gettext("Silence"), filters=[strip])
    total_seconds = StringField(lazy_gettext("Whole answer"), filters=[strip])
    requests_per_minute = StringField(lazy_gettext("Requests per minute"), filters=[strip])
    concurrent = StringField(lazy_gettext("Calls at once"), filters=[strip])

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.limits: dict[str, int] = {}  # what was typed, once it is valid

    def validate(self, extra_validators: Any = None) -> bool:
        """Check all fields; `limits` is what they say."""
        self.limits = {}
        return bool(super().validate(extra_validators))

    def show(self, limits: dict[str, int]) -> None:
        """Fill the fields with what is stored."""
        for name in RANGES:
            self[name].data = str(limits.get(name) or "")

    @staticmethod
    def usual(name: str) -> int | None:
        """What holds while a field is empty; None: no limit."""
        return int(getattr(USUAL, name)) if name in TIMES else None

    def _check(self, field: StringField) -> None:
        if not field.data:
            return
        least, most = RANGES[field.short_name]
        if not (field.data.isascii() and field.data.isdigit()):
            raise ValidationError(gettext("Type a whole number."))
        if not least <= (number := int(field.data[:10])) <= most:
            raise ValidationError(gettext("This must be a number from %(least)s to %(most)s.", least=least, most=most))
        self.limits[field.short_name] = number

    validate_connect_seconds = validate_first_byte_seconds = validate_idle_seconds = _check
    validate_requests_per_minute = validate_concurrent = _check

    def validate_total_seconds(self, field: StringField) -> None:
        """Not over before the waits in it are."""
        self._check(field)
        total = self.limits.get("total_seconds", int(USUAL.total_seconds))
        longest = max(self.limits.get(name, 0) for name in ("first_byte_seconds", "idle_seconds"))
        if longest > total:
            raise ValidationError(
                gettext("The whole answer must be allowed %(least)s seconds at least.", least=longest)
            )


def checked_limits(values: Mapping[str, object]) -> dict[str, int]:
    """Return limits that a program sent, checked by the form. Raises InvalidInputError."""
    form = LimitsForm(MultiDict({name: str(value) for name, value in values.items()}), meta={"csrf": False})
    if not form.validate():
        raise InvalidInputError({f"limits.{name}": [str(text) for text in told] for name, told in form.errors.items()})
    return form.limits
