"""What kind of model an entry is: chat, completion, embedding, rerank, image, audio, moderation or other."""

import re
from collections.abc import Container
from typing import Any, Final

from webapp.upstream.listing.modalities import Modalities
from webapp.upstream.shapes import as_dict, as_list, as_text

KIND_WORDS: Final = {
    word: kind
    for kind, words in (
        ("chat", "chat llm vlm text responses text_generation chat_completion image_text_to_text conversational"),
        ("completion", "completion language code"),
        ("embedding", "embedding embeddings embed text_embedding text_embeddings feature_extraction embedding_model"),
        ("rerank", "rerank reranker reranking text_ranking"),
        (
            "image",
            "image image_generation image_edit text_to_image images image_to_image inpaint inpainting"
            " flumina_base_model",
        ),
        (
            "audio",
            "audio tts asr stt speech transcribe transcription audio_speech audio_transcription realtime"
            " text_to_speech automatic_speech_recognition speech_to_text transcript transcription music",
        ),
        ("moderation", "moderation moderations guard safety"),
        (
            "other",
            "video video_generation text_to_video ocr upscale search vector_store translation summarization"
            " text_classification image_classification token_classification object_detection image_to_text",
        ),
    )
    for word in words.split()
}
ENDPOINT_KINDS: Final = {
    "openai": "chat", "anthropic": "chat", "gemini": "chat", "chat": "chat", "chat/completions": "chat",
    "messages": "chat", "responses": "chat", "generatecontent": "chat", "openai-response": "chat",
    "completions": "completion", "embed": "embedding", "embeddings": "embedding", "embedcontent": "embedding",
    "rerank": "rerank", "jina-rerank": "rerank", "image-generation": "image", "images/generations": "image",
    "predict": "image", "audio/speech": "audio", "audio/transcriptions": "audio", "bidigeneratecontent": "audio",
    "openai-video": "other", "moderations": "moderation", "generate": "completion", "generatetext": "completion",
    "embed_image": "embedding", "images/edits": "image", "audio/translations": "audio", "realtime": "audio",
    "videos": "other", "predictlongrunning": "other",
}  # fmt: skip
ENDPOINT_NAMES: Final = (
    "endpoints", "supported_endpoint_types", "supported_endpoints", "supportedGenerationMethods",
    "supported_generation_methods",
)  # fmt: skip
LISTED: Final = frozenset(
    "embedding embeddings image image_generation rerank tts asr stt transcript transcription moderation".split()
)  # in a list of capabilities; words like "audio" or "search" may be abilities of a chat model there
ID_KINDS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("rerank", r"rerank"),
        ("moderation", r"moderation|(?<!van)guard|shieldgemma"),
        ("embedding", r"embed|(?:^|[/_-])(?:bge|gte|e5|voyage)-|minilm"),
        (
            "audio",
            r"whisper|(?:^|[/_-])(?:tts|asr|stt)(?:$|[-_:0-9])|transcribe|kokoro|text-to-speech|parakeet|lyria"
            r"|realtime|cosyvoice|sensevoice|paraformer|orpheus|musicgen|(?:^|[/_-])(?:speech|bark)(?:$|[-_:0-9])",
        ),
        (
            "image",
            r"dall-?e|imagen|imagine|midjourney|(?<![a-z])flux|stable-?diffusion|sdxl|seedream|ideogram|recraft|cogview"
            r"|qwen-image|wanx|t2i|kolors|seededit|playground-v|(?:^|[/_.-])(?:gpt-)?image(?:$|[-_:])",
        ),
        ("other", r"(?:^|[/_-])(?:sora|veo|kling|ocr)(?:$|[-_:0-9])|video|[ti]2v|text-to-3d"),
        ("completion", r"davinci-00|babbage-00|turbo-instruct"),
    )
)


def read_kind(row: dict[str, Any], model_id: str, modalities: Modalities) -> str:
    """Try the type field, output modalities, endpoint lists, capability flags and at last the id."""
    kind = (
        _by_type(row)
        or _by_modalities(modalities)
        or _by_endpoints(row)
        or _by_flags(row, model_id)
        or _by_id(model_id, _excluded(modalities))
        or "chat"
    )
    if kind == "other" and (told := _by_id(model_id)) in ("rerank", "moderation"):  # they classify texts
        return told
    return kind


def _by_type(row: dict[str, Any]) -> str | None:
    values = [row.get(name) for name in ("type", "mode", "types", "model_type", "task", "pipeline_tag", "kind")]
    places = (("capabilities", "type"), ("model_info", "mode"), ("model_spec", "type"), ("task", "name"))
    values += [as_dict(row.get(place)).get(name) for place, name in places]
    for value in values:
        words = value.split(",") if isinstance(value, str) else as_list(value)
        kinds = [kind for word in words if (kind := KIND_WORDS.get(_plain(word)))]
        if kinds:
            return "chat" if "chat" in kinds else kinds[0]
    return None


def _by_modalities(modalities: Modalities) -> str | None:
    """Text alone decides nothing: rerankers and guards answer in text too."""
    outputs = modalities.outputs
    if not outputs or outputs == ["text"]:
        return "audio" if outputs and modalities.inputs == ["audio"] else None
    if "text" in outputs:
        return "chat"
    return next((kind for word in outputs if (kind := KIND_WORDS.get(_plain(word)))), "other")


def _by_endpoints(row: dict[str, Any]) -> str | None:
    for name in ENDPOINT_NAMES:
        words = [
            word.lower().strip("/").removeprefix("v1/") for word in as_list(row.get(name)) if isinstance(word, str)
        ]
        kinds = [kind for word in words if (kind := ENDPOINT_KINDS.get(word))]
        if kinds:
            return "chat" if "chat" in kinds else kinds[0]
    return None


def _by_flags(row: dict[str, Any], model_id: str) -> str | None:
    listed = row.get("capabilities")
    if isinstance(listed, list):  # Ollama, LocalAI
        words = [_plain(word) for word in listed]
        if "completion" in words or "chat" in words:
            return None
        return next((KIND_WORDS[word] for word in words if word in LISTED), None)
    flags = as_dict(listed)
    names = ("completion_chat", "chat_completion", "chat")
    chat = next((flag for name in names if (flag := flags.get(name)) is not None), None)
    chat = row.get("supports_chat") if chat is None else chat
    if chat is not False:
        return "chat" if chat is True else None
    if flags.get("embeddings") is True:
        return "embedding"
    if flags.get("moderation") is True:
        return "moderation"
    if flags.get("audio_transcription") is True:
        return "audio"
    fallback = "completion" if flags.get("completion") is True or flags.get("completion_fim") is True else "other"
    return _by_id(model_id) or fallback


def _excluded(modalities: Modalities) -> set[str]:
    """Return the kinds that an id cannot mean when only text comes out; speech becomes text, too."""
    if modalities.outputs != ["text"]:
        return set()
    return {"image", "audio", "other"} if "text" in modalities.inputs else {"image", "other"}


def _by_id(model_id: str, excluded: Container[str] = ()) -> str | None:
    text = model_id.lower()
    return next((kind for kind, pattern in ID_KINDS if kind not in excluded and pattern.search(text)), None)


def _plain(word: str) -> str:
    return as_text(word).strip().lower().replace("-", "_").replace(" ", "_")
