"""The private addresses that admins have opened: the list, and closing one again."""

from typing import Any

from flask import Blueprint, Response
from sqlalchemy import select

from webapp.core.database import db
from webapp.core.errors import NotFoundError
from webapp.core.runtime import runtime
from webapp.providers.private_address import PrivateAddress
from webapp.web.guard import admin_only
from webapp.web.render import fragment, page, wants_fragment

addresses = Blueprint("addresses", __name__)


@addresses.get("/providers/private-addresses")
@admin_only
def list_private_addresses() -> Response:
    """What may be reached on this machine and its networks."""
    rows = db.session.scalars(select(PrivateAddress).order_by(PrivateAddress.host, PrivateAddress.port)).all()
    values: dict[str, Any] = {"rows": rows, "fixed": sorted(runtime().settings.allowed_private)}
    if wants_fragment():
        return fragment("providers/_private_addresses.html", **values)
    return page("providers/private_addresses.html", **values)


@addresses.post("/providers/private-addresses/<int:address_id>/delete")
@admin_only
def delete_private_address(address_id: int) -> Response:
    """Close an address; providers there stop working until it is opened again."""
    row = db.session.get(PrivateAddress, address_id)
    if row is None:
        raise NotFoundError
    db.session.delete(row)
    db.session.commit()
    return list_private_addresses()
