"""Axe in every look of a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
LOOKS = [(width, theme) for width in (1280, 360) for theme in ("light", "dark")]
# Animations end at once: a half-faded text has too little contrast.
STILL = "document.getAnimations().forEach(animation => { try { animation.finish() } catch { animation.cancel() } })"
# What a bar half covers at this scroll position is too small for axe, although it can be scrolled to.
LET_GO = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('.rail, .dock, .bar { position: static !important }');
    document.adoptedStyleSheets = [sheet];
}"""


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 A and AA or of best practices, wide and narrow, light and dark; nothing to the side."""
    found: list[str] = []
    page.evaluate(LET_GO)
    for width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 860})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(STILL)
        for violation in Axe().run(page, options=RULES).response["violations"]:
            nodes = [node["html"][:160] + " " + (node["failureSummary"] or "")[:200] for node in violation["nodes"][:3]]
            found.append(f"{theme} {width} {violation['id']}: {nodes}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{theme} {width}: scrolls sideways")
    page.set_viewport_size({"width": 1280, "height": 860})
    page.evaluate("document.adoptedStyleSheets = []")
    assert found == [], f"{page.url}\n" + "\n".join(found)
