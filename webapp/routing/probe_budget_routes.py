"""The card of the workspace page that says what checks in the background may cost, and what they did cost today."""

import re
from decimal import Decimal

from flask import Blueprint, Response, url_for
from flask_babel import gettext, lazy_gettext
from wtforms import StringField, ValidationError

from webapp.core.database import db
from webapp.routing.probe_budget import read_budget, set_budget
from webapp.web.forms import Form, strip
from webapp.web.guard import admin_only
from webapp.web.render import fragment, go_to, page, wants_fragment

probe_budget = Blueprint("probe_budget", __name__)

NANO, MOST_USD = 10**9, 100


class BudgetForm(Form):
    """US dollars for a day."""

    usd = StringField(lazy_gettext("A day’s budget"), filters=[strip])

    def validate_usd(self, field: StringField) -> None:
        """A sum of money; nothing typed is none."""
        if field.data and not re.fullmatch("[0-9]{1,3}([.,][0-9]{1,6})?", field.data):
            raise ValidationError(gettext("Type a sum in US dollars, such as 0.05."))
        if self.nano_usd > MOST_USD * NANO:
            raise ValidationError(gettext("At most %(most)s US dollars.", most=MOST_USD))

    @property
    def nano_usd(self) -> int:
        """What was typed, which is valid, in billionths."""
        return int(Decimal((self.usd.data or "0").replace(",", ".")) * NANO)


@probe_budget.get("/settings/probe-budget")
@admin_only
def show_budget() -> Response:
    """What may be spent in a day, and what is left of it."""
    form, limit = BudgetForm(formdata=None), read_budget(db.session).nano_usd
    form.usd.data = f"{Decimal(limit) / NANO:f}" if limit else ""
    return _card(form)


@probe_budget.post("/settings/probe-budget")
@admin_only
def update_budget() -> Response:
    """Change it; it counts at once."""
    form = BudgetForm()
    if not form.validate():
        return _card(form, 422)
    set_budget(db.session, form.nano_usd)
    db.session.commit()
    return _card(form, is_saved=True) if wants_fragment() else go_to(url_for("settings.show_workspace"))


def _card(form: BudgetForm, status: int = 200, *, is_saved: bool = False) -> Response:
    draw, name = (fragment, "_probe_budget.html") if wants_fragment() else (page, "probe_budget.html")
    budget = read_budget(db.session)
    return draw(f"routing/{name}", status=status, form=form, budget=budget, is_saved=is_saved)
