"""Proposes models in place of one that vanished, was hidden or was deleted. Nothing is replaced by itself."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.models.catalogue import base_name
from webapp.models.model import Model, id_hash, visible_models
from webapp.models.names import find_kept
from webapp.models.preset import Preset, unusable, visible_presets
from webapp.providers.provider import Provider, visible_providers

MOST: Final = 3
GONE: Final = ("gone", "closed", "vanished", "hidden")  # of the reasons that `unusable` gives
FAMILY: Final = re.compile(r"[^\W\d_]+")

Row = tuple[int, str, int]  # key, model id, position in the list


def proposals(session: Session, user: User, model: Model) -> list[Model]:
    """Return at most three usable models: the same id elsewhere, its family at its provider, its provider's default."""
    usable = visible_models(user).where(Provider.is_enabled)
    twins = session.scalars(
        usable.where(Model.id_hash == model.id_hash, Model.provider_id != model.provider_id).order_by(Provider.id)
    )
    found = [twin for twin in twins if twin.provider.is_usable]
    kin = successors(session, model.provider_id, model.model_id, model.kind)
    near = session.scalars(usable.where(Model.id.in_([row.id for row in kin]))).all()
    found += sorted((row for row in near if row.provider.is_usable), key=kin.index)
    default = session.scalar(
        usable.where(Model.provider_id == model.provider_id, Model.model_id == Provider.default_model)
    )
    if default and default.provider.is_usable:
        found.append(default)
    return [row for row in dict.fromkeys(found) if row is not model][:MOST]


def successors(session: Session, provider_id: int, model_id: str, kind: str = "chat") -> list[Model]:
    """Return at most three models of a provider's list that are of one family with this id, the nearest first."""
    rows = session.execute(
        select(Model.id, Model.model_id, Model.position)
        .where(Model.provider_id == provider_id, Model.vanished_at.is_(None), Model.is_enabled)
        .where(Model.kind == kind, Model.id_hash != id_hash(model_id))
    )
    keys = nearest(model_id, [(row.id, row.model_id, row.position) for row in rows])
    return sorted(session.scalars(select(Model).where(Model.id.in_(keys))), key=lambda row: keys.index(row.id))


def nearest(model_id: str, others: Iterable[Row]) -> list[int]:
    """Return the keys of the three that are nearest by name: shared words, shared figures, then the higher version."""
    words, figures, family = _parts(model_id)
    ranked = []
    for key, other_id, position in others:
        other_words, other_figures, other_family = _parts(other_id)
        if family and family == other_family:
            shared = (words & other_words).total(), (figures & other_figures).total()
            extra = (other_words - words).total()
            version = tuple(-int(text) for text in re.findall(r"\d{1,9}", base_name(other_id)))
            ranked.append((-shared[0], -shared[1], extra, version, position, key))
    return [rank[-1] for rank in sorted(ranked)[:MOST]]


def replacements_of_default(session: Session, provider: Provider) -> list[Model] | None:
    """Return what could become a provider's default; None when its default is among its models, or it has none."""
    if not provider.default_model or not provider.models_count:
        return None
    default = (Model.provider_id == provider.id) & (Model.id_hash == id_hash(provider.default_model))
    if session.scalar(select(Model.id).where(default, Model.vanished_at.is_(None), Model.is_enabled)):
        return None
    return successors(session, provider.id, provider.default_model)


def flagged(session: Session, user: User) -> tuple[list[Provider], list[Preset], str | None]:
    """Return what still points to a model that is gone: providers by their default, presets, the start of new chats."""
    first = user.first_model
    providers = session.scalars(visible_providers(user).where(Provider.is_enabled).order_by(Provider.name))
    presets = session.scalars(visible_presets(user).where(Preset.model_name.is_not(None)).order_by(Preset.name))
    return (
        [row for row in providers if replacements_of_default(session, row) is not None],
        [row for row in presets if unusable(row.model, user) in GONE],
        first if first and unusable(find_kept(session, user, first), user) in GONE else None,
    )


def _parts(model_id: str) -> tuple[Counter[str], Counter[str], Any]:
    """Words, other parts and the family of an id: `gpt-4o-mini` -> gpt and mini, 4o, gpt."""
    parts = [part for part in base_name(model_id).split("-") if part]
    words = Counter(part for part in parts if part.isalpha())
    family = FAMILY.match(parts[0]) if parts else None
    return words, Counter(parts) - words, family[0] if family else None
