"""The phrases by which errors are told apart: data, in the order in which they are tried.

Order and phrases: tests/upstream/corpus, with a source for each case. A rule matches lower-case text in which every
message, code and type of the body stands on a line of its own and the last line names the keys of the error object.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

LOCAL_VENDORS: Final = frozenset(
    {"ollama", "lmstudio", "llama.cpp", "vllm", "sglang", "tgi", "koboldcpp", "text-generation-webui", "jan", "localai"}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """If the text matches (and status and vendor fit), the error is of this category; `changes` alter its outcome."""

    category: str
    pattern: re.Pattern[str]
    statuses: frozenset[int] = frozenset()
    vendors: frozenset[str] = frozenset()
    changes: dict[str, Any] = field(default_factory=dict)


def rule(category: str, *phrases: str, statuses: str = "", vendors: str = "", **changes: Any) -> Rule:
    """Build a rule from alternative regular expressions and space-separated statuses and vendors."""
    pattern = re.compile("|".join(phrases), re.M)
    numbers = frozenset(int(status) for status in statuses.split())
    return Rule(category, pattern, numbers, frozenset(vendors.split()), changes)


N = r"\d[\d,]{0,14}"
CONTEXT_NUMBERS: Final = tuple(
    re.compile(pattern, re.S)
    for pattern in (
        rf"maximum context length (?:is|of) (?P<limit>{N}).{{0,80}}?"
        rf"(?:resulted in|requested|contains?|has|have) (?:about |at least |a total of )?(?P<used>{N})",
        rf"you passed (?P<used>{N}) input tokens.{{0,80}}context length is only (?P<limit>{N})",
        rf"\(length (?P<used>{N})\) is longer than the maximum model length of (?P<limit>{N})",
        rf"prompt is too long: (?P<used>{N}) tokens > (?P<limit>{N})",
        rf"prompt is too long: (?P<used>{N}), model maximum context length: (?P<limit>{N})",
        rf"token count of (?P<used>{N}) exceeds the limit of (?P<limit>{N})",
        rf"token limit: (?P<limit>{N}) \(requested: (?P<used>{N})",
        rf"request \((?P<used>{N}) tokens\) exceeds the available context size \((?P<limit>{N})",
        rf"n_keep: (?P<used>{N})\s*>=?\s*n_ctx: (?P<limit>{N})",
        rf"keep the first (?P<used>{N}) tokens.{{0,120}}context length of only (?P<limit>{N})",
        rf"\((?P<used>{N}) tokens\) is longer than the model's context length \((?P<limit>{N})",
        rf"must have less than (?P<limit>{N}) tokens. given: (?P<used>{N})",
        rf"max_new_tokens`? must be <= (?P<limit>{N}).{{0,20}}given: (?P<used>{N})",
        rf"current length is (?P<used>{N}) while limit is (?P<limit>{N})",
        rf"request too large.{{0,200}}limit (?P<limit>{N}), requested (?P<used>{N})",
        rf"token count \(?(?P<used>{N})\)? exceeds the maximum number of tokens allowed \(?(?P<limit>{N})",
        rf"contains (?P<used>{N}) tokens.{{0,40}}model with (?P<limit>{N})",
        rf"maximum prompt length is (?P<limit>{N}).{{0,40}}contains (?P<used>{N})",
        rf"input length should be \[\d+, ?(?P<limit>{N})\]",
        rf"(?:limit for this model is|max size:|maximum (?:prompt|context) length (?:is|of)|must be <=) (?P<limit>{N})",
        rf"context length is only (?P<limit>{N})",
        rf"exceeds the maximum number of tokens allowed \(?(?P<limit>{N})",
        rf"exceed context limit: .{{0,40}}> (?P<limit>{N})",
    )
)

RULES: Final = (
    rule(
        "context_length",
        r"maximum context length",
        r"maximum prompt length",
        r"context_length_exceeded|exceed_context_size|model_context_window_exceeded|tokens_limit_reached",
        r"prompt is too long|input is too long|prompt exceeds max length|too many (?:input )?tokens(?! processed)",
        r"exceeds? (?:the )?(?:available |maximum |model'?s? )?context (?:size|length|window|limit)",
        r"exceeded model token limit|context window exceeds",
        r"(?:longer|greater) than the (?:model's )?context length|context length (?:of|is) only",
        r"longer than the maximum model length|token count of \d+ exceeds the limit",
        r"must have less than \d+ tokens|max_new_tokens`? must be <=",
        r"current length is \d+ while limit",
        r"request too large.*\blimit \d+, requested \d+",
        r"the limit for this model is \d+ tokens|max size: \d+ tokens",
        r"token count.* exceeds the maximum number of tokens",
        r"too large for model with \d+ maximum context",
        r"range of input length should be|reduce the length of the (?:messages|prompt|input)",
        r"超.{0,12}上下文|上下文.{0,12}(?:超|过长)|(?:输入|提示词|prompt).{0,12}(?:超长|过长|超过.{0,6}(?:长度|限制))",
    ),
    rule("rate_limit", r"in_flight_budget", statuses="402 429 200"),
    rule("quota_window", r"exceeded your current quota(?s:.*)perday"),
    rule("rate_limit", r"exceeded your current quota(?s:.*)(?:retry in \d|retryinfo)"),
    rule("billing", r"budget_exceeded|budget has been exceeded", action="contact_admin"),
    rule("billing", r"", statuses="402"),
    rule(
        "billing",
        r"insufficient[_ ](?:account )?(?:quota|balance|credits?|funds|user quota)|insufficient_user_quota",
        r"(?:credit|account) balance|balance is (?:too low|not enough)|not enough (?:credits?|balance)|out of credits?",
        r"exceeded[_ ](?:your )?current[_ ]quota|spend(?:ing)?[_ ]limit|billing[_ ](?:hard[_ ])?limit",
        r"key limit exceeded|more credits|included credits|purchase credits|requires payment|payment required|arrear",
        r"billing_not_active|overdue[ -]payment|free tier .{0,40}exhausted|recharge|top up",
        r"余额不足|额度不足|(?<![日天周月])额度已用[尽完]|欠费|预扣费|充值",
    ),
    rule(
        "quota_window",
        r"per[- ]?day\b|byday\b|per 86400s|requestsperday|\b[rt]pd\b|daily (?:limit|quota|request|free)",
        r"free-models-per-day|weekly (?:limit|quota|usage)|monthly (?:limit|quota|usage)|5[- ]hour|usage limit reached",
        r"limit will reset at|usage limit exceeded",
        r"(?:calls|requests|tokens) ?(?:/|per) ?(?:week|month)|quota will (?:reset|refresh)",
        r"(?:今日|当日|每日|每天|本周|每周|本月|每月).{0,20}(?:上限|限额|限制|额度|配额)",
        statuses="429 403 401 200",
    ),
    rule(
        "content_filter",
        r"content_filter|content management policy|responsibleai|data_?inspection_?failed|content[_ ]polic",
        r"content filtering policy|unsafe or sensitive content|input was flagged|requires moderation",
        r"violates? (?:our |the )?(?:usage|content|safety)|inappropriate content",
        r"prohibited_content|blocked by .*safety|safety system|敏感|违规|不安全",
    ),
    rule(
        "tool_call_failed",
        r"tool_use_failed|failed to call a function|failed_generation|malformed[_ ]function[_ ]call",
        r"tool call validation failed|failed to parse (?:the )?tool call",
    ),
    rule(
        "feature_unsupported",
        r"only supports single tool-calls",
        repair={"set": {"parallel_tool_calls": False}},
    ),
    rule(
        "feature_unsupported",
        r"does not support (?:this |forced )?tool_choice",
        repair={"drop": ["tool_choice"]},
    ),
    rule(
        "feature_unsupported",
        r"does not support (?:tools?|function)|tools param requires|tool choice requires",
        r"no endpoints found that support tool",
        r"tools?[`'\"]? (?:is|are|use is|calling is) not (?:supported|enabled|available)",
        r"function[ -]call(?:s|ing)? (?:is|are) not|support (?:for )?(?:tool|function)[ -]call",
        r"不支持.{0,8}(?:工具|函数|tool|function)",
        repair={"drop": ["tools", "tool_choice"]},
    ),
    rule(
        "feature_unsupported",
        r"image input is not supported|not a multimodal model|no endpoints found that support image",
        r"(?:does not|doesn't|not) support (?:image|vision|multimodal)|unknown variant `?image_url|mmproj",
        r"images? (?:is|are) not supported|does not accept images?|image_url is only supported|at most 0 image",
        r"不支持.{0,8}(?:图|视觉|多模态)",
        retryable=False,
        action="remove_images",
    ),
    rule(
        "feature_unsupported",
        r"streaming requests are not yet allowed|stream(?:ing)? (?:is )?not supported|does not support stream",
        repair={"drop": ["stream", "stream_options"]},
    ),
    rule("overloaded", r"degraded function", retryable=False, action="pick_model"),
    rule(
        "model_not_loaded",
        r"model has (?:unloaded|crashed)|no models? (?:is |are )?(?:currently )?loaded",
        r"model (?:is )?(?:not loaded|unloaded)|load a model (?:first|in)",
    ),
    rule(
        "model_loading",
        r"^loading model|server loading model|model_loading|warming up",
        r"模型.{0,10}(?:加载中|正在加载)|正在加载.{0,10}模型",
        r"model\b.{0,120} is (?:currently |still )?(?:loading|being loaded)",
    ),
    rule(
        "overloaded",
        r"overloaded|(?:server|is|too|currently)[ _]busy",
        r"high (?:traffic|demand|load)|at capacity|capacity exceeded|no slots? available|queue is full",
        r"temporarily unavailable|负载|繁忙|过载|访问量过大",
    ),
    rule("blocked", r"^error code: 10(?!15)\d\d"),
    rule("network_cors", r"\A\Z", statuses="403", vendors="ollama"),
    rule("permission", r"invalid host header", key_ok=None, action="allow_host"),
    rule(
        "permission",
        r"(?:country|region|territory|location).{0,40}not supported|unsupported_country",
        key_ok=None,
        action="change_network_or_provider",
    ),
    rule("models_unavailable", r"error listing|failed to list models|could not list models"),
    rule(
        "wrong_path",
        r"unexpected endpoint or method|404 page not found|404 not_found|^(?:resource |file |page )?not found\.?$",
        r"endpoint does not exist|invalid url|unknown request url|unrecognized request url|no route",
        r"^cannot (?:get|post) /|method not allowed|could not route|no static resource|plain http request was sent",
        r"http request to an https server",
        r"(?:path|route|url|endpoint) (?:was )?not found|no such (?:route|endpoint|path)",
    ),
    rule("auth_missing", r"signin_url", action="open_link"),
    rule("auth_missing", r"x-api-key header is required", action="switch_protocol"),
    rule("auth_missing", r"no (?:cookie )?auth credentials", key_ok=False),
    rule("auth_missing", r"cf-aig-authorization", action="add_header"),
    rule(
        "auth_missing",
        r"no api[- _]?key",
        r"(?:api[- _]?key|token|auth\w*|credentials?)(?: header)? (?:is |was )?(?:missing|required)",
        r"missing (?:a |an |the )?(?:valid |or invalid )?(?:api|auth|bearer|token|credential|subscription key)",
        r"(?:didn't|did not) provide an? api|must provide an? api|not received in header|not authenticated",
        r"please provide an? api|unregistered callers|未提供|缺少.{0,8}(?:key|token|密钥|令牌|授权)",
        statuses="400 401 403 200",
    ),
    rule(
        "auth_invalid",
        r"(?:incorrect|invalid|wrong|unknown|malformed|expired|revoked|bad)[- _](?:x-)?api[- _]?(?:key|token)",
        r"api[- _]?key (?:is |was )?(?:not valid|invalid|incorrect|expired|revoked|not found|disabled)",
        r"api_key_invalid|reported as leaked",
        r"no_db_connection",  # LiteLLM with a master key and no database in which to look another key up
        r"invalid (?:token|bearer|authentication|credentials?|subscription key|username or password|access token|jwt)",
        r"invalid_token|token (?:is |has )?(?:expired|invalid)|authentication (?:error|fail)|authorization failed",
        r"authentication_error|unauthorized|unauthenticated|virtual key expected|no such user",
        r"身份验证|令牌|(?:鉴权|认证)失败|未授权",
        r"(?:无效|错误|过期|失效).{0,6}(?:key|token|密钥)|(?:key|token|密钥).{0,6}(?:无效|错误|不正确|过期|失效)",
        statuses="400 401 403 200",
    ),
    rule("auth_invalid", r"", statuses="401"),
    rule("model_not_found", r"model .*not found", vendors="ollama", key_ok=None, action="pull_model"),
    rule("permission", r"(?:not allowed to|no|cannot) access (?:to )?(?:the )?model|model_access_denied"),
    rule("permission", r"matching your data policy", action="show_details"),
    rule(
        "model_not_found",
        r"model[_ ]not[_ ](?:found|exist|supported|available)|no such model|unknown[_ ]model|invalid model",
        r"models?\b.{0,120}\b(?:does not exist|doesn't exist|not found|not exist|is not available|was not found)",
        r"model.{0,200}(?:is not supported by any provider|has been (?:decommissioned|deprecated|retired|removed))",
        r"model ['\"`]?[\w./:@-]+['\"`]? is not (?:supported|allowed|valid)|(?:requested|this) model is not supported",
        r"unable to access (?:the )?model|not a valid model|is not found for api version",
        r"inaccessible, and/or not deployed|non-serverless model",
        r"deploymentnotfound|deployment for this resource does not exist|not found for account|not found the model",
        r"no endpoints found for|^model: |does not have access to (?:the )?model",
        r"requested entity was not found|no available channel|not a chat model|unsupported model|model_decommissioned",
        r"无可用渠道|模型.{0,80}不存在|(?:未知|找不到|无效的?|不支持的|没有)模型",
    ),
    rule("payload_too_large", r"", statuses="413"),
    rule("rate_limit", r"", statuses="429"),
    rule(
        "rate_limit",
        r"rate[_ ]limit|too many requests|throttl|频繁|限流|速率限制|请求过多",
        statuses="403 200 503",
    ),
)
