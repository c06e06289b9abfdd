"""The name that always means one model, `<provider slug>/<model id>`, for fields in which people write one."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from webapp.accounts.user import User
from webapp.core.errors import ConflictError, NotFoundError
from webapp.models.model import Model, id_hash, visible_models
from webapp.providers.provider import ALIAS, Provider, open_to


def qualified(model: Model) -> str:
    """Return the name that always means this model; that of an alias is one word."""
    return model.model_id if model.provider.dialect == ALIAS else f"{model.provider.slug}/{model.model_id}"


def find_named(session: Session, user: User, name: str) -> Model:
    """Load the model of a name, or of an id that only one provider has; raise NotFoundError or ConflictError."""
    found = meant(named(session, user, name))
    if not found:
        raise NotFoundError
    if len(found) > 1:
        raise ConflictError
    return found[0]


def named(session: Session, user: User, name: str) -> list[Model]:
    """Return the one model of this whole name, else all that have it as their id."""
    slug, _, rest = name.partition("/")
    rows = session.scalars(visible_models(user).where(Model.id_hash.in_([id_hash(name), id_hash(rest)]))).all()
    whole = [row for row in rows if row.provider.slug == slug and row.model_id == rest]
    return whole or [row for row in rows if row.model_id == name]


def find_kept(session: Session, user: User, name: str) -> Model | None:
    """Return the model of a whole name that was kept, also if it is listed no more; None when it is nowhere."""
    slug, _, model_id = name.partition("/")
    is_alias = (Provider.dialect == ALIAS) & (Model.id_hash == id_hash(name))
    is_model = (Provider.slug == slug) & (Model.id_hash == id_hash(model_id))
    mine = open_to(user).with_only_columns(Provider.id)
    return session.scalar(select(Model).join(Model.provider).where(Provider.id.in_(mine), or_(is_alias, is_model)))


def meant(rows: list[Model]) -> list[Model]:
    """Return of models with one name those that are meant by it: an alias is named to be meant."""
    return [row for row in rows if row.provider.dialect == ALIAS] or rows
