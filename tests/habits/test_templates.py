"""Templates escape everything, run nothing inline, work without script and swap whole elements."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import nodes

from tests.habits.markup import Element, elements, fragment_roots, icon_names, jinja_tree
from tests.habits.tree import ROOT, name_of, templates

EACH = pytest.mark.parametrize("path", templates(), ids=name_of)
EACH_FRAGMENT = pytest.mark.parametrize(
    "path", [path for path in templates() if path.name.startswith("_")], ids=name_of
)
# Fragments that are no element of their own but the next slice of a list: file -> list.
SLICES = {
    "templates/models/_more.html": "the options of the picker",
    "templates/models/_rows.html": "the rows of the table of models",
}
ICON_MACROS = ("icon", "icons")


@EACH
def test_nothing_escapes_escaping(path: Path) -> None:
    tree = jinja_tree(path)
    filters = [node.name for node in tree.find_all(nodes.Filter) if node.name == "safe"]
    assert [*filters, *tree.find_all(nodes.ScopedEvalContextModifier)] == []


@EACH
def test_nothing_runs_or_is_styled_inline(path: Path) -> None:
    # The Content-Security-Policy would refuse it, and htmx would evaluate its own kinds in vain.
    assert list(_inline(elements(path))) == []


@EACH
def test_every_form_that_writes_holds_a_csrf_token(path: Path) -> None:
    writing = [form for form in elements(path).everything() if form.tag == "form" and _method(form) == "post"]
    assert [form.attributes for form in writing if not any(_is_token(inner) for inner in form.everything())] == []


@EACH
def test_every_icon_is_in_the_sprite(path: Path) -> None:
    uses = [element.attributes.get("href", "") for element in elements(path).everything() if element.tag == "use"]
    drawn = {found[1] for use in uses if (found := re.search(r"#([\w-]+)$", use))}
    called = {
        call.args[0].value
        for call in jinja_tree(path).find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in ICON_MACROS and isinstance(call.args[0], nodes.Const)
    }
    assert (drawn | called) - icon_names() == set()


@EACH_FRAGMENT
def test_a_fragment_is_one_element_with_an_id(path: Path) -> None:
    for drawn in fragment_roots(path) if name_of(path) not in SLICES else []:
        # Other changed regions may ride along; after a deletion they are all there is.
        roots = [element for element in drawn if element.tag != "hx-partial"]
        assert [element.tag for element in roots if not element.attributes.get("id")] == []
        assert len(roots) == 1 or (drawn and not roots), [element.tag for element in roots]


def _inline(root: Element) -> Iterator[str]:
    for element in root.everything():
        if element.tag == "style" or (
            element.tag == "script" and (element.text.strip() or "src" not in element.attributes)
        ):
            yield f"<{element.tag}>"
        for name, value in element.attributes.items():
            is_code = name.startswith(("on", "hx-on")) or name == "style"
            is_code_value = re.match(r"\s*(js|javascript):", value, re.IGNORECASE) is not None
            if is_code or is_code_value or (name.startswith("hx-trigger") and "[" in value):
                yield f"<{element.tag} {name}={value!r}>"


def _method(form: Element) -> str:
    return form.attributes.get("method", "get").lower()


def _is_token(element: Element) -> bool:
    return element.attributes.get("name") == "csrf_token"


def test_no_two_doors_give_templates_a_function_of_the_same_name() -> None:
    """Flask lets the later one win without a word."""
    said = re.compile(r"app_(template_\w+)\((?:\"(\w+)\")?\)\ndef (\w+)")
    given = [
        (kind, name or function)
        for path in (ROOT / "webapp").rglob("*.py")
        for kind, name, function in said.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(given) > 10
    assert [name for name, times in Counter(given).items() if times > 1] == []
