"""Somebody with a browser that has no JavaScript, at a real server over real HTTP."""

import re
import time
from collections.abc import Iterator
from html import unescape
from types import TracebackType
from typing import Self

import httpx2

from tests.conftest import PASSWORD
from tests.serving import Server

TIMEOUT_SECONDS = 30.0


class Visitor:
    """Keeps cookies and sends the CSRF token of the last page. Redirects are answers, too: nothing follows them."""

    def __init__(self, url: str, *, address: str | None = None, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx2.HTTPTransport(verify=False, local_address=address)
        self.http = httpx2.Client(base_url=url, transport=transport, headers=self.headers, timeout=TIMEOUT_SECONDS)
        self.csrf = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get(self, path: str) -> httpx2.Response:
        return self._read(self.http.get(path))

    def post(self, path: str, **fields: str) -> httpx2.Response:
        return self._read(self.http.post(path, data=fields, headers={"X-CSRFToken": self.csrf}))

    def set_up(self, server: Server) -> Self:
        """Make the first account through the link that the server printed."""
        path, token = server.setup_url.removeprefix(server.url), server.setup_url.partition("token=")[2]
        assert self.get(path).status_code == 200
        response = self.post("/setup", token=token, name="Admin", email="admin", password=PASSWORD)
        assert response.status_code == 303, response.text
        self.get("/settings")
        return self

    def sign_in(self, password: str = PASSWORD) -> httpx2.Response:
        self.get("/login")
        response = self.post("/login", email="admin", password=password)
        self.get("/settings")
        return response

    def add_provider(self, base_url: str, name: str = "Far End") -> str:
        """Add a provider that needs no key, open its private address, and return its page."""
        wanted = {"vendor": "custom", "name": name, "base_url": base_url, "dialect": "openai", "auth_style": "none"}
        response = self.post("/providers", **wanted, allow_private="y", is_shared="y")
        assert response.status_code == 303, response.text
        return response.headers["Location"]

    def picked(self, words: str) -> str:
        """Return what the picker shows for these words, as its dialog gets it."""
        return self.http.get(f"/models/picker?q={words}", headers={"HX-Request": "true"}).text

    def add_model(self, provider_page: str, model_id: str) -> str:
        """Add a model by its id and return what the picker chooses it by."""
        provider_id = provider_page.rpartition("/")[2]
        response = self.post(f"/providers/{provider_id}/models", model_id=model_id)
        assert response.status_code == 303, response.text
        found = re.search(r'data-model="(\d+)"', self.picked(model_id))
        assert found
        return found[1]

    def ask(self, text: str, model: str, page: str = "") -> str:
        """Send a question, in the conversation of a page or in a new one; return the conversation's page."""
        send_key = re.search(r'name="send_key" value="([^"]+)"', self.get(page or "/").text)
        assert send_key
        to = f"{page}/messages" if page else "/chat"
        response = self.post(to, text=text, model=model, send_key=send_key[1])
        assert response.status_code == 303, response.text
        return response.headers["Location"]

    def events(self, page: str) -> Iterator[tuple[float, str]]:
        """Follow the answer that is being written on a page: seconds since the start, and each line of the stream."""
        found = re.search(r'hx-sse:connect="([^"]+)"', self.get(page).text)
        assert found, "nothing is being written"
        began = time.monotonic()
        with self.http.stream("GET", unescape(found[1])) as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            for line in response.iter_lines():
                yield time.monotonic() - began, line

    def watch(self, page: str) -> str:
        """Follow the answer to its end and return the stream."""
        return "\n".join(line for _, line in self.events(page))

    def _read(self, response: httpx2.Response) -> httpx2.Response:
        if found := re.search(r'name="csrf_token" value="([^"]+)"', response.text):
            self.csrf = found[1]
        return response
