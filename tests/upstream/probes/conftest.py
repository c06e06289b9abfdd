"""A far end that wants a key, and targets at it, for the tests of the connection test."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.far_end import FarEnd
from tests.upstream.probes.ladder import KEY
from webapp.core.secret import Secret
from webapp.upstream.target import Target
from webapp.upstream.transport import pool


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with FarEnd(key=KEY) as server:
        yield server
    pool.close()


@pytest.fixture
def target(far_end: FarEnd) -> Target:
    return Target("openai", far_end.base_url, Secret(KEY), allow_private=True)


@pytest.fixture
def public(far_end: FarEnd, target: Target) -> Target:
    """A provider that checks the key of chats, but not of its list."""
    return replace(target, list_path=f"{far_end.root}/public-list/v1/models")
