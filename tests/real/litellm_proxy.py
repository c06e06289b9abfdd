"""A LiteLLM proxy in an environment of its own."""

import contextlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.environments import environment
from tests.real.processes import running
from tests.serving import ROOT, free_port

# The release that the gateway is locked to.
GATEWAY: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["gateway"][0]
START_SECONDS = 60
KEY = "sk-right-0123456789"


@dataclass
class Proxy:
    """A running proxy; `key` is what it wants."""

    base_url: str
    key: str = KEY


@contextlib.contextmanager
def litellm_proxy(folder: Path, answers: dict[str, str], base_url: str = "") -> Iterator[Proxy]:
    """Run a proxy inside the block that answers for each model with its text, or passes all on to the server there."""
    program = environment(GATEWAY.replace("litellm", "litellm[proxy]"), "litellm.proxy") / "bin/litellm"
    config = folder / "litellm.yaml"
    sources = {name: {"api_base": base_url} if base_url else {"mock_response": text} for name, text in answers.items()}
    models = [_model(name, source) for name, source in sources.items()]
    config.write_text(json.dumps({"model_list": models}))  # YAML, too
    root = f"http://127.0.0.1:{free_port()}"
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", root.rpartition(":")[2]]
    with running(
        [*command, "--telemetry", "False"],
        folder / "litellm.log",
        answers=f"{root}/health/liveliness",
        seconds=START_SECONDS,
        LITELLM_MASTER_KEY=KEY,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    ):
        yield Proxy(f"{root}/v1")


def _model(name: str, source: dict[str, str]) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_key": "none", **source}}
