"""The words inside drawn answers, in the language of the request. Part of the door: it knows Flask."""

from flask_babel import gettext

from webapp.chat.elements import Labels
from webapp.web.assets import asset


def labels() -> Labels:
    """Return them."""
    return Labels(
        icon_url=f"{asset('icons.svg')}#copy",
        copy_code=gettext("Copy code"),
        code=gettext("Code"),
        table=gettext("Table"),
    )
