"""The form of a remote gateway; the API checks with it, too."""

from typing import Any

from flask import g
from flask_babel import gettext, lazy_gettext
from wtforms import BooleanField, IntegerField, PasswordField, StringField, ValidationError
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from webapp.core.database import db
from webapp.core.secret import Secret
from webapp.providers.editing import confirm_private
from webapp.providers.forms import ADDRESS_ERROR, ADDRESS_ERRORS, LONGEST_NAME
from webapp.providers.private_address import is_open
from webapp.routing.gateway import MOST_WEIGHT
from webapp.upstream.addresses import AddressError, host_port, is_denied, needs_confirmation, normalise
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_KEY = 8_000


class GatewayForm(Form):
    """Name, address, key, weight. A private address has to be confirmed."""

    name = StringField(
        lazy_gettext("Name"),
        [DataRequired(lazy_gettext("Give it a name.")), Length(max=LONGEST_NAME), no_control_characters],
        [strip],
    )
    base_url = StringField(lazy_gettext("Address"), [no_control_characters], [strip])
    api_key = PasswordField(lazy_gettext("Virtual key"), [Length(max=LONGEST_KEY)])
    weight = IntegerField(
        lazy_gettext("Weight"),
        [
            Optional(),
            NumberRange(1, MOST_WEIGHT, lazy_gettext("This must be a number from %(min)s to %(max)s.")),
        ],
        default=1,
    )
    allow_private = BooleanField(lazy_gettext("Open this address"))

    def validate_base_url(self, field: StringField) -> None:
        """Repair the address; LiteLLM's API is below /v1."""
        try:
            url = normalise(field.data or "")
        except AddressError as error:
            raise ValidationError(str(ADDRESS_ERRORS.get(error.code, ADDRESS_ERROR))) from None
        field.data = url if url.endswith("/v1") else f"{url}/v1"
        if is_denied(url):
            raise ValidationError(gettext("This address is never opened: it belongs to the network's own machinery."))

    def validate_api_key(self, field: PasswordField) -> None:
        """Clean what a clipboard adds; refuse what cannot be sent."""
        field.data = (field.data or "").strip().strip("\"'")
        if any(not "!" <= char <= "~" for char in field.data):
            raise ValidationError(gettext("A key is one line of plain ASCII characters without spaces. Copy it again."))

    def validate(self, extra_validators: Any = None) -> bool:
        """Check all fields; a private address is opened here, as the admin confirmed it."""
        if not super().validate(extra_validators):
            return False
        if needs_confirmation(self.base_url.data) and not is_open(db.session, *host_port(self.base_url.data)):
            host, port = host_port(self.base_url.data)
            if not self.allow_private.data:
                place = f"{host}:{port}"
                self.reject(
                    self.allow_private, gettext("Confirm that Jackfield may connect to %(place)s.", place=place)
                )
                return False
            confirm_private(db.session, g.user, host, port)
        return True

    @property
    def key(self) -> Secret | None:
        """The typed key."""
        return Secret(self.api_key.data) if self.api_key.data else None

    @property
    def wanted(self) -> dict[str, Any]:
        """The columns, once all is valid."""
        return {"name": self.name.data, "base_url": self.base_url.data, "weight": self.weight.data or 1}
