"""The server that a browser visits, and the words for what people do there."""

import re
from dataclasses import dataclass, replace

from flask import Flask
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.serving import Server
from webapp.accounts.user import User
from webapp.core.database import writing
from webapp.core.secret import Secret
from webapp.core.words import findable
from webapp.models.model import Model, id_hash
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.providers.provider import Provider
from webapp.upstream.addresses import host_port

HTMX_HAS_BEGUN = "[data-htmx-powered], body:not(:has([hx-get], [hx-post]))"
SLOW, QUICK = 0.2, 0.01  # seconds between two pieces of an answer: time to look, and time to end
OPENAI = ProviderInput("custom", "Far End", "", "openai", "none", "", None, (), False)


@dataclass(frozen=True)
class House:
    """A serving process and one of its people. `app` works on the same data folder."""

    app: Flask
    server: Server
    far_end: FarEnd
    email: str
    is_own: bool = False  # nobody else's test visits the server

    @property
    def url(self) -> str:
        return self.server.url

    def add(self, *models: str, base_url: str = "", key: str = "", **more: object) -> int:
        """Add a provider with these models, which are scripts of the far end; new chats begin with the first one."""
        assert self.is_own or not more.get("is_shared"), "others would see it in their tests: take `own_house`"
        base_url = base_url or self.far_end.base_url
        wanted = replace(OPENAI, base_url=base_url, key=Secret(key) if key else None, **more)
        wanted = replace(wanted, auth_style="bearer" if key else wanted.auth_style)
        with self.app.app_context(), writing() as session:
            user = session.query(User).filter_by(email=self.email).one()
            open_address(session, *host_port(base_url), user.id)
            provider = create_provider(session, user, wanted)
            provider.default_model = models[0] if models else None
            provider.refresh_hours = 0  # never: its list does not hold these models
            session.add_all(_model(provider, name, place) for place, name in enumerate(models))
            return provider.id

    def enter(self, context: BrowserContext) -> Page:
        """A tab in which this person is signed in, on no page yet."""
        client = self.app.test_client()
        Person(client).sign_in(self.email)
        cookie = client.get_cookie("jackfield")
        assert cookie
        context.add_cookies([{"name": "jackfield", "value": cookie.value, "url": self.url}])
        return context.new_page()

    def visit(self, page: Page, path: str = "/") -> None:
        """Open a page and wait until htmx has begun."""
        page.goto(self.url + path)
        expect(page.locator(HTMX_HAS_BEGUN).first).to_be_attached()

    def open_chat(self, page: Page, *models: str, **more: str) -> None:
        """Add a provider with these models and open a chat with the first."""
        self.add(*models, **more)
        self.visit(page)


def _model(provider: Provider, name: str, place: int) -> Model:
    return Model(
        provider_id=provider.id,
        model_id=name,
        id_hash=id_hash(name),
        search_text=findable(name, provider.name),
        position=place,
    )


def ask(page: Page, text: str) -> Locator:
    """Send a message with the keyboard; return its answer."""
    before = answers(page).count()
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")
    expect(answers(page)).to_have_count(before + 1)
    return answers(page).nth(before)


def answers(page: Page) -> Locator:
    """The answers on the page, from the first to the newest, in every state."""
    return page.locator("article.ai")


def expect_over(answer: Locator) -> None:
    """Wait for the end of an answer, whatever end that is."""
    expect(answer).not_to_have_attribute("aria-busy", "true")


def words(text: str) -> re.Pattern[str]:
    """The whole text, however its white space was drawn."""
    return re.compile(r"^\s*" + r"\s+".join(re.escape(word) for word in text.split()) + r"\s*$")
