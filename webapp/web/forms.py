"""What all forms share: field errors as the design draws them."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, ValidationError


class Form(FlaskForm):  # type: ignore[misc]
    """A form whose bad input comes back with the message beside its field."""

    def reject(self, field: Field, message: str) -> None:
        """Add an error that only the domain could find."""
        field.errors = [*field.errors, message]


def strip(value: Any) -> Any:
    """Take white space off both ends of typed text (a WTForms filter)."""
    return value.strip() if isinstance(value, str) else value


def no_control_characters(_form: FlaskForm, field: Field) -> None:
    """Refuse NUL and its like: PostgreSQL cannot store them and nobody types them."""
    if any((char < " " and char not in "\n\r\t") or "\ud800" <= char <= "\udfff" for char in field.data or ""):
        raise ValidationError(field.gettext("This holds characters that cannot be stored."))
