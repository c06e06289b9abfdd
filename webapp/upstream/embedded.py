"""LiteLLM inside this process: it words a question for a provider and reads the answer. The call itself is ours.

Import this on first use only: it brings LiteLLM along (seconds, and 200 MB). LiteLLM gets no key and opens no
connection: what it sends goes through `transport.send`, which adds the key, checks the address and holds the limits.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final, NoReturn

os.environ |= {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # its table of models comes from its package, not from the network
    "LITELLM_MODE": "PRODUCTION",  # reads no .env
}

import httpx
import litellm
import openai
from litellm.llms.custom_httpx.http_handler import HTTPHandler

from webapp.upstream.brake import Brake, Fault, Stopped
from webapp.upstream.calls import error_of, opened, with_evidence
from webapp.upstream.dialects import DIALECTS, Call
from webapp.upstream.failures import UpstreamError, failure
from webapp.upstream.messages import ChatRequest
from webapp.upstream.shapes import as_dict, loads
from webapp.upstream.target import Target
from webapp.upstream.transport import Sent, pool

# What LiteLLM translates. Anything else goes on as it is: as an argument of LiteLLM it could change where calls go.
TRANSLATED: Final = frozenset(
    "messages stream stream_options temperature top_p n stop max_tokens max_completion_tokens presence_penalty"
    " frequency_penalty logit_bias logprobs top_logprobs user seed tools tool_choice parallel_tool_calls"
    " response_format reasoning_effort modalities prediction audio".split()
)
NO_KEY: Final = "none"  # it wants one, and would look for it in the environment
UNSUPPORTED: Final = re.compile(r"does not support parameters: \[(.*?)\]")
KEPT_BYTES: Final = 16_000  # of what came last, to find an error in


class Translated:
    """One question through LiteLLM; when it is made, the provider's answer has begun. Then read it, whole or not.

    Making it raises UpstreamError and Stopped, like `calls.opened`.
    """

    def __init__(self, target: Target, request: ChatRequest, brake: Brake, is_stream: bool) -> None:
        self._target, self._brake = target, brake
        self._cap = target.limits.stream_bytes if is_stream else target.limits.body_bytes
        self.wrote = self._tail = b""  # the request's body as LiteLLM worded it; what came last
        self._trouble: UpstreamError | Fault | Stopped | None = None
        self._sent: Sent | None = None
        with _under_way_as(self):
            try:
                self._answer: Any = litellm.completion(**_arguments(target, request, is_stream))
            except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
                self._explain(error)
        self._is_over = False

    @property
    def sent(self) -> Sent:
        """The call that went to the provider."""
        if self._sent is None:
            raise failure("bad_response", "LiteLLM did not ask the provider.")
        return self._sent

    def whole(self) -> tuple[Sent, bytes]:
        """Return the call and its answer as JSON in OpenAI's form."""
        self.sent.answer.settle(pool)
        return self.sent, self._answer.model_dump_json(exclude_none=True).encode()

    def read(self) -> bytes:
        """Return the next frame of a stream in OpenAI's form; empty at its end. Raises Fault, too."""
        if self._is_over:
            return b""
        with _under_way_as(self):
            try:
                chunk = next(self._answer, None)
            except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
                self._explain(error)
        if chunk is not None:
            return b"data: %b\n\n" % chunk.model_dump_json(exclude_none=True).encode()
        self._is_over = True
        if isinstance(self._trouble, Fault | Stopped):  # LiteLLM takes a broken line for an end
            raise self._trouble
        return b"data: [DONE]\n\n"

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send what LiteLLM wrote, once, by our own door."""
        if self._sent or self._trouble:
            raise httpx.ConnectError("Nothing is sent twice.", request=request)
        self.wrote = request.read()
        call = Call(request.method, str(request.url), headers=dict(request.headers), body=self.wrote)
        try:
            sent = opened(self._target, call, self._brake, self._target.limits.total_seconds, self._cap, "chat")
        except (UpstreamError, Stopped) as error:
            self._trouble = error
            raise httpx.ConnectError(type(error).__name__, request=request) from None
        self._sent = sent
        return httpx.Response(sent.answer.status, headers=sent.answer.headers, stream=_Body(self, request))

    def receive(self, request: httpx.Request) -> Iterator[bytes]:
        """Give LiteLLM what the provider sends."""
        try:
            while data := self.sent.answer.read():
                self._tail = (self._tail + data)[-KEPT_BYTES:]
                yield data
        except (Fault, Stopped) as error:
            self._trouble = error
            raise httpx.ReadError(type(error).__name__, request=request) from None

    def _explain(self, error: Exception) -> NoReturn:
        """Raise what went wrong on our way there, else what the provider said, else what LiteLLM says."""
        trouble = self._trouble
        if isinstance(trouble, Fault) and not hasattr(self, "_answer"):
            trouble = error_of(trouble, self._target)
        if trouble:
            raise trouble from error
        if self._sent:
            self._sent.answer.close()
            decoder = DIALECTS["openai"].decoder(self._target)
            decoder.feed(self._tail)
            if said := decoder.reply.error:
                raise with_evidence(said, self._sent, self._tail) from error
        text = str(getattr(error, "message", error)).partition("\n")[0]
        if found := UNSUPPORTED.search(text):
            names = re.findall(r"\w+", found[1])
            raise failure("bad_param", f"LiteLLM: {text[:200]}", details={"repair": {"drop": names}}) from error
        raise failure("bad_request" if not self._sent else "bad_response", f"LiteLLM: {text[:200]}") from error


class _Body(httpx.SyncByteStream):  # type: ignore[misc]
    def __init__(self, translated: Translated, request: httpx.Request) -> None:
        self._translated, self._request = translated, request

    def __iter__(self) -> Iterator[bytes]:
        return self._translated.receive(self._request)


class _Door(httpx.BaseTransport):  # type: ignore[misc]
    """All that LiteLLM can reach: the provider of the call under way in this thread."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        translated = _under_way.get()
        if translated is None:
            raise httpx.ConnectError("LiteLLM makes no calls of its own here.", request=request)
        return translated.send(request)


def _arguments(target: Target, request: ChatRequest, is_stream: bool) -> dict[str, Any]:
    """Return the arguments of `litellm.completion`. Its own retries, fallbacks and cache stay off."""
    body = as_dict(loads(DIALECTS["openai"].chat_call(target, request, is_stream).body or b""))
    model = f"{target.litellm}/{body.pop('model')}"
    extra = {name: body.pop(name) for name in list(body) if name not in TRANSLATED}
    return body | {
        "model": model,
        "api_base": target.base_url.removesuffix("/v1") if target.litellm == "anthropic" else target.base_url,
        "api_key": NO_KEY,
        "timeout": target.limits.total_seconds,
        "max_retries": 0,
        "num_retries": 0,
        "_skip_mcp_handler": True,  # tools are the caller's; its own handler also needs a package that is not there
        "_skip_responses_api_bridge": True,
        **({"extra_body": extra} if extra else {}),
    }


@contextlib.contextmanager
def _under_way_as(translated: Translated) -> Iterator[None]:
    token = _under_way.set(translated)
    try:
        yield
    finally:
        _under_way.reset(token)


def _tame() -> None:
    """Leave LiteLLM no line out of this process but ours, nothing to report to and no log of its own."""
    client = httpx.Client(transport=_Door())
    litellm.client_session = client  # for providers that it calls with OpenAI's client
    HTTPHandler.create_client = lambda _self: client  # for all others; there is no setting for these
    litellm.telemetry = litellm.drop_params = False
    litellm.suppress_debug_info = litellm.turn_off_message_logging = litellm.disable_streaming_logging = True
    litellm.callbacks, litellm.success_callback, litellm.failure_callback = [], [], []
    litellm.cache = None
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()  # lines go to ours, which takes secrets out
        logger.propagate = True
        logger.setLevel(logging.WARNING)


_under_way: ContextVar[Translated | None] = ContextVar("litellm_call", default=None)
_tame()
