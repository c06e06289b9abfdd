"""A preset: a system prompt, a model and parameters under one name, for chats and as `preset/<slug>` in the API."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Select, Text, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.core.errors import BusyError, ForbiddenError, NotFoundError
from webapp.models.model import Model
from webapp.providers.adding import MOST_AT_ONCE, PRESETS, free_slug

VARIABLES = ("date", "user", "model")
VARIABLE = re.compile(r"\{\{\s*(date|user|model)\s*\}\}")
# Chinese and Japanese write no spaces: each sign counts as a word and about as a token; else four bytes make a token.
SIGN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
BYTES_PER_TOKEN = 4


class Preset(Record):
    """One preset. Shared ones serve everybody here. Without a model it goes with any."""

    __tablename__ = "presets"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    is_shared: Mapped[bool] = mapped_column(default=False)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    system_prompt: Mapped[str] = mapped_column(Text, default="")
    model_pk: Mapped[int | None] = mapped_column(ForeignKey("models.id", ondelete="SET NULL"))
    model_name: Mapped[str | None] = mapped_column(Text)  # `<provider slug>/<model id>`; stays when the model is gone
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # parameters.py
    # What it insists on: direct, automatic or a gateway.
    route: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    used_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=clock.now)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    model: Mapped[Model | None] = relationship()

    @property
    def handle(self) -> str:
        """Its name in the API."""
        return f"{PRESETS}/{self.slug}"

    def may_change(self, user: User) -> bool:
        """Owners change what is theirs; admins change what is shared."""
        return user.id == self.owner_id or (user.is_admin and self.is_shared)

    def fault(self, user: User) -> str | None:
        """Return why its model cannot answer this user: a word of `unusable`; None when it can, or when it has none."""
        return unusable(self.model, user) if self.model_name else None

    def prompt_for(self, user: User, model: Model) -> str:
        """Return the system prompt as it is sent, its variables filled in."""
        values = {"date": clock.now().date().isoformat(), "user": user.name, "model": model.name}
        return VARIABLE.sub(lambda found: values[found[1]], self.system_prompt)


@dataclass(frozen=True, slots=True)
class PresetInput:
    """What somebody wants a preset to be; everything in it was checked."""

    name: str
    system_prompt: str
    model: Model | None
    model_name: str | None
    parameters: dict[str, Any]
    is_shared: bool
    route: str = ""


def unusable(model: Model | None, user: User) -> str | None:
    """Return why a model cannot be used: gone, closed (to this user), off, needs_key, vanished or hidden."""
    if model is None or model.provider.deleted_at is not None:
        return "gone"
    provider = model.provider
    if not provider.is_shared and provider.owner_id != user.id:
        return "closed"
    if not provider.is_enabled:
        return "off"
    if model.vanished_at is not None:
        return "vanished"
    if not model.is_enabled:
        return "hidden"
    return "needs_key" if provider.needs_key else None


def visible_presets(user: User) -> Select[Preset]:
    """Select what this user may see and use, with models and providers."""
    return (
        select(Preset)
        .options(joinedload(Preset.model).joinedload(Model.provider))
        .where(Preset.deleted_at.is_(None), or_(Preset.is_shared, Preset.owner_id == user.id))
    )


def presets_of(session: Session, user: User) -> list[Preset]:
    """Return all presets of this user, the most used first."""
    return list(session.scalars(visible_presets(user).order_by(Preset.used_count.desc(), Preset.id)))


def find_preset(session: Session, user: User, preset_id: int) -> Preset:
    """Load a preset that this user may use; raise NotFoundError otherwise."""
    found = session.scalar(visible_presets(user).where(Preset.id == preset_id))
    if found is None:
        raise NotFoundError
    return found


def find_own_preset(session: Session, user: User, preset_id: int) -> Preset:
    """Load a preset that this user may change; raise ForbiddenError when they may only use it."""
    found = find_preset(session, user, preset_id)
    if not found.may_change(user):
        raise ForbiddenError
    return found


def add_preset(session: Session, user: User, wanted: PresetInput) -> Preset:
    """Store a new preset under a short name of its own, also when several of that name come at once."""
    preset = Preset(owner_id=user.id)
    change_preset(user, preset, wanted)
    for _ in range(MOST_AT_ONCE):
        preset.slug = free_slug(session, wanted.name, Preset.slug, PRESETS)
        with contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(preset)
            session.flush()
            return preset
    raise BusyError


def change_preset(user: User, preset: Preset, wanted: PresetInput) -> None:
    """Change a preset; its short name stays. Only admins share."""
    preset.name, preset.system_prompt = wanted.name, wanted.system_prompt
    preset.model, preset.model_name = wanted.model, wanted.model_name
    preset.parameters, preset.route = wanted.parameters, wanted.route
    if user.is_admin:
        preset.is_shared = wanted.is_shared
    preset.updated_at = clock.now()


def duplicate_preset(session: Session, preset: Preset, user: User, name: str) -> Preset:
    """Copy a preset; the copy is the user's own."""
    what = preset.system_prompt, preset.model, preset.model_name, dict(preset.parameters)
    wanted = PresetInput(name, *what, is_shared=False, route=preset.route)
    return add_preset(session, user, wanted)


def restore_preset(session: Session, user: User, preset_id: int) -> Preset:
    """Undo a deletion, until the monitor has removed it; raise NotFoundError otherwise."""
    found = session.get(Preset, preset_id)
    if found is None or found.deleted_at is None or not found.may_change(user):
        raise NotFoundError
    found.deleted_at = None
    return found


def count_uses(session: Session, uses: Mapping[int, int]) -> None:
    """Add to the counts of presets, by id."""
    for preset_id, times in sorted(uses.items()):
        more = update(Preset).where(Preset.id == preset_id).values(used_count=Preset.used_count + times)
        session.execute(more)


def size_of(prompt: str) -> tuple[int, int]:
    """Return how many words, and about how many tokens, a prompt has."""
    rest, signs = SIGN.subn(" ", prompt)
    words = signs + len(re.findall(r"\w[\w'’-]*", rest))
    return words, signs + round(len(" ".join(rest.split()).encode()) / BYTES_PER_TOKEN)
