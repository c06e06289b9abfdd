"""The systemd unit that we ship, judged by systemd."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    shipped = (ROOT / "deploy/jackfield.service").read_text()
    program = "/opt/jackfield/.venv/bin/python"
    assert shipped.count(program) == 1
    path = tmp_path / "jackfield.service"
    path.write_text(shipped.replace(program, sys.executable))
    return path


def test_systemd_understands_every_line_of_the_unit(unit: Path) -> None:
    result = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_systemd_finds_the_unit_well_closed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
