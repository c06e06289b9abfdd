"""The only package that speaks to LLM servers. It knows neither Flask nor the database."""

from webapp.upstream.calls import complete, list_models
from webapp.upstream.probe import probe
from webapp.upstream.rung import Rung
from webapp.upstream.streaming import AnswerStream, begin, stream

__all__ = ["AnswerStream", "Rung", "begin", "complete", "list_models", "probe", "stream"]
