"""The templates of vendors.toml."""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from webapp.upstream.classify.vendors import vendor_at

# How the keys of vendors without a template begin: prefix -> name and domain.
OTHER_KEYS = {
    "hf_": ("Hugging Face", "huggingface.co"),
    "nvapi-": ("NVIDIA", "nvidia.com"),
    "otk_": ("Otari", "otari.ai"),
    "sk-kimi-": ("Kimi Code", "kimi.com"),
}


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
    key_prefix: str = ""
    litellm: str = ""
    list_path: str = "/models"
    refuses_browsers: bool = False
    other_plan: str = ""
    is_local: bool = False
    is_gateway: bool = False
    builtin: bool = False
    hidden: bool = False

    @property
    def host(self) -> str:
        """The host and port of the usual address."""
        return urlsplit(self.base_url).netloc

    def list_at(self, base_url: str) -> str | None:
        """Return where a provider at this address has its list; None when it has none."""
        return (self.list_path or None) if base_url == self.base_url else "/models"


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


def known_addresses() -> list[str]:
    """Return the usual address of every template that has one."""
    return [template.base_url for template in vendors().values() if template.base_url]


def maker_of_key(key: str, vendor_id: str, base_url: str) -> str | None:
    """Return the name of another vendor whose keys begin like this one; None when it may well belong here."""
    host = urlsplit(base_url).hostname or ""
    for template in vendors().values():
        if template.key_prefix and key.startswith(template.key_prefix):
            domain = ".".join((urlsplit(template.base_url).hostname or "").split(".")[-2:])
            is_own = _is_under(host, domain) or vendor_at(base_url) == template.id  # also in its other regions
            return None if template.id == vendor_id or is_own else template.name
    others = (
        name for prefix, (name, domain) in OTHER_KEYS.items() if key.startswith(prefix) and not _is_under(host, domain)
    )
    return next(others, None)


def _is_under(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
