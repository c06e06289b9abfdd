"""The README tells people what follows from each kind of failure: the same as the code does."""

import re

from tests.habits.tree import ROOT
from webapp.routing.failover import POLICIES, Policy

NEXT = {"stop": "nobody", "larger": "models with more context", "next": "whoever comes next"}


def test_the_readme_holds_the_table_of_the_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## What happens when a provider fails")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+`) \| (.+) \| (.+) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    told = {name: tuple(cells) for names, *cells in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {name: words_of(policy) for name, policy in POLICIES.items()}


def words_of(policy: Policy) -> tuple[str, ...]:
    if policy.scope == "request":
        return "the request", NEXT[policy.then], "–", "–"
    rest = f"{policy.rest_seconds:g} s" + (", or waited for" if policy.waits else "")
    who = NEXT[policy.then] + (", another key too" if policy.by_key else "")
    return f"the {policy.scope}", who, str(policy.after), rest
