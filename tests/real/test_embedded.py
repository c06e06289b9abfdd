"""The LiteLLM of this process, in an environment that holds the locked one: with it, unused, and used."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.far_end_zai import PAYG_KEY, PAYG_PATH, TEXT, Zai
from tests.real.environments import gateway_python
from tests.real.processes import running
from tests.serving import ROOT, free_port

LOADED_KB = 100_000  # more than this is LiteLLM
SETTING_UP = """
from webapp import create_app
from webapp.accounts.api_token import create_token
from webapp.accounts.user import Role, create_user
from webapp.core.database import writing
from webapp.core.secret import Secret
from webapp.models.model import Model, id_hash
from webapp.providers.editing import ProviderInput, create_provider
from webapp.providers.private_address import open_address
from webapp.routing.gateway import switch_embedded
from webapp.upstream.addresses import host_port
import sys
url, key = sys.argv[1:]
app = create_app()
with app.app_context(), writing() as session:
    user = create_user(session, email="a@b.c", name="Ada", password="correct horse battery", role=Role.ADMIN)
    open_address(session, *host_port(url), user.id)
    wanted = ProviderInput("zai", "Zai", url, "openai", "bearer", "", Secret(key), (), True)
    provider = create_provider(session, user, wanted)
    provider.route, provider.refresh_hours, provider.slug = "embedded", 0, "z"
    session.add(Model(provider_id=provider.id, model_id="glm-5.1", id_hash=id_hash("glm-5.1"), search_text="glm-5.1"))
    switch_embedded(session, user)
    print(create_token(session, user, "test"))
assert "litellm" not in sys.modules
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return gateway_python()


@pytest.fixture
def zai() -> Iterator[Zai]:
    with Zai() as server:
        yield server


@pytest.mark.timeout(400)
def test_zai_behaves_through_it_as_it_does_direct(python: Path) -> None:
    command = ["-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "tests/upstream/test_zai.py"]
    ran = subprocess.run([str(python), *command], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "36 passed" in ran.stdout


@pytest.mark.timeout(400)
def test_it_is_loaded_by_the_first_call_and_not_before(python: Path, zai: Zai, tmp_path: Path) -> None:
    environment = {**os.environ, "JACKFIELD_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [str(python), "-c", SETTING_UP, zai.root + PAYG_PATH, PAYG_KEY],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    token, port = made.stdout.strip(), free_port()
    url = f"http://127.0.0.1:{port}"
    with running(
        [str(python), "-P", "-m", "webapp", "serve"],
        tmp_path / "serve.log",
        answers=f"{url}/healthz",
        seconds=30,
        JACKFIELD_DATA_DIR=str(tmp_path / "data"),
        JACKFIELD_PORT=str(port),
        PYTHONPATH=str(ROOT),
    ) as process:
        before_kb = resident_kb(process.pid)
        for is_stream in (False, True):
            body = {"model": "z/glm-5.1", "stream": is_stream, "messages": [{"role": "user", "content": "What is it?"}]}
            request = urllib.request.Request(
                f"{url}/v1/chat/completions",
                json.dumps(body).encode(),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode()
                assert answer.headers["x-jackfield-route"] == "embedded"
            assert TEXT in text or all(word in text for word in TEXT.split())
        after_kb = resident_kb(process.pid)
    print(f"resident: {before_kb} kB before, {after_kb} kB after the first call")
    assert before_kb < LOADED_KB < after_kb
    log = (tmp_path / "serve.log").read_text()
    assert PAYG_KEY not in log
    assert "What is it?" not in log


def resident_kb(pid: int) -> int:
    """What the process and its children hold, the biggest of them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = []
    for one in (str(pid), *children):
        lines = Path(f"/proc/{one}/status").read_text().splitlines()
        found += [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
    return max(found)
