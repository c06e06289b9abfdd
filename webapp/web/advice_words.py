"""What the upstream package says of a call that failed on the way; it speaks English, to logs and programs."""

import re

from flask_babel import gettext


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is shown."""
    return text


TEXTS = (
    _("This address is not allowed."),
    _("This is our own address; a call to it would go round in circles."),
    _("The name has no address."),
    _("The name was not found in %(seconds)s s."),
    _("The name was not found: %(reason)s."),
    _("Too many name look-ups are waiting for an answer."),
    _("No connection to port %(port)s in %(seconds)s s."),
    _("No connection to port %(port)s: %(reason)s."),
    _("The certificate is not trusted: %(reason)s."),
    _("No TLS connection: %(reason)s."),
    _("The connection broke: %(reason)s."),
    _("The connection broke while the request was sent: %(reason)s."),
    _("The connection was closed in the middle of the answer."),
    _("The server closed the connection without an answer."),
    _("The server did not take the request."),
    _("No usable key for %(names)s: each is switched off or has expired."),
    _("No way leads to %(names)s by the route %(route)s."),
    _("Nothing stands behind %(name)s that can be asked."),
    _("No place came free in time: calls to this provider are limited here."),
    _("Too many calls wait already: those to this provider are limited here."),
    _("The time for the whole call is over."),
    _("The time for the whole call is over (%(seconds)s s)."),
    _("No answer in %(seconds)s s."),
    _("No data for %(seconds)s s."),
    _("No content for %(seconds)s s, only signs of life."),
    _("Too late after %(seconds)s s."),
    _("The answer is larger than %(bytes)s bytes."),
    _("The answer is not HTTP."),
    _("The answer is not proper HTTP: %(reason)s"),
    _("The answer has more than %(count)s headers."),
    _("The answer did not come after %(count)s interim ones."),
    _("The answer comes in a transfer coding that nobody asked for."),
    _("The answer is compressed although we asked for plain bytes."),
    _("The stream carried no answer."),
    _("The path of the address has characters that cannot be sent."),
    _("The address is not a base URL."),
    _("The address is not on the provider's own host."),
    _("The key contains a line break or a character that cannot be sent."),
    _("The extra header %(name)s is not allowed."),
    _("The value of the extra header %(name)s cannot be sent."),
    _("The name of a header has characters that cannot be sent."),
)


def own_words(message: str) -> str:
    """Return a message in the language of the request; one that is not ours stays as it is."""
    for text, pattern in PATTERNS.items():
        if found := pattern.fullmatch(message):
            return str(gettext(text, **found.groupdict()))
    return message


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(text)), re.DOTALL)


PATTERNS = {text: _pattern(text) for text in TEXTS}
