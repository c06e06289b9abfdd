"""The templates of vendors.toml."""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Vendor:
    """One kind of provider; the fields are explained at the top of vendors.toml."""

    id: str
    name: str
    tile: str
    dialect: str
    base_url: str = ""
    auth: str = "bearer"
    auth_name: str = ""
    env: str = ""
    catalogue: str = ""
    models: tuple[str, ...] = ()
    key_page: str = ""
    is_local: bool = False
    builtin: bool = False
    hidden: bool = False
    is_gateway: bool = False

    @property
    def host(self) -> str:
        """The host and port of the usual address."""
        return urlsplit(self.base_url).netloc


@functools.cache
def vendors() -> dict[str, Vendor]:
    """Return all templates by id, in the file's order."""
    with (Path(__file__).parent / "vendors.toml").open("rb") as file:
        data = tomllib.load(file)
    return {
        vendor_id: Vendor(id=vendor_id, **{**fields, "models": tuple(fields.get("models", ()))})
        for vendor_id, fields in data.items()
    }


def vendor(vendor_id: str) -> Vendor:
    """Return a template; an unknown id (from a newer version's database) counts as a custom provider."""
    return vendors().get(vendor_id) or vendors()["custom"]
