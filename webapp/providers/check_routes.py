"""Connection tests as pages: begin one, watch it, stop it; for saved providers and for what is still in the form."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flask import Blueprint, Response, g, render_template, request, url_for
from flask_babel import gettext

from webapp.accounts.session import is_live as is_session_live
from webapp.core import clock
from webapp.core.database import db, release
from webapp.core.errors import BusyError, ConflictError, CryptoError, ForbiddenError, NotFoundError
from webapp.core.runtime import runtime
from webapp.providers.check import Check, find_check, last_model
from webapp.providers.checks import start_check
from webapp.providers.checks import stop_check as stop
from webapp.providers.editing import confirm_private, draft_target
from webapp.providers.forms import ProviderForm, checked_input
from webapp.providers.provider import Provider, find_own_provider, find_provider
from webapp.providers.routes import form_again
from webapp.providers.vendors import vendor
from webapp.providers.ways import DIRECT, other_ways, target_by, usual_way
from webapp.upstream.addresses import host_port
from webapp.web.places import stream_place
from webapp.web.render import fragment, go_to, page, wants_fragment
from webapp.web.requests import record_id
from webapp.web.sse import HEARTBEAT, event, event_stream

checks = Blueprint("checks", __name__)

LOOK_EVERY_SECONDS = 0.15
HEARTBEAT_SECONDS = 15.0


@checks.post("/providers/<int:provider_id>/checks")
def create_check(provider_id: int) -> Response:
    """Test a saved provider by one way, or directly and through a gateway side by side."""
    provider = find_provider(db.session, g.user, provider_id)
    way = request.form.get("route") or usual_way(db.session, provider)
    if "both" in request.form:
        way = way if way != DIRECT else next(iter(other_ways(db.session, provider)), DIRECT)
        check, other = _started(provider, DIRECT), _started(provider, way)
        return go_to(url_for("checks.show_check", check_id=check.id, beside=other.id))
    check = _started(provider, way)
    if request.headers.get("HX-Target", "").startswith("article"):
        return fragment("providers/_card.html", provider=provider, check=check)
    return _answer(check)


@checks.post("/providers/checks")
def create_draft_check() -> Response:
    """Test what is typed in the form; nothing is saved, and the key is gone when the test ends."""
    provider_id = request.form.get("provider_id", type=record_id)
    provider = find_own_provider(db.session, g.user, provider_id) if provider_id else None
    form = ProviderForm(is_address_fixed=bool(provider and provider.is_builtin))
    wanted = checked_input(form, g.user, provider)
    if wanted is None:
        return form_again(form, provider)
    saved = provider.default_model or last_model(db.session, provider.id) if provider else None
    model = form.model.data or saved or next(iter(vendor(wanted.vendor_id).models), None)
    with key_trouble_told():
        target = draft_target(db.session, wanted, provider)
    # No provider: what is found at an address that is not saved says nothing about the saved one.
    return _answer(start_check(db.session, g.user, target, name=wanted.name, provider=None, model=model))


@checks.get("/providers/checks/<int:check_id>")
def show_check(check_id: int) -> Response:
    """The ladder as it stands, as a page of its own; another test may be shown beside it."""
    check, beside = find_check(db.session, g.user, check_id), request.args.get("beside", type=record_id)
    both = [check, find_check(db.session, g.user, beside)] if beside else [check]
    return page("providers/check.html", check=check, checks=both, provider=_provider_of(check))


@checks.get("/providers/checks/<int:check_id>/events")
def show_check_events(check_id: int) -> Response:
    """The ladder, drawn again whenever a rung changes, until the test ends."""
    find_check(db.session, g.user, check_id)
    if request.method == "HEAD":  # its body is never read and never closed: a place would be lost
        return event_stream(())
    place = stream_place(runtime().settings.stream_places)
    if place is None:
        raise BusyError
    response = event_stream(_events(check_id, g.session.id))
    response.call_on_close(place.leave)
    return response


@checks.post("/providers/checks/<int:check_id>/stop")
def delete_running_check(check_id: int) -> Response:
    """Stop a running test."""
    check = find_check(db.session, g.user, check_id)
    if check.user_id != g.user.id and not g.user.is_admin:
        raise ForbiddenError
    stop(db.session, check_id)
    return Response(status=204) if wants_fragment() else go_to(url_for("checks.show_check", check_id=check_id))


@checks.post("/providers/<int:provider_id>/private-address")
def create_private_address(provider_id: int) -> Response:
    """Open the private address that a test ran into, and test again."""
    provider = find_own_provider(db.session, g.user, provider_id)
    if provider.is_builtin:
        raise ConflictError
    confirm_private(db.session, g.user, *host_port(provider.base_url))
    db.session.commit()
    return create_check(provider_id)


@checks.app_template_global("test_ways")
def _test_ways(provider: Provider) -> Mapping[str, str]:
    return other_ways(db.session, provider)


@checks.app_template_global("usual_way")
def _usual_way(provider: Provider) -> str:
    return usual_way(db.session, provider)


@contextmanager
def key_trouble_told() -> Iterator[None]:
    """Turn a stored key that does not open into words for the page."""
    try:
        yield
    except CryptoError:
        raise ConflictError(gettext("The stored key cannot be opened. Edit the provider and type it again.")) from None


def _events(check_id: int, session_id: int) -> Iterator[str]:
    closing, drawn, spoke = runtime().background.is_closing, "", clock.monotonic()
    proven = spoke
    while not closing.wait(LOOK_EVERY_SECONDS):
        if clock.monotonic() - proven > HEARTBEAT_SECONDS:
            if not is_session_live(session_id):
                return
            proven = clock.monotonic()
        try:
            check = find_check(db.session, g.user, check_id)
            html = render_template(
                "providers/_check.html", check=check, provider=_provider_of(check), is_alone="alone" in request.args
            )
        except NotFoundError:  # deleted meanwhile
            yield event("", name="over")
            return
        is_over = not check.is_running
        release()  # no connection is held while nothing happens
        if html != drawn:
            drawn, spoke = html, clock.monotonic()
            yield event(html)
        elif clock.monotonic() - spoke > HEARTBEAT_SECONDS:
            spoke = clock.monotonic()
            yield HEARTBEAT
        if is_over:
            yield event("", name="over")  # else the browser would connect again, as after a cut
            return


def _started(provider: Provider, way: str) -> Check:
    with key_trouble_told():
        target = target_by(db.session, provider, way)
    gateway = other_ways(db.session, provider).get(way)
    name = gettext("%(name)s through %(gateway)s", name=provider.name, gateway=gateway) if gateway else provider.name
    model = request.form.get("model")
    return start_check(db.session, g.user, target, name=name, provider=provider, model=model, way=way)


def _provider_of(check: Check) -> Provider | None:
    return find_provider(db.session, g.user, check.provider_id) if check.provider_id else None


def _answer(check: Check) -> Response:
    if wants_fragment():
        return fragment("providers/_check.html", check=check, provider=_provider_of(check), is_begun=check.is_running)
    return go_to(url_for("checks.show_check", check_id=check.id))
