"""Reads a provider's list in a process of its own: `data folder, provider id`. Prints KB before and at most."""

import re
import sys
from pathlib import Path

from webapp import create_app
from webapp.core.config import Settings
from webapp.models.discovery import refresh


def peak_kb() -> int:
    """The most memory that this process ever had; what getrusage tells counts the parent's, too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


if __name__ == "__main__":
    app = create_app(Settings(data_dir=Path(sys.argv[1])))
    with app.app_context():
        before = peak_kb()
        refresh(int(sys.argv[2]))
    print(before, peak_kb())
    app.extensions["jackfield"].background.close(1)
