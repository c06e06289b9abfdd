"""Brings the stored models in line with a provider's list, and notes what it changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from webapp.core import clock
from webapp.core.database import reading, writing
from webapp.models.catalogue import Bundled, address_of, look_up
from webapp.models.drift import Changes
from webapp.models.facts import CATALOGUE, GUESS, LABELS, LISTED, NAMES, TAKEN
from webapp.models.model import DISCOVERED, Model, count_models, id_hash
from webapp.providers.provider import Provider
from webapp.providers.schedule import note_success
from webapp.upstream.messages import ModelInfo, ModelList

MOST_MODELS = 10_000
CHUNK = 500  # rows that are stored at once


def store_list(provider_id: int, found: ModelList, since: datetime | None = None) -> None:
    """Bring the stored models in line with a list: new ones in, known ones updated, missing ones marked as vanished.

    What was read by a refresh that began `since` counts only while the provider is as it was then.
    """
    models = found.models[:MOST_MODELS]
    bundled = _bundled(provider_id, models)
    changes = Changes()
    with writing() as session:
        # Until this is stored nobody changes the provider, but models may still be added.
        provider = session.get(Provider, provider_id, with_for_update={"of": Provider, "key_share": True})
        if provider is None or (since and provider.refresh_started_at != since):
            return
        is_first = provider.refreshed_at is None
        for start in range(0, len(models), CHUNK):
            _store(session, provider_id, models[start : start + CHUNK], start, bundled, changes)
            session.flush()
            session.expunge_all()  # thousands of rows at once would cost more memory than all else
        if found.complete:
            changes.vanished = _mark_vanished(session, provider_id, {id_hash(info.id) for info in models})
            if not is_first:
                changes.record(session, provider_id)
        provider = session.get_one(Provider, provider_id)
        if found.error is None:
            note_success(provider)
            provider.list_etag = found.validator
        count_models(session, provider)


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


def _store(
    session: Session, provider_id: int, models: list[ModelInfo], start: int, bundled: Bundled, changes: Changes
) -> None:
    hashes = {id_hash(info.id): info for info in models}
    # Locked: what people and checks say meanwhile of the same rows would be written over otherwise.
    rows = session.scalars(
        select(Model)
        .options(undefer(Model.facts))
        .where(Model.provider_id == provider_id, Model.id_hash.in_(hashes))
        .order_by(Model.id)
        .with_for_update(of=Model)
    )
    known = {row.id_hash: row for row in rows}
    for position, (key, info) in enumerate(hashes.items(), start):
        row = known.get(key)
        if row is None:
            row = Model(provider_id=provider_id, model_id=info.id, id_hash=key)
            session.add(row)
            changes.new.append(info.id)
        elif row.vanished_at:
            changes.new.append(info.id)
        elif row.source == DISCOVERED:
            changes.compare(info.id, *_before_and_after(row, info))
        _take_over(row, info, position, bundled)


def _take_over(row: Model, info: ModelInfo, position: int, bundled: Bundled) -> None:
    row.source = DISCOVERED
    if (row.position or 0) >= 0:  # the models to begin with stay at the top
        row.position = position + 1
    row.kind, row.vanished_at = info.kind, None
    row.display_name = info.display_name or row.display_name
    source, facts = bundled.get(info.id, (CATALOGUE, {}))
    row.learn({LISTED: _told(info), CATALOGUE: {}, GUESS: {}, source: facts})


def _before_and_after(row: Model, info: ModelInfo) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the provider said of a model and what it says now. Labels that people gave hide what it said of them."""
    labels = {name: getattr(row, name) for name in LABELS if name not in (row.overrides or {})}
    before = labels | {name: value for name, value in (row.facts or {}).get(LISTED, {}).items() if name in NAMES}
    after = {name: value for name, value in _told(info).items() if name in NAMES and value is not None}
    after["display_name"] = info.display_name or before.get("display_name")
    return before, {name: value for name, value in after.items() if name in before or name not in LABELS}


def _told(info: ModelInfo) -> dict[str, Any]:
    """What the provider's list says of a model."""
    sizes: dict[str, Any] = {"context_length": info.context_length, "max_output_tokens": info.max_output_tokens}
    more: dict[str, Any] = info.details.get("price", {}) | {TAKEN: info.details.get("parameters")}
    return {"display_name": info.display_name, "kind": info.kind} | sizes | info.capabilities | more


def _mark_vanished(session: Session, provider_id: int, seen: set[str]) -> list[str]:
    """Return the ids of those that were there and are no more."""
    rows = session.execute(
        select(Model.id, Model.model_id, Model.id_hash)
        .where(Model.provider_id == provider_id, Model.source == DISCOVERED, Model.vanished_at.is_(None))
        .order_by(Model.position, Model.id)
    ).all()
    gone = [row for row in rows if row.id_hash not in seen]
    for start in range(0, len(gone), CHUNK):
        keys = [row.id for row in gone[start : start + CHUNK]]
        session.execute(update(Model).where(Model.id.in_(keys)).values(vanished_at=clock.now()))
    return [row.model_id for row in gone]
