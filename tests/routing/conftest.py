"""What tests of routing share: a clock in the hand."""

from collections.abc import Iterator

import pytest

from webapp.core import clock


class Time:
    """The clock in a test's hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    moment = Time()
    monkeypatch.setattr(clock, "monotonic", moment)
    return moment
