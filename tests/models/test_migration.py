"""What older versions knew of models and repairs is kept in today's words."""

import importlib.util
from types import ModuleType
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text

from webapp.core.paths import MIGRATIONS


def migration(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("migration", MIGRATIONS / "versions" / name)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_facts_get_their_source_and_repairs_become_words() -> None:
    columns = "id INTEGER, source TEXT, context_length INTEGER, max_output_tokens INTEGER, capabilities JSON"
    with create_engine("sqlite://").begin() as connection:
        for statement in (
            "CREATE TABLE providers (id INTEGER)",
            f"CREATE TABLE models ({columns})",
            "CREATE TABLE runs (id INTEGER, repair JSON)",
            """INSERT INTO models VALUES (1, 'seed', 5, NULL, '{"tools": true, "vision": null}')""",
            "INSERT INTO models VALUES (2, 'provider', NULL, 7, '{}'), (3, 'user', NULL, NULL, 'null')",
            """INSERT INTO runs VALUES (1, '{"drop": ["a"], "rename": {"b": "c"}, "set": {"d": 1}}'), (2, 'null')""",
        ):
            connection.execute(text(statement))
        with Operations.context(MigrationContext.configure(connection)):
            module = migration("0003_quirks.py")
            module.upgrade()
        models = module.MODELS.select().order_by(module.MODELS.c.id)
        facts: list[dict[str, Any]] = [row.facts for row in connection.execute(models)]
        runs = module.RUNS.select().order_by(module.RUNS.c.id)
        repairs = [row.repair for row in connection.execute(runs)]
    for known in facts:
        for layer in known.values():
            assert layer.pop("at")
    assert facts == [{"catalogue": {"context_length": 5, "tools": True}}, {"provider": {"max_output_tokens": 7}}, {}]
    assert repairs == [["drop a", "rename b c", "cap d 1"], None]
