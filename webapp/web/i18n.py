"""Languages: which one a request speaks, and catalogues compiled from their sources when those are newer."""

import tempfile
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, request, session
from flask_babel import Babel, get_locale, get_translations

from webapp.core.paths import TRANSLATIONS

LANGUAGES = {"en": "English", "vi": "Tiếng Việt", "zh": "简体中文"}

babel = Babel()


def install_languages(app: Flask) -> None:
    """Set Babel up with the user's, the browser session's or the browser's language, in that order."""
    compile_catalogues()
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    babel.init_app(app, locale_selector=_language)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of an extension
        lambda text: _catalogue().ugettext(text),
        lambda one, many, number: _catalogue().ungettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.globals.update(languages=LANGUAGES, current_language=current_language)


def current_language() -> str:
    """Return the language of this request: en, vi or zh."""
    locale = get_locale()
    return locale.language if locale and locale.language in LANGUAGES else "en"


def compile_catalogues(folder: Path = TRANSLATIONS) -> None:
    """Write each messages.mo that is missing or older than its messages.po."""
    for source in folder.glob("*/LC_MESSAGES/messages.po"):
        compiled = source.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file)
        # Two processes may begin at once: each writes a file of its own, and the last one stays.
        with tempfile.NamedTemporaryFile(dir=compiled.parent, suffix=".mo", delete=False) as temporary:
            write_mo(temporary, catalogue)
        Path(temporary.name).replace(compiled)


def _catalogue() -> Any:
    """Return this request's catalogue: to find it takes longer than to look up a text, and a page has a thousand."""
    if "catalogue" not in g:
        g.catalogue = get_translations()
    return g.catalogue


def _language() -> str:
    user = g.get("user")
    chosen = user.language if user else session.get("language")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(list(LANGUAGES), "en")
