"""What kind of model an entry is: chat, completion, embedding, rerank, image, audio, moderation or other."""

import re
from typing import Any, Final

from webapp.upstream.shapes import as_dict, as_list, as_text

KIND_WORDS: Final = {
    word: kind
    for kind, words in (
        ("chat", "chat llm vlm text responses text_generation chat_completion image_text_to_text conversational"),
        ("completion", "completion language code"),
        ("embedding", "embedding embeddings embed text_embedding text_embeddings feature_extraction"),
        ("rerank", "rerank reranker reranking text_ranking"),
        ("image", "image image_generation image_edit text_to_image images image_to_image"),
        (
            "audio",
            "audio tts asr stt speech transcribe transcription audio_speech audio_transcription realtime"
            " text_to_speech automatic_speech_recognition speech_to_text",
        ),
        ("moderation", "moderation moderations guard safety"),
        ("other", "video video_generation text_to_video ocr upscale search vector_store translation summarization"),
    )
    for word in words.split()
}
ENDPOINT_KINDS: Final = {
    "openai": "chat", "anthropic": "chat", "gemini": "chat", "chat": "chat", "chat/completions": "chat",
    "messages": "chat", "responses": "chat", "generatecontent": "chat", "openai-response": "chat",
    "completions": "completion", "embed": "embedding", "embeddings": "embedding", "embedcontent": "embedding",
    "rerank": "rerank", "jina-rerank": "rerank", "image-generation": "image", "images/generations": "image",
    "predict": "image", "audio/speech": "audio", "audio/transcriptions": "audio", "bidigeneratecontent": "audio",
    "openai-video": "other", "moderations": "moderation",
}  # fmt: skip
ID_KINDS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("rerank", r"rerank"),
        ("moderation", r"moderation|(?<!van)guard|shieldgemma"),
        ("embedding", r"embed|(?:^|[/_-])(?:bge|gte|e5|voyage)-|minilm"),
        (
            "audio",
            r"whisper|(?:^|[/_-])(?:tts|asr|stt)(?:$|[-_:0-9])|transcribe|kokoro|text-to-speech|parakeet|lyria|realtime",
        ),
        (
            "image",
            r"dall-?e|imagen|imagine|midjourney|flux|stable-?diffusion|sdxl|seedream|ideogram|recraft|cogview"
            r"|qwen-image|(?:^|[/_.-])(?:gpt-)?image(?:$|[-_:])",
        ),
        ("other", r"(?:^|[/_-])(?:sora|veo|kling|ocr)(?:$|[-_:0-9])|video|[ti]2v|text-to-3d"),
        ("completion", r"davinci-00|babbage-00|turbo-instruct"),
    )
)


def read_kind(row: dict[str, Any], model_id: str) -> str:
    """Try the type field, output modalities, endpoint lists, capability flags and at last the id."""
    outputs = output_modalities(row)
    return (
        _by_type(row)
        or _by_outputs(outputs)
        or _by_endpoints(row)
        or _by_flags(row, model_id)
        or _by_id(model_id, says_text=outputs == ["text"])
        or "chat"
    )


def output_modalities(row: dict[str, Any]) -> list[str]:
    """Return what comes out, if it is told."""
    for place in (row, as_dict(row.get("architecture"))):
        value = place.get("output_modalities") or place.get("supported_output_modalities")
        words = value.split(",") if isinstance(value, str) else as_list(value)
        if found := [word.strip().lower() for word in words if isinstance(word, str)]:
            return found
    return []


def _by_type(row: dict[str, Any]) -> str | None:
    values = [row.get(name) for name in ("type", "mode", "types", "model_type", "task", "pipeline_tag")]
    places = (("capabilities", "type"), ("model_info", "mode"), ("model_spec", "type"), ("task", "name"))
    values += [as_dict(row.get(place)).get(name) for place, name in places]
    for value in values:
        words = value.split(",") if isinstance(value, str) else []
        kinds = [kind for word in words if (kind := KIND_WORDS.get(_plain(word)))]
        if kinds:
            return "chat" if "chat" in kinds else kinds[0]
    return None


def _by_outputs(outputs: list[str]) -> str | None:
    """Text alone decides nothing: rerankers and guards answer in text too."""
    if not outputs or outputs == ["text"]:
        return None
    if "text" in outputs:
        return "chat"
    return next((kind for word in outputs if (kind := KIND_WORDS.get(_plain(word)))), "other")


def _by_endpoints(row: dict[str, Any]) -> str | None:
    for name in ("endpoints", "supported_endpoint_types", "supported_endpoints", "supportedGenerationMethods"):
        words = [
            word.lower().strip("/").removeprefix("v1/") for word in as_list(row.get(name)) if isinstance(word, str)
        ]
        kinds = [kind for word in words if (kind := ENDPOINT_KINDS.get(word))]
        if kinds:
            return "chat" if "chat" in kinds else kinds[0]
    return None


def _by_flags(row: dict[str, Any], model_id: str) -> str | None:
    listed = row.get("capabilities")
    if isinstance(listed, list):  # Ollama
        if "completion" in listed or "chat" in listed:
            return None
        return next((kind for word in ("embedding", "image") if word in listed and (kind := KIND_WORDS[word])), None)
    flags = as_dict(listed)
    chat = next(
        (value for value in (flags.get("completion_chat"), flags.get("chat_completion")) if value is not None), None
    )
    chat = row.get("supports_chat") if chat is None else chat
    if chat is not False:
        return "chat" if chat is True else None
    if flags.get("embeddings") is True:
        return "embedding"
    if flags.get("moderation") is True:
        return "moderation"
    fallback = "completion" if flags.get("completion") is True or flags.get("completion_fim") is True else "other"
    return _by_id(model_id) or fallback


def _by_id(model_id: str, says_text: bool = False) -> str | None:
    text = model_id.lower()
    for kind, pattern in ID_KINDS:
        if not (says_text and kind in ("image", "audio", "other")) and pattern.search(text):
            return kind
    return None


def _plain(word: str) -> str:
    return as_text(word).strip().lower().replace("-", "_").replace(" ", "_")
