"""Puts a program's request into the words of Anthropic's Messages API: platform.claude.com/docs/en/api/messages."""

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from webapp.openai_api.schema import IMAGE_CODE, ChatQuery, RequestError, is_idle, unsupported, wrong_type
from webapp.upstream.dialects.anthropic_answer import JSON_TOOL

UNTRANSLATED = "is not translated for this provider"
FIELDS = frozenset(
    "max_tokens max_completion_tokens temperature top_p top_k stop user thinking tools tool_choice "
    "parallel_tool_calls response_format".split()
)
# Reasoning is never sent back: without its signature it would be refused.
MESSAGE_FIELDS = {
    "system": frozenset({"role", "content"}),
    "developer": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "refusal", "reasoning_content", "tool_calls"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
TOOL_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)
OWN_NETWORK = (".local", ".internal", ".localhost", ".lan", ".home.arpa")

Block = dict[str, Any]


def anthropic_fields(query: ChatQuery) -> dict[str, Any]:
    """Return what POST /messages gets beyond model, token limit and temperature. Raises RequestError."""
    fields = query.fields
    for name, value in fields.items():
        if name not in FIELDS and not is_idle(name, value):
            raise unsupported(name, UNTRANSLATED)
    tools, choice = _tools(fields)
    stop = fields.get("stop")
    return _turns(query.messages) | {
        "tools": tools or None,
        "tool_choice": choice,
        "stop_sequences": [stop] if isinstance(stop, str) else stop,
        "top_p": fields.get("top_p"),
        "top_k": fields.get("top_k"),
        "thinking": fields.get("thinking"),
        "metadata": {"user_id": fields["user"]} if fields.get("user") else None,
    }


def _turns(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return `system` and `messages`: system texts go to the top, neighbours of one role become one turn."""
    system: list[str] = []
    turns: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        role, blocks = message["role"], _blocks(message, f"messages[{number}]")
        if role in ("system", "developer"):
            system += [block["text"] for block in blocks]
            continue
        speaker = "assistant" if role == "assistant" else "user"
        if turns and turns[-1]["role"] == speaker:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": speaker, "content": blocks})
    if turns and turns[-1]["role"] == "assistant" and "text" in (end := turns[-1]["content"][-1]):
        end["text"] = end["text"].rstrip()  # a beginning to go on from must not end in white space
    for turn in turns:
        turn["content"] = _shortest(turn["content"])
    return {"system": "\n\n".join(system) or None, "messages": turns}


def _blocks(message: dict[str, Any], where: str) -> list[Block]:
    role = message["role"]
    known = MESSAGE_FIELDS.get(role)
    if known is None:
        raise RequestError(f"Invalid '{where}.role': '{role}' {UNTRANSLATED}.", param=f"{where}.role")
    for name, value in message.items():
        if name not in known and not is_idle(name, value):
            raise unsupported(f"{where}.{name}", UNTRANSLATED)
    content = message.get("content") or message.get("refusal")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    blocks: list[Block] = []
    for place, part in enumerate(parts):
        block = _part(part, role, f"{where}.content[{place}]")
        if "text" in block and blocks and "text" in blocks[-1]:
            blocks[-1]["text"] += f"\n{block['text']}"
        elif block.get("text", "-").strip():  # a text without text is refused
            blocks.append(block)
    if role == "tool":
        return [
            {"type": "tool_result", "tool_use_id": _id(message, "tool_call_id", where), "content": _shortest(blocks)}
        ]
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise wrong_type(f"{where}.tool_calls", "an array of objects")
    return blocks + [_call(call, f"{where}.tool_calls[{place}]") for place, call in enumerate(calls)]


def _shortest(blocks: list[Block]) -> str | list[Block]:
    """Return a single text as such: that is what every server understands."""
    if not blocks:
        return ""
    return blocks[0]["text"] if len(blocks) == 1 and "text" in blocks[0] else blocks


def _part(part: dict[str, Any], role: str, where: str) -> Block:
    kind = part.get("type")
    if kind in ("text", "refusal") and isinstance(text := part.get(kind), str):
        return {"type": "text", "text": text}
    if kind == "image_url" and role in ("user", "tool"):
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        return {"type": "image", "source": _source(url, f"{where}.image_url")}
    raise unsupported(where, UNTRANSLATED)


def _source(url: object, where: str) -> dict[str, str]:
    """Read where an image is. The provider fetches an address itself, but must not do so in a network of ours."""
    if isinstance(url, str) and (found := DATA_URL.match(url)):
        return {"type": "base64", "media_type": found[1].lower(), "data": url[found.end() :]}
    if not isinstance(url, str) or not _is_public(url):
        text = f"Invalid '{where}': only data:image/…;base64 URLs and public https URLs are accepted."
        raise RequestError(text, param=where, code=IMAGE_CODE)
    return {"type": "url", "url": url}


def _is_public(url: str) -> bool:
    """Tell whether the address is https at a name that looks public; numbers never do."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or "@" in parts.netloc or port not in (None, 443):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host and host[-1].isalpha() and not host.endswith(OWN_NETWORK)
    return False


def _call(call: object, where: str) -> Block:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise wrong_type(where, "a call of a function")
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except (orjson.JSONDecodeError, TypeError):
        arguments = None
    if not isinstance(arguments, dict):
        raise wrong_type(f"{where}.function.arguments", "the text of a JSON object")
    return {"type": "tool_use", "id": _id(call, "id", where), "name": function["name"], "input": arguments}


def _id(holder: dict[str, Any], name: str, where: str) -> str:
    """Return an id of a call in the letters that are allowed: other models have others."""
    if not isinstance(value := holder.get(name), str) or not value:
        raise wrong_type(f"{where}.{name}", "a text")
    return NOT_IN_IDS.sub("_", value)


def _tools(fields: dict[str, Any]) -> tuple[list[Block], Block | None]:
    """Return the tools and which of them is to be called; an answer in JSON is a call, too."""
    tools = fields.get("tools") or []
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects")
    found = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(tools)]
    choice = _choice(fields.get("tool_choice")) if found else None
    if (json_tool := _json_tool(fields.get("response_format"))) and (choice or {}).get("type") not in ("any", "tool"):
        may_call = bool(found) and (choice or {}).get("type") != "none"
        choice = {"type": "any"} if may_call else {"type": "tool", "name": JSON_TOOL}
        found.append(json_tool)
    if found and fields.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return found, choice


def _tool(tool: object, where: str) -> Block:
    if not isinstance(tool, dict):
        raise wrong_type(where, "an object")
    if tool.get("type") != "function":
        raise unsupported(f"{where}.type", UNTRANSLATED)
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise wrong_type(f"{where}.function", "an object with a name")
    known = {name: function[name] for name in ("name", "description", "strict") if function.get(name)}
    return known | {"input_schema": function.get("parameters") or {"type": "object", "properties": {}}}


def _choice(choice: object) -> Block | None:
    if choice is None:
        return None
    if isinstance(choice, str) and choice in TOOL_CHOICES:
        return {"type": TOOL_CHOICES[choice]}
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise unsupported("tool_choice", UNTRANSLATED)
    return {"type": "tool", "name": function["name"]}


def _json_tool(wanted: object) -> Block | None:
    """Return the tool by which a model answers in JSON, if that is wanted."""
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or kind not in ("text", "json_object", "json_schema"):
        raise RequestError("Invalid 'response_format'.", param="response_format", code="invalid_value")
    tool: Block = {"name": JSON_TOOL, "description": "Give your whole answer to the user by calling this tool."}
    if kind == "text":
        return None
    if kind == "json_object":
        return tool | {"input_schema": {"type": "object"}}
    format_ = wanted.get("json_schema")
    schema = format_.get("schema") if isinstance(format_, dict) else None
    if not isinstance(format_, dict) or not isinstance(schema, dict):
        raise wrong_type("response_format.json_schema", "an object with a schema")
    about = " ".join(str(format_[name]) for name in ("name", "description") if format_.get(name))
    tool["description"] += f" It holds: {about}." if about else ""
    return tool | {"input_schema": schema} | ({"strict": True} if format_.get("strict") else {})
