"""Three hundred streams at once through /v1 of a real server, beside two bad providers: every byte arrives, once.

How quick it is, is for `bin/bench` to say; here time never decides.
"""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.apart import apart
from tests.load.heard import Judged
from tests.load.program import HANGING_CALLS, BadCompany, Door, ask_streams, ask_wholes, bad_company
from tests.load.stage import set_stage
from tests.load.upstream import running_upstream
from tests.serving import Server
from webapp.core.config import Settings

STREAMS, SPEED, STARTING = 300, (40, 40), 60
WORKERS, SECONDS = 8, 0.5


@pytest.fixture
def upstream() -> Iterator[str]:
    with running_upstream() as base_url:
        yield base_url


def test_every_byte_of_many_streams_arrives_while_one_provider_hangs_and_one_fails(
    app: Flask, settings: Settings, upstream: str, serve: Callable[..., Server]
) -> None:
    stage = set_stage(app, upstream, [SPEED])
    server = serve(settings.data_dir)
    door = Door(urlsplit(server.url).port or 0, stage.token, "paced")
    streams, wholes, company = apart(_all_answers(door))
    assert server.stop() == 0
    assert [line for line in server.output if " ERROR " in line or "Traceback" in line] == []
    assert [answer.question for answer in streams if not answer.is_complete] == []
    assert len(streams) == STREAMS
    assert wholes
    assert [answer.question for answer in wholes if not answer.is_complete] == []
    assert company.hanging == HANGING_CALLS
    assert company.statuses.keys() == {502}


async def _all_answers(door: Door) -> tuple[list[Judged], list[Judged], BadCompany]:
    async with bad_company(door, SPEED) as company:
        streams = await ask_streams(door, SPEED, STREAMS, starting=STARTING)
        wholes = await ask_wholes(door, SPEED, WORKERS, SECONDS)
    return streams, wholes, company
