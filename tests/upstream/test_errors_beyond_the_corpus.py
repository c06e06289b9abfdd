"""Errors of the same families as the corpus, in other words."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.upstream.corpus_cases import target_for
from webapp.core.secret import Secret
from webapp.upstream.classify import error_from, error_from_transport
from webapp.upstream.target import Target


def message(text: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": text} | fields}


SAID = [
    ("anthropic", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
    ("anthropic", 413, message("Request exceeds the maximum size", type="request_too_large"), "payload_too_large"),
    ("anthropic", 400, message("max_tokens: 9000 > 8192, which is the maximum allowed number"), "bad_param"),
    ("openai", 401, message("You didn't provide an API key. You need to provide your API key"), "auth_missing"),
    ("openai", 404, message("Invalid URL (POST /v1/chat/completion)"), "wrong_path"),
    ("openai", 403, message("Project `p` does not have access to model `gpt-5`"), "model_not_found"),
    ("openai", 403, message("You are not allowed to sample from this model"), "permission"),
    ("openai", 429, message("Rate limit reached on requests per day (RPD): Limit 200, Used 200"), "quota_window"),
    ("openai", 429, message("Request too large on TPM: Limit 30000, Requested 51000."), "context_length"),
    ("openai", 503, message("The engine is currently overloaded, please try again later"), "overloaded"),
    ("deepseek", 422, {"error": "messages[0].role: unknown variant `developer`, expected `system`"}, "bad_param"),
    ("deepseek", 400, message("messages[0]: unknown variant `image_url`, expected `text`"), "feature_unsupported"),
    ("deepseek", 400, message("Model Not Exist"), "model_not_found"),
    ("dashscope", 400, message("Access denied, check your account", code="Arrearage"), "billing"),
    ("dashscope", 400, message("Range of input length should be [1, 129024]"), "context_length"),
    ("dashscope", 400, message("inappropriate content", code="data_inspection_failed"), "content_filter"),
    ("bigmodel", 401, message("身份验证失败。", code="1000"), "auth_invalid"),
    ("zai", 403, message("no permission", code="1220"), "permission"),
    ("zai", 429, message("weekly limit", code="1310"), "quota_window"),
    ("moonshot", 401, message("Invalid Authentication"), "auth_invalid"),
    ("moonshot", 404, message("Not found the model kimi-k9 or Permission denied"), "model_not_found"),
    ("moonshot", 400, message("invalid temperature: only 1 is allowed for this model"), "bad_param"),
    ("minimax", 200, {"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, "auth_invalid"),
    ("minimax", 500, message("insufficient balance (1008)"), "billing"),
    ("openrouter", 403, message("Your input was flagged for 'violence'", code=403), "content_filter"),
    ("openrouter", 404, message("No endpoints found for foo/bar.", code=404), "model_not_found"),
    ("openrouter", 429, message("Rate limit exceeded: free-models-per-day", code=429), "quota_window"),
    ("together", 400, message("Unable to access non-serverless model x/y"), "model_not_found"),
    ("groq", 400, message("The model `x` has been decommissioned"), "model_not_found"),
    ("mistral", 400, {"message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"},
     "context_length"),
    ("xai", 403, {"error": "Your team has used all available credits or reached its monthly spending limit."},
     "billing"),
    ("cohere", 400, {"message": "too many tokens: 130000. The limit for this model is 128000 tokens."},
     "context_length"),
    ("cohere", 429, {"message": "a Trial key, which is limited to 1000 API calls / month."}, "quota_window"),
    ("nvidia-nim", 404, {"status": 404, "title": "Not Found", "detail": "Function '6f': Not found for account 'x'"},
     "model_not_found"),
    ("nvidia-nim", 400, message("This model only supports single tool-calls at once!"), "feature_unsupported"),
    ("huggingface", 503, {"error": "Model x/y is currently loading", "estimated_time": 20.0}, "model_loading"),
    ("azure", 404, message("The API deployment for this resource does not exist."), "model_not_found"),
    ("azure", 403, message("Streaming requests are not yet allowed"), "feature_unsupported"),
    ("gemini", 400, [message("API key not valid. Please pass a valid API key.", code=400)], "auth_invalid"),
    ("gemini", 400, [message("User location is not supported for the API use.")], "permission"),
    ("cloudflare", 429, {"success": False, "errors": [{"code": 3036, "message": "allocation used"}]}, "quota_window"),
    ("llama.cpp", 404, message("File Not Found", code=404), "wrong_path"),
    ("llama.cpp", 503, message("no slot available", code=503), "overloaded"),
    ("ollama", 400, message("library/gemma:2b does not support tools"), "feature_unsupported"),
    ("ollama", 500, {"error": "model requires more system memory than is available"}, "server_error"),
    ("lmstudio", 400, {"error": "Model has unloaded or crashed.."}, "model_not_loaded"),
    ("litellm", 500, message("BadRequestError: {'error': {'message': \"maximum context length is 8192 tokens\"}}"),
     "context_length"),
    ("new-api", 401, message("无效的令牌 (request id: 2026)"), "auth_invalid"),
    ("new-api", 403, message("用户额度不足", code="insufficient_user_quota"), "billing"),
    ("new-api", 429, message("当前分组上游负载已饱和，请稍后再试"), "overloaded"),
    ("custom", 400, message('{"error": {"message": "API key not valid. Please pass a valid one"}}'), "auth_invalid"),
    ("custom", 502, "<html><title>502 Bad Gateway</title></html>", "server_error"),
    ("custom", 504, "<html><title>504 Gateway Time-out</title></html>", "timeout"),
    ("custom", 403, "error code: 1020", "blocked"),
    ("custom", 200, "", "bad_response"),
    ("custom", 404, "", "wrong_path"),
    ("custom", 401, "", "auth_invalid"),
    ("custom", 429, "", "rate_limit"),
    ("custom", 400, "[" * 100_000, "bad_request"),
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "status", "body", "category"), SAID)
def test_other_wordings_are_understood(vendor: str, status: int, body: object, category: str) -> None:
    assert error_from(status, {}, sent(body), target_for(vendor)).category == category


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"Retry-After": "12"}, "", 12.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"retry-after": "1m30s"}, "", 90.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, "", 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms",
          "x-ratelimit-reset-tokens": "6m0s"}, "", 0.12),
        ({}, "Please try again in 7m12.5s.", 432.5),
        ({}, "Please retry after 12 seconds.", 12.0),
        ({"retry-after": "soon"}, "", None),
        ({}, "Slow down.", None),
    ],
)  # fmt: skip
def test_the_time_to_wait_is_read_from_headers_or_words(
    headers: dict[str, str], text: str, seconds: float | None
) -> None:
    assert error_from(429, headers, sent(message(text)), target_for("custom")).retry_after_seconds == seconds


@pytest.mark.parametrize("write", [format_datetime, datetime.isoformat])
def test_a_moment_to_wait_for_becomes_seconds(write: Any) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=100)
    error = error_from(429, {"retry-after": write(moment)}, b"", target_for("custom"))
    assert error.retry_after_seconds == pytest.approx(100, abs=5)


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("This model supports at most 16384 completion tokens: max_tokens is too large",
         {"param": "max_tokens", "repair": {"set": {"max_tokens": 16384}}}),
        ("Unknown parameter: 'max_completion_tokens'.",
         {"param": "max_completion_tokens", "repair": {"rename": {"max_completion_tokens": "max_tokens"}}}),
        ("'developer' is not one of ['system', 'assistant', 'user']",
         {"param": "role", "repair": {"roles": {"developer": "system"}}}),
        ("Unrecognized request argument supplied: top_k", {"param": "top_k", "repair": {"drop": ["top_k"]}}),
        ("Additional properties are not allowed ('seed' was unexpected)",
         {"param": "seed", "repair": {"drop": ["seed"]}}),
        ("This response_format type is unavailable now",
         {"param": "response_format", "repair": {"drop": ["response_format"]}}),
        ("`temperature` may only be set to 1 when thinking is enabled.",
         {"param": "temperature", "repair": {"drop": ["temperature"]}}),
        ("top_k: Extra inputs are not permitted", {"param": "top_k", "repair": {"drop": ["top_k"]}}),
    ],
)  # fmt: skip
def test_a_refused_parameter_comes_with_its_repair(text: str, details: dict[str, Any]) -> None:
    error = error_from(400, {}, sent(message(text)), target_for("custom"))
    assert (error.category, error.action, error.details) == ("bad_param", "repair_param", details)


def test_a_refused_extra_field_is_named_by_the_place_of_the_fault() -> None:
    fault = {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
    error = error_from(422, {}, sent({"message": {"detail": [fault]}}), target_for("mistral"))
    assert error.details == {"param": "stream_options", "repair": {"drop": ["stream_options"]}}


def test_a_vendor_is_known_by_its_host_and_its_own_address_is_not_offered_again() -> None:
    target = Target("openai", "https://api.z.ai/api/paas/v4", vendor="custom")
    error = error_from(401, {}, sent(message("token expired or incorrect", code="401")), target)
    assert error.action == "try_sibling_endpoint"
    assert error.details["siblings"] == ["https://open.bigmodel.cn/api/paas/v4"]


def test_the_key_never_stands_in_a_message() -> None:
    key = Secret("plain-secret-of-this-test")
    target = Target("openai", "https://host.example", api_key=key)
    error = error_from(401, {}, sent(message(f"Incorrect API key provided: {key.reveal()}")), target)
    assert error.category == "auth_invalid"
    assert "plain-secret" not in error.message


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("[Errno -2] Name or service not known", "network_dns"),
        ("[Errno 111] Connection refused", "network_refused"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate", "network_tls"),
        ("EHOSTUNREACH", "network_timeout"),
        ("The read operation timed out", "timeout"),
        ("Server disconnected without sending a response.", "stream_cut"),
        ("'ascii' codec can't encode character", "auth_missing"),
    ],
)
def test_faults_without_an_answer_are_told_apart(text: str, category: str) -> None:
    assert error_from_transport(text).category == category


def test_a_time_out_while_connecting_is_the_network() -> None:
    assert error_from_transport(TimeoutError("timed out"), "connect").category == "network_timeout"
    assert error_from_transport(TimeoutError("timed out"), "read").category == "timeout"


def sent(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
