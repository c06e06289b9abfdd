"""Reads templates: what Jinja does in them, and the elements that they draw."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes

from tests.habits.tree import ROOT

JINJA = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
# Stands for what an expression prints; a CSRF field keeps its name so that it can be found.
PRINTED, PRINTED_CSRF = "…", '<input name="csrf_token">'
CSRF_NAMES = frozenset({"csrf", "csrf_token", "hidden_tag"})


@dataclass(slots=True)
class Element:
    """One element of the markup with what it contains."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def everything(self) -> list["Element"]:
        """Return the element and all that it contains."""
        return [self, *(inner for child in self.children for inner in child.everything())]


def jinja_tree(path: Path) -> nodes.Template:
    """Parse a template; raise TemplateSyntaxError when it is not one."""
    return JINJA.parse(path.read_text(encoding="utf-8"), filename=str(path))


def elements(path: Path) -> Element:
    """Return a root that holds all elements, of every branch and of the macros."""
    return _parse(_source(jinja_tree(path).body, lambda node: [*node.body, *node.elif_, *node.else_], with_macros=True))


def fragment_roots(path: Path) -> list[list[Element]]:
    """Return the outermost elements that a fragment draws, once for its first and once for its last branches."""
    body = jinja_tree(path).body
    choices: list[Callable[[nodes.If], list[nodes.Node]]] = [lambda node: node.body, lambda node: node.else_]
    return [_parse(_source(body, choose, with_macros=False)).children for choose in choices]


def icon_names() -> set[str]:
    """Return the ids of the icon sprite."""
    sprite = _parse((ROOT / "static/icons.svg").read_text(encoding="utf-8"))
    return {element.attributes["id"] for element in sprite.everything() if "id" in element.attributes}


def _source(body: list[nodes.Node], choose: Callable[[nodes.If], list[nodes.Node]], *, with_macros: bool) -> str:
    """Return the markup of a template with placeholders for what its expressions print."""
    parts = []
    for node in body:
        if isinstance(node, nodes.Output):
            parts += [_printed(part) for part in node.nodes]
        elif isinstance(node, nodes.If):
            parts.append(_source(choose(node), choose, with_macros=with_macros))
        elif isinstance(node, nodes.Macro) and not with_macros:
            continue
        elif isinstance(inner := getattr(node, "body", None), list):
            parts.append(_source([*inner, *(getattr(node, "else_", None) or [])], choose, with_macros=with_macros))
    return "".join(parts)


def _printed(node: nodes.Node) -> str:
    if isinstance(node, nodes.TemplateData):
        return node.data
    names = {name.name for name in nodes.Output([node]).find_all(nodes.Name)}
    names |= {name.attr for name in nodes.Output([node]).find_all(nodes.Getattr)}
    return PRINTED_CSRF if names & CSRF_NAMES else PRINTED


def _parse(source: str) -> Element:
    reader = _Reader()
    reader.feed(source)
    reader.close()
    return reader.root


class _Reader(HTMLParser):
    """Builds the elements; end tags that close nothing are left alone, as browsers do."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(self.open[-1].children[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].tag == tag:
                del self.open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data
