"""Five hundred questions to an alias of three targets that fail at random: none is lost, none is answered twice."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai

from tests.load.chaos import CATEGORIES, TARGETS, answer_to, chaos, fate
from tests.openai_api.conftest import add_provider
from tests.serving import serving
from webapp import create_app
from webapp.accounts.api_token import create_token
from webapp.accounts.user import find_user
from webapp.core.config import Settings
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.providers.provider import ALIAS, Provider
from webapp.routing.alias import AliasRecord

QUESTIONS, AT_ONCE = 500, 16
NAMES = {f"{target}/m": target for target in TARGETS}


def test_five_hundred_questions_are_answered_once_each_whatever_fails(data_dir: Path) -> None:
    with chaos() as far, serving() as start:
        app = create_app(Settings(data_dir=data_dir))
        with app.app_context():
            for target in TARGETS:
                add_provider(target, far.base_url(target), ["m"])
            token = _alias_and_token()
            db.engine.dispose()
        server = start(data_dir, JACKFIELD_THREADS="64")
        client = openai.OpenAI(api_key=token, base_url=f"{server.url}/v1", max_retries=0, timeout=60)
        with client, ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda number: _ask(client, f"question {number}", number % 2 == 0), range(QUESTIONS)))
        assert server.stop() == 0
    assert [line for line in server.output if " ERROR " in line or "Traceback" in line] == []
    for number, (text, trail) in enumerate(found):
        question = f"question {number}"
        assert text.split() == answer_to(question).split()
        asked = far.asked[question]
        assert len(set(asked)) == len(asked)  # nobody twice
        assert [fate(target, question) for target in asked[:-1]].count("ok") == 0
        assert fate(asked[-1], question) == "ok"
        assert trail == [(target, _outcome(target, question)) for target in asked]
    assert sum(len(asked) > 1 for asked in far.asked.values()) > QUESTIONS / 5


def _outcome(target: str, question: str) -> str:
    word = fate(target, question)
    return CATEGORIES.get(word, word)


def _ask(client: openai.OpenAI, question: str, is_stream: bool) -> tuple[str, list[tuple[str, str]]]:
    """Return the text, and who was asked with what outcome, as the headers tell."""
    asked = client.chat.completions.with_raw_response
    messages = [{"role": "user", "content": question}]
    raw = asked.create(model="best", messages=messages, stream=is_stream)  # type: ignore[call-overload]
    trail = raw.headers.get("x-jackfield-trail", f"{raw.headers['x-jackfield-provider']}/m=ok")
    answer = raw.parse()
    if is_stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
    else:
        text = answer.choices[0].message.content
    tried = (step.split("=") for step in trail.split(", "))
    return text, [(NAMES[name], outcome) for name, outcome in tried]


def _alias_and_token() -> str:
    with writing() as session:
        rows = session.query(Model).filter_by(model_id="m").order_by(Model.id).all()
        provider = session.query(Provider).filter_by(dialect=ALIAS).one()
        model = Model(provider_id=provider.id, model_id="best", id_hash=id_hash("best"), search_text="best")
        session.add(model)
        session.flush()
        targets = [{"model": row.id, "name": f"{row.provider.slug}/m", "weight": 1} for row in rows]
        session.add(AliasRecord(model_pk=model.id, targets=targets, strategy="weighted", is_sticky=False))
        user = find_user(session, "owner")
        assert user
        return create_token(session, user, "chaos", ("chat",))
