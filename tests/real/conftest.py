"""The browser of tests/browser at whatever server a test starts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import allow, chromium, complaints, new_context  # noqa: F401


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:  # noqa: F811
    """A browser that nobody is signed in with."""
    return new_context().new_page()
