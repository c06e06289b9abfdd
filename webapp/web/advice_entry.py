"""What an entry of the advice on failures is made of, and the steps that many share."""

from typing import Literal, NamedTuple

from flask_babel import lazy_gettext as _

# What a page can offer as a button; `open_key_page` links to the provider's account.
Action = Literal[
    "edit_key", "edit_address", "edit_provider", "open_address", "open_key_page",
    "retry", "pick_model", "refresh_models", "continue",
]  # fmt: skip


class Entry(NamedTuple):
    """Lazy texts with the placeholders provider, model and host.

    `wait` comes before the steps and gives way to the time that the provider named.
    """

    title: str
    cause: str
    steps: tuple[str, ...]
    action: Action | None
    wait: str | None


def entry(title: str, cause: str, *steps: str, action: Action | None = None, wait: str | None = None) -> Entry:
    """Write down one entry; at most three steps, the wait included, the likeliest first."""
    return Entry(title, cause, steps, action, wait)


WAIT = _("Wait a moment, then try again.")
OTHER_MODEL = _("Or use another model now.")
OTHER_PROVIDER = _("Until then, use a model of another provider.")
SOMEBODY_ELSES = (_("Tell whoever looks after %(provider)s here: they or an admin can put it right."), OTHER_PROVIDER)
