"""Sets money aside for checks in a process of its own: `python -m tests.routing.reserve_apart FOLDER [DATABASE]`.

Says "ready", waits for a line, tries 30 times to have 10, and says how often it got them.
"""

import sys
from pathlib import Path

from webapp import create_app
from webapp.core.config import Settings
from webapp.routing.probe_budget import reserve

TIMES, EACH = 30, 10

if __name__ == "__main__":
    folder, *address = sys.argv[1:]
    app = create_app(Settings(data_dir=Path(folder), database_url="".join(address)))
    with app.app_context():
        print("ready", flush=True)
        sys.stdin.readline()
        print(sum(reserve(EACH) is not None for _ in range(TIMES)), flush=True)
