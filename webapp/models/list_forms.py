"""What the page of all models reads: filters, the models that were chosen, what is said of many, a model by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict
from wtforms import FloatField, IntegerField, SelectChoice, SelectField, SelectMultipleField
from wtforms.validators import NumberRange, Optional

from webapp.models.bulk import Chosen, unpacked
from webapp.models.forms import ModelForm
from webapp.models.table import BY_NAME, GONE, HIDDEN, OFFERED, ONLY, SORTS, Wanted
from webapp.providers.provider import Provider
from webapp.upstream.messages import CAPABILITIES
from webapp.web.forms import Form
from webapp.web.requests import record_id

MOST_TOKENS = 2**31 - 1  # what a column of every database can hold
MOST_DOLLARS = 1_000_000
KINDS: Final = (
    SelectChoice("chat", lazy_gettext("Chat")),
    SelectChoice("completion", lazy_gettext("Completion")),
    SelectChoice("embedding", lazy_gettext("Embeddings")),
    SelectChoice("rerank", lazy_gettext("Reranking")),
    SelectChoice("image", lazy_gettext("Images")),
    SelectChoice("audio", lazy_gettext("Audio")),
    SelectChoice("moderation", lazy_gettext("Moderation")),
)
AS_IT_IS, YES, NO, TAKE_BACK = "", "yes", "no", "back"
SAID: Final[Mapping[str, bool | None]] = {YES: True, NO: False, TAKE_BACK: None}
UNCHANGED: Final = SelectChoice(AS_IT_IS, lazy_gettext("As it is"))
ABILITY_CHOICES: Final = (
    UNCHANGED,
    SelectChoice(YES, lazy_gettext("Yes")),
    SelectChoice(NO, lazy_gettext("No")),
    SelectChoice(TAKE_BACK, lazy_gettext("As the provider says")),
)
WRONG_TOKENS = lazy_gettext("A whole number of tokens, for example 32768.")
WRONG_PRICE = lazy_gettext("US dollars for a million tokens, for example 0.15.")


def _tokens(label: str) -> IntegerField:
    return IntegerField(
        label, [Optional(), NumberRange(1, MOST_TOKENS, WRONG_TOKENS)], invalid_value_message=WRONG_TOKENS
    )


def price(label: str) -> FloatField:
    return FloatField(label, [Optional(), NumberRange(0, MOST_DOLLARS, WRONG_PRICE)], invalid_value_message=WRONG_PRICE)


class NewModelForm(ModelForm):
    """A model that its provider does not list, with what is known of it."""

    provider = SelectField(lazy_gettext("Provider"), coerce=int)
    kind = SelectField(lazy_gettext("Kind"), choices=KINDS, default="chat")
    context_length = _tokens(lazy_gettext("Context, tokens"))
    can = SelectMultipleField(lazy_gettext("It can do"), choices=list(CAPABILITIES))

    def __init__(self, providers: list[Provider], **more: Any) -> None:
        super().__init__(**more)
        self.provider.choices = [SelectChoice(row.id, row.name) for row in providers]

    @property
    def said(self) -> dict[str, Any]:
        """What was filled in, as overlay.py takes it."""
        known = {"display_name": self.display_name.data, "context_length": self.context_length.data}
        kind = {"kind": self.kind.data} if self.kind.data != "chat" else {}
        abilities = {"capabilities": dict.fromkeys(self.can.data or [], True)}
        return {name: value for name, value in known.items() if value} | kind | abilities


class OverrideForm(Form):
    """What is said of many models; what is left empty stays as it is."""

    kind = SelectField(lazy_gettext("Kind"), choices=(UNCHANGED, *KINDS), default=AS_IT_IS)
    context_length = _tokens(lazy_gettext("Context, tokens"))
    max_output_tokens = _tokens(lazy_gettext("Longest answer, tokens"))
    input_price = price(lazy_gettext("Price of input, dollars for 1M tokens"))
    output_price = price(lazy_gettext("Price of output, dollars for 1M tokens"))
    vision = SelectField(lazy_gettext("Vision"), choices=ABILITY_CHOICES, default=AS_IT_IS)
    tools = SelectField(lazy_gettext("Tools"), choices=ABILITY_CHOICES, default=AS_IT_IS)
    reasoning = SelectField(lazy_gettext("Reasoning"), choices=ABILITY_CHOICES, default=AS_IT_IS)
    structured_output = SelectField(lazy_gettext("JSON"), choices=ABILITY_CHOICES, default=AS_IT_IS)
    audio_input = SelectField(lazy_gettext("Audio"), choices=ABILITY_CHOICES, default=AS_IT_IS)

    @property
    def said(self) -> dict[str, Any]:
        """What was filled in, as overlay.py takes it."""
        fields = (self.context_length, self.max_output_tokens, self.input_price, self.output_price)
        known = {field.name: field.data for field in fields if field.data is not None}
        kind = {"kind": self.kind.data} if self.kind.data else {}
        abilities = {name: SAID[self[name].data] for name in CAPABILITIES if self[name].data}
        return known | kind | ({"capabilities": abilities} if abilities else {})


def read_wanted(values: MultiDict[str, str]) -> Wanted:
    """Read the filters of an address; what cannot be counts as not there."""
    show, sort = values.get("show", ""), values.get("sort", "")
    return Wanted(
        words=values.get("q", ""),
        provider_id=values.get("provider", type=record_id),
        show=show if show in (OFFERED, HIDDEN, GONE) else "",
        only=tuple(name for name in ONLY if name in values.getlist("only")),
        sort=sort if sort.removeprefix("-") in SORTS else BY_NAME,
        offset=values.get("offset", 0, record_id),
    )


def read_chosen(form: MultiDict[str, str]) -> Chosen:
    """Read which models were chosen: all that a filter finds, a packed set, or those that were checked."""
    wanted = read_wanted(MultiDict(parse_qsl(form.get("where", ""))))
    if "all" in form:
        return Chosen(None, wanted)
    if "models" in form:
        return Chosen(form.get("models", type=unpacked) or (), wanted)
    return Chosen(tuple(form.getlist("ids", record_id)), wanted)


def read_moment(text: str) -> datetime:
    """Read a moment from an address; raise ValueError for what is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def where(wanted: Wanted) -> str:
    """Return the filters as one field of a form."""
    return urlencode(wanted.address(offset=wanted.offset), doseq=True)
