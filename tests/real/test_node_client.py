"""OpenAI's own Node client, unchanged, against a serving process: the checks themselves are in node_client.mjs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openai_api.conftest import House, opened
from tests.real.node_package import node_package

VERSION = "6.30.1"  # the last that runs on Node 20
SCRIPT = Path(__file__).with_name("node_client.mjs")
FREED_SECONDS = 2.0
CHECKS_SECONDS = 90

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def house(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(first_start, tmp_path_factory.mktemp("house") / "data") as house:
        yield house


@pytest.fixture(scope="module")
def environment(house: House) -> dict[str, str]:
    return {
        **os.environ,
        "CLIENT": str(node_package("openai", VERSION)),
        "BASE_URL": house.url,
        "API_KEY": house.tokens["owner"],
        "TEXT": house.far_end.text,
    }


def test_every_check_of_the_node_client_passes(environment: dict[str, str]) -> None:
    result = subprocess.run(
        ["node", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=CHECKS_SECONDS
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "fail 0" in result.stdout


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("model", ["hold", "stall-mid"])
def test_an_abort_frees_the_provider(house: House, environment: dict[str, str], model: str, stream: str) -> None:
    before = len(house.far_end.calls)
    command = ["node", str(SCRIPT), "abort", f"far-end/{model}", stream]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        call = house.far_end.wait_for_calls(before + 1)[before]
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "aborted\n"
        assert call.gone.wait(FREED_SECONDS), "the provider is still busy for nobody"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(10) == 0
