"""How tests compare direct with a gateway, and how they wait for what runs in the background."""

import threading
from typing import Any

from flask import Flask

from tests.conftest import Person
from tests.program import program

KEY = "sk-virtual-0123456789abcdef"  # of the gateway called office
OFFERED = ["ok", "zai/401", "503", "refuse:seed", "hold", "stall-mid"]


def settle() -> None:
    for thread in threading.enumerate():
        if thread.name == "run_comparison":
            thread.join(40)


def asked(script: str = "ok", **more: str) -> dict[str, str]:
    return {"model": f"far-end/{script}", "route": "office", "prompt": "Vì sao trời xanh? <b>", **more}


def begin(person: Person, script: str = "ok", **more: str) -> str:
    """Begin one on the page; return its address."""
    answer = person.post("/gateways/comparisons", asked(script, **more))
    assert answer.status_code == 303, answer.text
    return answer.location


def compare(app: Flask, script: str = "ok", **parameters: Any) -> dict[str, Any]:
    """Run one as a program does."""
    wanted = {"model": f"far-end/{script}", "gateway": "office", "prompt": "Why?", "parameters": parameters}
    answer = program(app, "owner").post("/api/comparisons", wanted)
    assert answer.status_code == 200, answer.text
    return answer.json
