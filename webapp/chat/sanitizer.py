"""The last gate before a page: the exact HTML an answer may consist of. Called by `markdown` and `answer` only."""

import functools

import nh3
from markupsafe import Markup

PROSE = {"p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "h3", "h4", "h5", "h6"}
TABLE = {"div", "table", "thead", "tbody", "tr", "th", "td"}
FIGURE = {"figure", "figcaption", "span", "button", "svg", "use", "a"}
MATH = frozenset(
    """math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts
    mprescripts mtable mtr mtd mstyle mpadded mphantom menclose""".split()
)
MATH_ATTRIBUTES = frozenset(
    """accent columnalign columnlines columnspacing depth displaystyle fence form height largeop linebreak linethickness
    lspace mathbackground mathcolor mathsize mathvariant maxsize minsize movablelimits notation rowlines rowspacing
    rspace scriptlevel separator stretchy symmetric voffset width""".split()
)
ATTRIBUTES = {
    **dict.fromkeys(MATH, MATH_ATTRIBUTES),
    "math": {"aria-label"},
    "a": {"href", "title"},
    "ol": {"start"},
    "pre": {"aria-label"},
    "div": {"aria-label"},
    "button": {"aria-label", "title"},
    "use": {"href"},
}
# An attribute with a closed list of values: nothing in an answer can borrow another class or behaviour of the page.
VALUES = {
    "math": {"display": {"block", "inline"}},
    "figure": {"class": {"code"}},
    "span": {"class": {"w", "s", "d", "f", "c", "host"}},
    "pre": {"tabindex": {"0"}, "role": {"region"}},
    "div": {"class": {"table-wrap"}, "tabindex": {"0"}, "role": {"region"}},
    "table": {"class": {"table"}},
    "th": {"class": {"num"}, "scope": {"col"}},
    "td": {"class": {"num"}},
    "button": {"type": {"button"}, "class": {"btn icon quiet sm"}, "data-copy": {""}},
    "svg": {"class": {"i"}, "aria-hidden": {"true"}},
}


def clean(html: str, icon_url: str) -> Markup:
    """`html` reduced to the allow-list; `icon_url` is the one relative address that may remain in it."""
    return Markup(_cleaner(icon_url).clean(html))  # noqa: S704 - the only place where text becomes trusted


@functools.lru_cache(maxsize=8)
def _cleaner(icon_url: str) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=PROSE | TABLE | FIGURE | MATH,
        clean_content_tags={"script", "style"},
        attributes=ATTRIBUTES,
        tag_attribute_values=VALUES,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes={"http", "https", "mailto"},
        url_relative=lambda url: url if url == icon_url else None,
        link_rel="noopener noreferrer nofollow",
    )
