"""Which parameter a provider refused, and how the request can be repaired."""

import re
from typing import Any, Final

from webapp.upstream.classify.body import ErrorBody
from webapp.upstream.shapes import as_text

REFUSED: Final = re.compile(
    r"unsupported|not supported|unknown (?:parameter|field|argument|name)|unrecognized|unexpected|does not support"
    r"|not (?:allowed|permitted)|extra_forbidden|extra inputs|invalid (?:parameter|argument|value|temperature|\w+_\w+ )"
    r"|unknown variant|is not one of|only (?:the default|1 is|one of|allowed)|out of range|too large"
    r"|must be(?! (?:passed|provided|present|included|(?:a )?non-empty))|range of \w+ (?:should be|is)"
    r"|which is the maximum|range:|deprecated for|cannot both be|may only be|type is unavailable"
)
NAMED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"property ['\"`]([\w.\[\]]+)['\"`] is unsupported",
        r"\(['\"`]([\w.]+)['\"`] was unexpected\)",
        r"(?:parameter|argument|field|property|name|value)s?(?: supplied| name)?(?::? ['\"`]?|\.)([a-z][\w.]+)",
        r"['\"`]([a-z][\w.]+)['\"`]",
        r"invalid (?:value for )?([a-z]+(?:_[a-z]+)+|temperature)\b",
        r"^(\w+): ",
        r"range of (\w+)",
        r"\b(temperature|top_[pk]|stream_options|max_tokens|max_completion_tokens|reasoning_effort|response_format)\b",
    )
)
INSTEAD: Final = re.compile(r"use ['\"`]([a-z]\w+)['\"`] instead")
WRONG_VALUE: Final = re.compile(r"invalid (\w+) ['\"`](\w+)['\"`]. use ['\"`](\w+)['\"`] instead")
MESSAGE_FIELD: Final = re.compile(r"messages?[.\[]+\d+[.\]]+(?:\w+\.)?(\w+)$")
IN_MESSAGE: Final = re.compile(r"messages?[.\[]\d")
ROLE: Final = re.compile(
    r"(?:unknown variant|unexpected role|invalid role|role)[:\s]*['\"`](developer|system)\b"
    r"|['\"`](developer)['\"`] is not one of|\b(developer|system) role (?:is )?not supported"
)
NEEDED: Final = frozenset(
    {"model", "messages", "prompt", "input", "stream", "api_key", "role", "content", "none", "null", "body"}
    | {"validation_error"}  # Cerebras puts it where the name belongs
)
AT_MOST: Final = re.compile(r"(?:supports at most|\d >|(?:should be|is) \[\d{1,9},) ?(\d{1,9})")
EFFORTS: Final = ("low", "medium", "high")


def refused_parameter(body: ErrorBody) -> dict[str, Any] | None:
    """Return {param, repair} when the text refuses a parameter that the request can do without, else None.

    `repair` is one of {rename}, {drop}, {set}, {map}, {drop_message_fields}, {roles}.
    """
    if not REFUSED.search(body.text):
        return None
    if role := ROLE.search(body.text):
        name = role[1] or role[2] or role[3]
        return {"param": "role", "repair": {"roles": {name: "system" if name == "developer" else "user"}}}
    if value := WRONG_VALUE.search(body.text):
        param, refused, allowed = value.groups()
        wrong = [effort for effort in EFFORTS[:2] if effort != allowed] if param == "reasoning_effort" else [refused]
        return {"param": param, "repair": {"map": {param: dict.fromkeys(wrong, allowed)}}}
    param = _name(body)
    if not param:
        return None
    inner = MESSAGE_FIELD.search(param)
    if inner or ("." not in param and IN_MESSAGE.search(body.text)):
        field = inner[1] if inner else param
        return None if field in NEEDED else {"param": f"messages[].{field}", "repair": {"drop_message_fields": [field]}}
    if param.split(".")[0] in NEEDED:
        return None
    if instead := INSTEAD.search(body.text):
        return {"param": param, "repair": {"rename": {param: instead[1]}}}
    if "tokens" in param and (most := AT_MOST.search(body.text)):
        return {"param": param, "repair": {"set": {param: int(most[1])}}}
    if param == "max_completion_tokens":
        return {"param": param, "repair": {"rename": {param: "max_tokens"}}}
    return {"param": param, "repair": {"drop": [param.split(".")[0]]}}


def _name(body: ErrorBody) -> str:
    told = as_text(body.fields.get("param")).lower()
    if told and told not in NEEDED:
        return told
    for pattern in NAMED:
        for found in pattern.finditer(body.message.lower()):
            if found[1] not in NEEDED:
                return found[1]
    return ""
