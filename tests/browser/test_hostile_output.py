"""What providers say is shown as text: it runs nothing, asks nobody and changes nothing."""

from playwright.sync_api import Page, Request, expect

from tests.browser.house import House, ask, expect_over

EVIL = "http://127.0.0.1:9/evil"
HONEST = "https://example.com"
HOSTILE = f"""<script>document.title = 'owned'</script> <img src={EVIL} onerror="document.title='owned'">
<svg onload="document.title='owned'"></svg> <iframe srcdoc="<script>top.document.title='owned'</script>"></iframe>

![picture]({EVIL}) ![reference][r] <link rel="prefetch" href="{EVIL}">
<style>body{{background:url({EVIL})}}</style>

<div hx-get="/logout" hx-trigger="load" hx-swap="outerHTML">load</div>
<form hx-post="/logout" hx-trigger="load"><button>press</button></form> <a hx-boost="true" href="/settings">boost</a>
<hx-partial hx-target="body" hx-swap="innerHTML">gone</hx-partial> <body hx-on:click="document.title='owned'">

[script](javascript:document.title='owned') [entity](&#x6A;avascript:alert(1)) [data](data:text/html,x) [blob](blob:x)
[inside](/logout) [slashes](//evil.example) [back](\\\\evil.example)
[titled](https://example.com "a\\" onmouseover=\\"x")
[honest]({HONEST}/page)

<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">

$\\href{{javascript:document.title='owned'}}{{x}}$ $$\\unicode{{<img src=x onerror=alert(1)>}}$$

`<script>` {"long" * 400} \u202egnirts desrever\u202c

[r]: {EVIL}
"""
NAME = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


def test_an_answer_full_of_markup_is_inert(page: Page, house: House) -> None:
    house.far_end.text = HOSTILE
    house.open_chat(page, "ok")
    asked: list[str] = []
    page.on("request", lambda request: _note(request, asked, house))
    answer = ask(page, "Hello")
    expect_over(answer)
    _expect_untouched(page, answer_text="hx-get")
    page.reload()
    expect(answer).to_contain_text("honest")
    _expect_untouched(page, answer_text="hx-get")
    links = answer.locator(".prose a")
    assert {link.get_attribute("href") for link in links.all()} <= {EVIL, HONEST, f"{HONEST}/page"}
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer nofollow"}
    expect(answer).to_contain_text("honest (example.com)")
    inert = "script, img, iframe, style, link, form, svg:not(.i), [onclick], [onmouseover], [onerror], [style]"
    expect(answer.locator(f".prose :is({inert})")).to_have_count(0)
    assert asked == []


def test_reasoning_and_errors_full_of_markup_are_inert(page: Page, house: House) -> None:
    house.open_chat(page, NAME, base_url=house.far_end.at("echo-key"), key=NAME.replace(" ", ""))
    answer = ask(page, NAME)
    expect_over(answer)
    expect(answer).to_contain_text(NAME[:20])
    _expect_untouched(page, answer_text="HTTP 401")


def test_names_full_of_markup_are_names(page: Page, house: House) -> None:
    provider = house.add(NAME, name=NAME)
    for path in ("/", "/providers", f"/providers/{provider}", f"/providers/{provider}/edit", "/models"):
        house.visit(page, path)
        expect(page).not_to_have_title("owned")
        expect(page.locator("body :is(img, script)")).to_have_count(0)
    house.visit(page)
    page.keyboard.press("Control+j")
    expect(page.locator("#picker [role=option]").first).to_contain_text("<script>")
    page.keyboard.press("Enter")
    expect_over(ask(page, NAME))
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>")
    house.visit(page, "/providers")
    page.locator(f"#provider-card-{provider}").get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".toast")).to_contain_text(f"{NAME} was deleted.")
    expect(page.locator(".toast img")).to_have_count(0)


def _note(request: Request, asked: list[str], house: House) -> None:
    own = ("/chat", "/static/", "/models/picker")
    path = request.url.removeprefix(house.url)
    if not path.startswith(own):
        asked.append(request.url)


def _expect_untouched(page: Page, answer_text: str) -> None:
    expect(page.locator("article.ai").last).to_contain_text(answer_text)
    expect(page).not_to_have_title("owned")
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
