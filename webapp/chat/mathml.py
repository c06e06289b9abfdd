"""LaTeX to MathML, without JavaScript and without fonts of our own. Called by `elements`."""

import functools
from html import escape

# A formula longer than this is not one a person reads, and the converter is recursive.
LONGEST_FORMULA = 4_000


@functools.lru_cache(maxsize=128)
def mathml(latex: str, *, block: bool) -> str | None:
    """A `<math>` element labelled with its source, or None when `latex` cannot be converted. Not sanitised."""
    if len(latex) > LONGEST_FORMULA:
        return None
    # Here, not above: the symbol table takes about 10 MB, and many servers never meet a formula.
    from latex2mathml import converter, exceptions

    own_errors = tuple(each for each in vars(exceptions).values() if isinstance(each, type))
    # Half-written formulas also surface as built-in errors from inside the converter (seen with version 3.81).
    errors: tuple[type[Exception], ...] = (*own_errors, LookupError, ValueError, TypeError, AttributeError)
    errors += (RuntimeError, StopIteration)
    try:
        html = converter.convert(latex, display="block" if block else "inline")
    except errors:
        return None
    return html.replace("<math ", f'<math aria-label="{escape(latex)}" ', 1)
