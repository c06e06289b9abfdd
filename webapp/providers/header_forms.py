"""One extra request header of a provider, as a row of its form."""

import re

from flask_babel import gettext, lazy_gettext
from wtforms import Form as PlainForm
from wtforms import StringField
from wtforms.validators import ValidationError

from webapp.web.forms import strip

LONGEST_VALUE = 4_000
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
# These are set by the call itself, or would change where it goes or how it is framed.
FORBIDDEN_HEADERS = frozenset(
    """accept-encoding authorization connection content-encoding content-length content-type cookie expect host
    keep-alive proxy-authorization proxy-connection te trailer transfer-encoding upgrade""".split()
)


class HeaderForm(PlainForm):  # type: ignore[misc]
    """One extra request header. An empty value keeps the stored one."""

    name = StringField(lazy_gettext("Header name"), filters=[strip])
    value = StringField(lazy_gettext("Header value"))

    def validate_name(self, field: StringField) -> None:
        """Only names that HTTP allows and that are not ours to set."""
        if field.data and not TOKEN.fullmatch(field.data):
            raise ValidationError(gettext("A header name holds letters, digits and hyphens."))
        if field.data and field.data.lower() in FORBIDDEN_HEADERS:
            raise ValidationError(gettext("%(name)s is set by Jackfield itself.", name=field.data))

    def validate_value(self, field: StringField) -> None:
        """Visible ASCII on one line: a line break would smuggle in another header."""
        if not all(" " <= char <= "~" for char in field.data or ""):
            raise ValidationError(gettext("A header value is one line of plain ASCII characters."))
        if len(field.data or "") > LONGEST_VALUE:
            raise ValidationError(gettext("At most %(most)s characters.", most=LONGEST_VALUE))
