"""The form of one layer of parameters: a provider's defaults, a model's settings, a preset, a conversation."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast

from flask_babel import gettext, lazy_gettext
from werkzeug.datastructures import MultiDict
from wtforms import SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import Length

from webapp.models.facts import GUESS, Fact, merged
from webapp.models.json_forms import read_typed_object
from webapp.models.model import Model
from webapp.models.parameters import FIXED, PARAMETERS, RESERVED, Layer
from webapp.models.ranges import ranges_of
from webapp.providers.provider import Provider
from webapp.web.asked import InvalidInputError
from webapp.web.forms import Form, no_control_characters, strip

LONGEST_TEXT, LONGEST_STOP, MOST_DROPPED = 4_000, 200, 30
NAME: Final = re.compile(r"\w{1,64}", re.ASCII)
NUMBER: Final = re.compile(r"[+-]?([0-9]{1,20}([.,][0-9]{0,20})?|[.,][0-9]{1,20})")
ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
COUNTS: Final = ("max_tokens", "seed")  # whole numbers


def _typed(label: str) -> StringField:
    return StringField(label, [Length(max=LONGEST_TEXT), no_control_characters], [strip])


class ParametersForm(Form):
    """Parameters as they are typed; an empty field is not set. Checked by what this provider and model take."""

    temperature = _typed(lazy_gettext("Temperature"))
    top_p = _typed(lazy_gettext("Top P"))
    max_tokens = _typed(lazy_gettext("Longest answer, in tokens"))
    presence_penalty = _typed(lazy_gettext("Presence penalty"))
    frequency_penalty = _typed(lazy_gettext("Frequency penalty"))
    seed = _typed(lazy_gettext("Seed"))
    reasoning_effort = SelectField(lazy_gettext("Reasoning effort"), validate_choice=False)
    stop = TextAreaField(lazy_gettext("Stop at"), [Length(max=LONGEST_TEXT), no_control_characters])
    extra_body = TextAreaField(lazy_gettext("Extra parameters"), [Length(max=LONGEST_TEXT), no_control_characters])
    drop = _typed(lazy_gettext("Never send"))

    def __init__(self, *args: Any, provider: Provider | None = None, model: Model | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.ranges = ranges_of(provider or (model.provider if model else None))
        self.longest = _longest_answer(model) if model else None
        self.layer: dict[str, Any] = {}  # what was typed, once it is valid
        self.reasoning_effort.choices = ["", *self.ranges.by_name["reasoning_effort"].choices]

    def validate(self, extra_validators: Any = None) -> bool:
        """Check all fields; `layer` is what they say."""
        self.layer = {}
        return bool(super().validate(extra_validators))

    def show(self, layer: Layer) -> None:
        """Fill the fields from a stored layer."""
        for name, text in _texts(layer).items():
            self[name].data = text
        self.layer = dict(layer)

    @property
    def warnings(self) -> dict[str, str]:
        """What may go wrong, by field: a limit that is only guessed."""
        longest, wanted = self.longest, self.layer.get("max_tokens", 0)
        if longest and longest.source == GUESS and wanted > longest.value:
            return {"max_tokens": gettext("This model probably writes %(most)s tokens at most.", most=longest.value)}
        return {}

    def _check_number(self, field: StringField) -> None:
        if not field.data:
            return
        name = cast(str, field.short_name)
        if not NUMBER.fullmatch(field.data):
            raise ValidationError(gettext("Type a number."))
        number = float(field.data.replace(",", "."))
        if name in COUNTS:
            if not re.fullmatch("[+-]?[0-9]+", field.data):
                raise ValidationError(gettext("Type a whole number."))
            number = int(field.data)
        known = self.ranges.by_name[name]
        if not cast(float, known.least) <= number <= cast(float, known.most):
            text = gettext("This must be a number from %(least)s to %(most)s.", least=known.least, most=known.most)
            raise ValidationError(text)
        self.layer[name] = int(number) if number == int(number) else number

    validate_temperature = validate_top_p = validate_seed = _check_number
    validate_presence_penalty = validate_frequency_penalty = _check_number

    def validate_max_tokens(self, field: StringField) -> None:
        """Nothing that the model is known not to write; a guess is no reason to refuse."""
        self._check_number(field)
        longest, wanted = self.longest, self.layer.get("max_tokens", 0)
        if longest and longest.source != GUESS and wanted > longest.value:
            raise ValidationError(gettext("This model writes %(most)s tokens at most.", most=longest.value))

    def validate_reasoning_effort(self, field: SelectField) -> None:
        """One of the words that the provider knows."""
        if not field.data:
            return
        choices = self.ranges.by_name["reasoning_effort"].choices
        if field.data not in choices:
            raise ValidationError(gettext("This must be one of: %(choices)s.", choices=", ".join(choices)))
        self.layer["reasoning_effort"] = field.data

    def validate_stop(self, field: TextAreaField) -> None:
        """One text a line."""
        texts = [_unescaped(line) for line in re.split(r"\r?\n", field.data or "") if line]
        most = self.ranges.by_name["stop"].entries or 0
        if len(texts) > most:
            raise ValidationError(gettext("At most %(most)s entries.", most=most))
        if any(len(text) > LONGEST_STOP for text in texts):
            raise ValidationError(gettext("At most %(most)s characters.", most=LONGEST_STOP))
        if texts:
            self.layer["stop"] = texts

    def validate_extra_body(self, field: TextAreaField) -> None:
        """A JSON object, without what has a field of its own or decides where a call goes."""
        if field.errors or not (field.data or "").strip():
            return
        found = read_typed_object(field.data)
        for name in found:
            if name in PARAMETERS:
                raise ValidationError(gettext("“%(name)s” has a field of its own.", name=name))
            if name in RESERVED:
                raise ValidationError(gettext("“%(name)s” cannot be set here: Jackfield sends it itself.", name=name))
        if found:
            self.layer["extra_body"] = found

    def validate_drop(self, field: StringField) -> None:
        """Names of fields that a call can do without, and that are not set beside it."""
        names = list(dict.fromkeys(re.split(r"[\s,;]+", (field.data or "").strip(" ,;\t\r\n"))))
        names = [name for name in names if name]
        for name in names:
            if not NAME.fullmatch(name):
                raise ValidationError(gettext("“%(name)s” is no name of a parameter.", name=name[:40]))
            if name in FIXED:
                raise ValidationError(gettext("No call can do without “%(name)s”.", name=name))
            if name in self.layer or name in self.layer.get("extra_body", {}):
                raise ValidationError(gettext("“%(name)s” is set here, too: remove one of them.", name=name))
        if len(names) > MOST_DROPPED:
            raise ValidationError(gettext("At most %(most)s entries.", most=MOST_DROPPED))
        if names:
            self.layer["drop"] = names


def checked_layer(values: Layer, provider: Provider | None = None, model: Model | None = None) -> dict[str, Any]:
    """Return a layer that a program sent, checked by the form. Raises InvalidInputError."""
    form = ParametersForm(MultiDict(_texts(values)), provider=provider, model=model, meta={"csrf": False})
    if not form.validate():
        raise InvalidInputError(
            {f"parameters.{name}": [str(text) for text in found] for name, found in form.errors.items()}
        )
    return form.layer


def _longest_answer(model: Model) -> Fact | None:
    return merged(model.facts or {}, model.overrides or {}).get("max_output_tokens")


def _texts(layer: Layer) -> dict[str, str]:
    """A layer as it is typed."""
    special: dict[str, Callable[[Any], str]] = {
        "stop": lambda texts: "\n".join(_escaped(text) for text in texts),
        "extra_body": _written,
        "drop": ", ".join,
        "reasoning_effort": str,
    }
    return {name: special.get(name, _number)(value) for name, value in layer.items() if value is not None}


def _written(value: dict[str, Any]) -> str:
    """JSON that is easy to read, as long as it fits."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= LONGEST_TEXT else json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return format(Decimal(repr(value)), "f")  # never 1e-05


def _unescaped(line: str) -> str:
    return re.sub(r"\\([ntr\\])", lambda found: ESCAPES[found[1]], line)


def _escaped(text: str) -> str:
    letters = {char: letter for letter, char in ESCAPES.items()}
    return "".join(f"\\{letters[char]}" if char in letters else char for char in text)
