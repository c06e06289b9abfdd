"""What only one vendor means by a code, a status or a silence: data keyed by the vendor words of the wire corpus.

Sources: docs.z.ai/api-reference/api-code; the vendors' error pages; the sources in tests/upstream/corpus/index.json.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from webapp.upstream.target import Target

Outcome = tuple[str, dict[str, Any]]

THINKING: Final = {"repair": {"drop": ["thinking", "reasoning_effort"]}}
SYSTEM_ROLE: Final = {"param": "role", "repair": {"roles": {"developer": "system"}}}


def _table(**codes: str) -> dict[str, Outcome]:
    return {code: (category, {}) for category, line in codes.items() for code in line.split()}


ZAI_CODES: Final[dict[str, Outcome]] = _table(
    auth_invalid="1000 1002 1003 1004 401",
    auth_missing="1001",
    billing="1110 1111 1112 1113 1121 1309",
    permission="1220 1311 1313",
    model_not_found="1211 1221 1222",
    bad_param="1210 1212 1213 1214",
    server_error="1230 1231 1234",
    context_length="1261",
    content_filter="1300 1301",
    rate_limit="1302 1303",
    quota_window="1304 1308 1310",
    overloaded="1305 1312",
) | {"1210": ("bad_param", THINKING), "1214": ("bad_param", SYSTEM_ROLE)}

CODES: Final[dict[str, dict[str, Outcome]]] = {
    "zai": ZAI_CODES,
    "bigmodel": ZAI_CODES,
    "minimax": _table(
        server_error="1000 1013 1024 1033",
        timeout="1001",
        rate_limit="1002 1039 1041",
        auth_invalid="1004 2049",
        billing="1008",
        content_filter="1026 1027 1042",
        quota_window="2045 2056",
    ),
    "cloudflare": _table(
        auth_invalid="10000 10001 9109 9106",
        models_unavailable="7001",
        wrong_path="7000 7003",
        quota_window="3036",
        overloaded="3040",
        model_not_found="5007 5018",
    )
    | {"2009": ("auth_missing", {"action": "add_header"})},
    "dashscope": {"InvalidApiKey": ("auth_invalid", {"key_ok": False, "action": "try_sibling_endpoint"})}
    | {code: ("rate_limit", {}) for code in ("Throttling", "Throttling.RateQuota", "Throttling.BurstRate")}
    | {"Arrearage": ("billing", {}), "AccessDenied.Unpurchased": ("billing", {})},
    "mistral": _table(rate_limit="1300", model_not_found="1500", overloaded="3505"),
}

DASHSCOPE: Final = (
    "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
    "https://coding.dashscope.aliyuncs.com/v1",
    "https://coding-intl.dashscope.aliyuncs.com/v1",
)
ZAI: Final = ("https://api.z.ai/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4")

# Where the same key may work after a refusal: (vendor, category) -> base URLs of the same company.
SIBLINGS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("zai", "auth_invalid"): ZAI,
    ("bigmodel", "auth_invalid"): ZAI,
    ("zai", "billing"): ("https://api.z.ai/api/coding/paas/v4",),
    ("bigmodel", "billing"): ("https://open.bigmodel.cn/api/coding/paas/v4",),
    ("dashscope", "auth_invalid"): DASHSCOPE,
    ("moonshot", "auth_invalid"): (
        "https://api.moonshot.ai/v1",
        "https://api.moonshot.cn/v1",
        "https://api.kimi.com/coding/v1",
    ),
    ("minimax", "auth_invalid"): ("https://api.minimax.io/v1", "https://api.minimaxi.com/v1"),
}

KEY_UNSURE_ON_401: Final = frozenset({"mistral", "azure"})  # also sent for a spent quota, or for another region
# Answers to GET /models that tell of the list, not of the address: vendor -> (statuses, action)
LIST_FAULTS: Final[dict[str, tuple[frozenset[int], str]]] = {
    "perplexity": (frozenset({404, 405}), "use_catalogue"),  # has none
    "fireworks": (frozenset({500}), "probe_chat"),  # breaks for some accounts whose key is good
}
# Their front cuts silence of 30 s, and a tool's arguments come at their end only, unless they are asked to stream them.
STREAMS_TOOLS_WHEN_ASKED: Final = frozenset({"zai", "bigmodel"})
WRONG_HOST_IS_BLOCKED: Final = frozenset({"moonshot"})  # api.moonshot.com shows Cloudflare's block page

ALIASES: Final = {
    "qwen": "dashscope",
    "glm": "bigmodel",
    "llamacpp": "llama.cpp",
    "zai-coding": "zai",
}  # words of vendors.toml
HOSTS: Final = {
    "api.z.ai": "zai",
    "bigmodel.cn": "bigmodel",
    "aliyuncs.com": "dashscope",
    "moonshot.ai": "moonshot",
    "moonshot.cn": "moonshot",
    "moonshot.com": "moonshot",
    "api.kimi.com": "moonshot",
    "minimax.io": "minimax",
    "minimaxi.com": "minimax",
    "mistral.ai": "mistral",
    "azure.com": "azure",
    "perplexity.ai": "perplexity",
    "cloudflare.com": "cloudflare",
    "fireworks.ai": "fireworks",
    "chutes.ai": "chutes",
}


def vendor_of(target: Target) -> str:
    """Return the corpus word: by the host when it is known (a custom provider, an edited address), else as set."""
    return vendor_at(target.base_url) or ALIASES.get(target.vendor, target.vendor)


def vendor_at(base_url: str) -> str | None:
    """Return the corpus word of a vendor's own host; None for any other."""
    host = urlsplit(base_url).hostname or ""
    return next((vendor for suffix, vendor in HOSTS.items() if host == suffix or host.endswith(f".{suffix}")), None)
