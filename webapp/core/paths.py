"""Where templates, static files and migrations are."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
MIGRATIONS = ROOT / "migrations"
TRANSLATIONS = ROOT / "webapp" / "translations"


def newest_revision(migrations: Path) -> str:
    """Return the newest migration's revision, by file name (`0001_first.py`): no need to load Alembic."""
    return max(path.name for path in (migrations / "versions").glob("[0-9]*.py")).partition("_")[0]


def default_data_dir() -> Path:
    """Return `data/` beside a checkout, else the platform's folder for a user's data."""
    if (ROOT / "pyproject.toml").is_file():
        return ROOT / "data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "jackfield"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "jackfield"
