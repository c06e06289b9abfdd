"""How providers are doing: a card of a provider's page, with its settings, and the states as JSON for programs."""

from datetime import datetime
from typing import Any, Literal, TypedDict

from babel.dates import format_timedelta
from flask import Blueprint, Response, g, jsonify, url_for
from flask_babel import get_locale, gettext, lazy_gettext
from wtforms import BooleanField, StringField, ValidationError

from webapp.core import clock
from webapp.core.database import db
from webapp.providers.provider import Provider, find_own_provider, find_provider, visible_providers
from webapp.routing.condition import Condition, Subject
from webapp.routing.health import SLOW_MS, health
from webapp.routing.paid_probing import may_cost
from webapp.routing.probe_budget import read_budget
from webapp.routing.report import Doing, doing, provider_report
from webapp.routing.sparks import Spark, sparks
from webapp.routing.terms import State
from webapp.web.advice import advise
from webapp.web.forms import Form, strip
from webapp.web.openapi import documented
from webapp.web.render import fragment, go_to, page, wants_fragment

provider_health = Blueprint("provider_health", __name__)
health_api = Blueprint("health_api", __name__, url_prefix="/api")

MOST_SLOW_SECONDS = 600
USUAL_SLOW_SECONDS = int(SLOW_MS / 1000)


class HealthForm(Form):
    """Whether a provider is asked in the background, and from when on it is slow."""

    probes = BooleanField(lazy_gettext("Check in the background"))
    paid_probes = BooleanField(lazy_gettext("Checks may cost money"))
    slow_seconds = StringField(lazy_gettext("Call it slow above"), filters=[strip])

    def validate_slow_seconds(self, field: StringField) -> None:
        """A whole number, or nothing for the usual."""
        if not field.data:
            return
        if not (field.data.isascii() and field.data.isdigit()):
            raise ValidationError(gettext("Type a whole number."))
        if not 1 <= int(field.data[:10]) <= MOST_SLOW_SECONDS:
            raise ValidationError(
                gettext("This must be a number from %(least)s to %(most)s.", least=1, most=MOST_SLOW_SECONDS)
            )

    def show(self, provider: Provider) -> None:
        """Fill the fields with what is stored."""
        care = provider.care or {}
        self.probes.data, self.paid_probes.data = care.get("probes", True), may_cost(provider)
        self.slow_seconds.data = str(int(care["slow_ms"]) // 1000) if care.get("slow_ms") else ""

    def care_from(self, care: dict[str, Any]) -> dict[str, Any]:
        """Return what is stored with what was typed in its place."""
        slow_ms = int(self.slow_seconds.data) * 1000 if self.slow_seconds.data else None
        return {**care, "probes": self.probes.data, "paid_probes": self.paid_probes.data, "slow_ms": slow_ms}


class PartShape(TypedDict):
    """A provider, model or key on one route (empty for a key); `since`: in this state."""

    kind: Literal["provider", "model", "key"]
    id: int
    route: str
    state: State
    category: str | None
    since: str | None


class HealthShape(TypedDict):
    """How a provider is doing. `category`: of the failure that put it out. Keys are told to those who look after it."""

    id: int
    slug: str
    name: str
    state: Literal["unknown", "good", "slow", "unsteady", "partly", "resting", "down"]
    since: str | None
    category: str | None
    parts: list[PartShape]


@provider_health.get("/providers/<int:provider_id>/health")
def show_health(provider_id: int) -> Response:
    """How a provider is doing, from the calls that were made and those in the background."""
    provider = find_provider(db.session, g.user, provider_id)
    form = HealthForm(formdata=None)
    form.show(provider)
    return _card(provider, form)


@provider_health.post("/providers/<int:provider_id>/health")
def update_health(provider_id: int) -> Response:
    """Save how it is looked after."""
    provider = find_own_provider(db.session, g.user, provider_id)
    form = HealthForm()
    if not form.validate():
        return _card(provider, form, status=422)
    provider.care = form.care_from(provider.care or {})
    db.session.commit()
    health.set_slow(provider.id, provider.care["slow_ms"])
    if not wants_fragment():
        return go_to(url_for(".show_health", provider_id=provider_id))
    return _card(provider, form, is_saved=True)


@health_api.get("/health")
@documented({200: list[HealthShape]})
def list_health() -> Response:
    """Tell how the providers are doing that you may use."""
    rows = db.session.scalars(visible_providers(g.user).order_by(Provider.id)).all()
    return jsonify([_shape(row) for row in rows])


@provider_health.app_template_filter("age")
def _age(since: datetime) -> str:
    """`26 min`."""
    return str(format_timedelta(clock.now() - since, format="short", threshold=1.2, locale=get_locale()))


@provider_health.app_template_global("provider_doing")
def _provider_doing(provider: Provider) -> Doing:
    return doing(provider)


@provider_health.app_template_global("provider_spark")
def _provider_spark(provider_id: int) -> Spark | None:
    return sparks(db.session).get(provider_id)


@provider_health.app_template_global("failure_title")
def _failure_title(category: str, provider: Provider) -> str:
    """What happened, in a sentence, when only the kind of failure is known."""
    return advise({"category": category, "status": 0}, provider=provider.name, host=provider.host).title


def _card(provider: Provider, form: HealthForm, status: int = 200, **more: Any) -> Response:
    values = {"provider": provider, "form": form, "report": provider_report(db.session, provider), **more}
    values |= {"usual_slow_seconds": USUAL_SLOW_SECONDS, "budget": read_budget(db.session)}
    if wants_fragment():
        return fragment("routing/_health.html", status=status, **values)
    return page("routing/health.html", status, **values)


def _shape(provider: Provider) -> HealthShape:
    now, may_change = doing(provider), provider.may_change(g.user)
    parts = health.of_provider(provider.id)
    return {
        "id": provider.id,
        "slug": provider.slug,
        "name": provider.name,
        "state": now.word,  # type: ignore[typeddict-item]
        "since": now.since.isoformat() if now.since else None,
        "category": now.category or None,
        "parts": [
            _part(provider.id, subject, condition)
            for subject, condition in sorted(parts.items(), key=lambda part: part[0])
            if may_change or subject[0] != "key"
        ],
    }


def _part(provider_id: int, subject: Subject, condition: Condition) -> PartShape:
    kind, subject_id, route = subject
    return {
        "kind": kind,
        "id": subject_id,
        "route": route,
        "state": health.state_of(subject, provider_id),
        "category": condition.category or None,
        "since": condition.since.isoformat() if condition.since else None,
    }
