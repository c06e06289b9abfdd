"""Puts the built-in providers and their first models into a new database, once."""

from sqlalchemy.orm import Session

from webapp.models.catalogue import Address, look_up
from webapp.models.facts import CATALOGUE
from webapp.models.model import SEED, Model, count_models, id_hash
from webapp.providers.provider import Provider
from webapp.providers.vendors import Vendor, vendors
from webapp.settings.setting import read_setting, write_setting

SETTING = "seeded"
DEMO_NAMES = {"demo-tour": "Demo Tour", "demo-echo": "Demo Echo", "demo-slow": "Demo Slow"}


def seed_providers(session: Session) -> None:
    """Add each built-in once in the life of the database; later starts leave alone what people changed."""
    seeded = set((read_setting(session, SETTING) or "").split())
    wanted = [template for template in vendors().values() if template.builtin and template.id not in seeded]
    for template in wanted:
        provider = Provider(
            slug=template.id,
            name=template.name,
            vendor_id=template.id,
            dialect=template.dialect,
            base_url=template.base_url,
            auth_style=template.auth,
            auth_name=template.auth_name,
            is_builtin=True,
            default_model=next(iter(template.models), None),
        )
        session.add(provider)
        session.flush()
        seed_models(session, provider)
    if wanted:
        write_setting(session, SETTING, " ".join(sorted(seeded | {template.id for template in wanted})))


def seed_models(session: Session, provider: Provider) -> None:
    """Give a new provider the models to begin with, at the template's own address; its list may name more later."""
    if provider.base_url == provider.vendor.base_url:
        session.add_all(_models(provider, provider.vendor))
        count_models(session, provider)


def _models(provider: Provider, template: Vendor) -> list[Model]:
    known = look_up(dict.fromkeys(template.models, False), Address(template.catalogue))
    rows = []
    for position, model_id in enumerate(template.models):
        source, facts = known.get(model_id, (CATALOGUE, {}))
        name = facts.get("display_name") or DEMO_NAMES.get(model_id)
        row = Model(
            provider_id=provider.id,
            model_id=model_id,
            id_hash=id_hash(model_id),
            source=SEED,
            position=position - len(template.models),
            display_name=name,
        )
        row.learn({source: facts})
        rows.append(row)
    return rows
