"""Axe in every look of a page."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast"]}  # all that the dark theme changes
LOOKS = [(width, theme, rules) for width in (1280, 360) for theme, rules in (("light", ALL_RULES), ("dark", COLOURS))]
# Animations end at once: a half-faded text has too little contrast.
STILL = "document.getAnimations().forEach(animation => { try { animation.finish() } catch { animation.cancel() } })"
# What a bar half covers at this scroll position is too small for axe, although it can be scrolled to.
LET_GO = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('.rail, .dock, .bar, .bulk { position: static !important }');
    document.adoptedStyleSheets = [sheet];
}"""
RUN = "async rules => (await axe.run({ runOnly: rules, resultTypes: ['violations'] })).violations"


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 A and AA or of best practices, wide and narrow, light and dark; nothing to the side."""
    found: list[str] = []
    page.evaluate(AXE_SCRIPT)
    page.evaluate(LET_GO)
    for width, theme, rules in LOOKS:
        page.set_viewport_size({"width": width, "height": 860})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(STILL)
        for violation in page.evaluate(RUN, rules):
            nodes = [node["html"][:160] + " " + (node["failureSummary"] or "")[:200] for node in violation["nodes"][:3]]
            found.append(f"{theme} {width} {violation['id']}: {nodes}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{theme} {width}: scrolls sideways")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 860})
    page.evaluate("document.adoptedStyleSheets = []")
    assert found == [], f"{page.url}\n" + "\n".join(found)
