"""Reads a provider's model list into the database. Pages read the database only."""

from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, undefer

from webapp.core import clock
from webapp.core.database import claim, reading, writing
from webapp.core.errors import BusyError, CryptoError
from webapp.core.runtime import runtime
from webapp.models.catalogue import Bundled, address_of, look_up
from webapp.models.facts import CATALOGUE, GUESS, LISTED
from webapp.models.model import DISCOVERED, SEED, Model, count_models, id_hash, searchable
from webapp.models.overlay import lay_over
from webapp.providers.failure import failure_record, own_failure
from webapp.providers.provider import LONGEST_REFRESH, Provider
from webapp.upstream import list_models
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ModelInfo, ModelList

MOST_MODELS = 10_000
CHUNK = 500  # rows that are stored at once
LOOK_EVERY_SECONDS = 0.15


def start_refresh(session: Session, provider: Provider) -> bool:
    """Begin a refresh in the background; False when one runs already, so that clicks cost the provider one call."""
    began = _take_turn(session, provider)
    if began:
        try:
            runtime().background.start(refresh, provider.id)
        except BusyError:
            provider.refresh_started_at = None
            session.commit()
            raise
    return began


def refresh_now(session: Session, provider: Provider) -> None:
    """Read the list before this returns, or wait for whoever reads it already. Holds no connection meanwhile."""
    provider_id, is_closing = provider.id, runtime().background.is_closing
    began = _take_turn(session, provider)
    session.close()
    if began:
        refresh(provider_id)
    while _is_refreshing(provider_id) and not is_closing.wait(LOOK_EVERY_SECONDS):
        pass


def refresh(provider_id: int) -> None:
    """Ask the provider for its models and store them; a failure is stored instead and the old list stays."""
    failure: dict[str, Any] | None = own_failure("server_error")  # should this job itself break
    try:
        with reading() as session:
            provider = session.get_one(Provider, provider_id)
            target = provider.target(session)
        found = list_models(target)
        if found.error:
            raise found.error
        store_list(provider_id, found)
        failure = None
    except UpstreamError as error:
        failure = failure_record(error)
    except CryptoError as error:
        failure = own_failure("auth_missing", str(error))
    finally:
        with writing() as session:
            row = session.get(Provider, provider_id)
            if row:
                row.refresh_started_at, row.refresh_failure = None, failure


def store_list(provider_id: int, found: ModelList) -> None:
    """Bring the stored models in line with a list: new ones in, known ones updated, missing ones marked as vanished."""
    models = found.models[:MOST_MODELS]
    bundled = _bundled(provider_id, models)
    with writing() as session:
        if session.get(Provider, provider_id) is None:
            return
        for start in range(0, len(models), CHUNK):
            _store(session, provider_id, models[start : start + CHUNK], start, bundled)
            session.flush()
            session.expunge_all()  # thousands of rows at once would cost more memory than all else
        if found.complete:
            _mark_vanished(session, provider_id, {id_hash(info.id) for info in models})
        provider = session.get_one(Provider, provider_id)
        provider.refreshed_at = clock.now()
        count_models(session, provider)


def _take_turn(session: Session, provider: Provider) -> bool:
    overdue = clock.now() - LONGEST_REFRESH
    began = claim(
        session,
        update(Provider)
        .where(
            Provider.id == provider.id,
            or_(Provider.refresh_started_at.is_(None), Provider.refresh_started_at < overdue),
        )
        .values(refresh_started_at=clock.now(), refresh_failure=None),
    )
    session.commit()
    return began


def _is_refreshing(provider_id: int) -> bool:
    with reading() as session:
        row = session.get(Provider, provider_id)
        return row is not None and row.is_refreshing


def _bundled(provider_id: int, models: list[ModelInfo]) -> Bundled:
    """What the catalogue says, looked up before anything is locked. A name of one's own machine proves nothing."""
    with reading() as session:
        provider = session.get(Provider, provider_id)
        if provider is None:
            return {}
        address = address_of(session, provider)
    wanted = {
        info.id: not address.is_local or "architecture" in info.details
        for info in models
        if "identity" not in info.details
    }
    return look_up(wanted, address)


def _store(session: Session, provider_id: int, models: list[ModelInfo], start: int, bundled: Bundled) -> None:
    hashes = {id_hash(info.id): info for info in models}
    rows = session.scalars(
        select(Model).options(undefer(Model.facts)).where(Model.provider_id == provider_id, Model.id_hash.in_(hashes))
    )
    known = {row.id_hash: row for row in rows}
    for position, (key, info) in enumerate(hashes.items(), start):
        row = known.get(key)
        if row is None:
            row = Model(provider_id=provider_id, model_id=info.id, id_hash=key)
            session.add(row)
        if row.source != SEED:
            row.source, row.position = DISCOVERED, position + 1
        row.kind, row.vanished_at = info.kind, None
        row.display_name = info.display_name or row.display_name
        source, facts = bundled.get(info.id, (CATALOGUE, {}))
        row.learn({LISTED: _told(info), CATALOGUE: {}, GUESS: {}, source: facts})
        lay_over(row)
        row.search_text = searchable(row.display_name, info.id)


def _told(info: ModelInfo) -> dict[str, Any]:
    """What the provider's list says of a model."""
    sizes: dict[str, Any] = {"context_length": info.context_length, "max_output_tokens": info.max_output_tokens}
    prices: dict[str, Any] = info.details.get("price", {})
    return sizes | info.capabilities | prices


def _mark_vanished(session: Session, provider_id: int, seen: set[str]) -> None:
    rows = session.execute(
        select(Model.id, Model.id_hash).where(
            Model.provider_id == provider_id, Model.source == DISCOVERED, Model.vanished_at.is_(None)
        )
    ).all()
    gone = [row.id for row in rows if row.id_hash not in seen]
    for start in range(0, len(gone), CHUNK):
        session.execute(update(Model).where(Model.id.in_(gone[start : start + CHUNK])).values(vanished_at=clock.now()))
