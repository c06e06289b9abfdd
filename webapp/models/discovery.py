"""Reads a provider's model list into the database. Pages read the database only."""

from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import claim, reading, writing
from webapp.core.errors import BusyError, CryptoError
from webapp.core.runtime import runtime
from webapp.models.model import DISCOVERED, SEED, Model, count_models, id_hash, searchable
from webapp.providers.failure import failure_record, own_failure
from webapp.providers.provider import LONGEST_REFRESH, Provider
from webapp.upstream import list_models
from webapp.upstream.failures import UpstreamError
from webapp.upstream.messages import ModelInfo, ModelList

MOST_MODELS = 10_000


def start_refresh(session: Session, provider: Provider) -> bool:
    """Begin a refresh in the background; False when one runs already, so that clicks cost the provider one call."""
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
    if began:
        try:
            runtime().background.start(refresh, provider.id)
        except BusyError:
            provider.refresh_started_at = None
            session.commit()
            raise
    return began


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
    with writing() as session:
        provider = session.get(Provider, provider_id)
        if provider is None:
            return
        known = {row.id_hash: row for row in session.scalars(select(Model).where(Model.provider_id == provider_id))}
        seen = set()
        for position, info in enumerate(found.models[:MOST_MODELS]):
            key = id_hash(info.id)
            seen.add(key)
            row = known.get(key)
            if row is None:
                row = Model(provider_id=provider_id, model_id=info.id, id_hash=key)
                session.add(row)
            _update(row, info, position)
        if found.complete:
            for key, row in known.items():
                if key not in seen and row.source == DISCOVERED:
                    row.vanished_at = row.vanished_at or clock.now()
        provider.refreshed_at = clock.now()
        count_models(session, provider)


def _update(row: Model, info: ModelInfo, position: int) -> None:
    """What the provider says wins; what it leaves open keeps what the bundled catalogue said."""
    if row.source != SEED:
        row.source, row.position = DISCOVERED, position + 1
    row.kind, row.vanished_at = info.kind, None
    row.display_name = info.display_name or row.display_name
    row.context_length = info.context_length or row.context_length
    row.max_output_tokens = info.max_output_tokens or row.max_output_tokens
    said = {name: value for name, value in info.capabilities.items() if value is not None}
    row.capabilities = {**(row.capabilities or {}), **said}
    row.search_text = searchable(row.display_name, info.id)
