"""Who is out is asked last, not never, and is back with its first answer."""

from tests.openai_api.conftest import House
from tests.openai_api.test_aliases import ASKED, make
from webapp.accounts.user import find_user
from webapp.core.database import reading
from webapp.models.names import find_named
from webapp.routing.health import Call, health
from webapp.upstream.failures import failure


def test_if_everybody_is_out_all_are_tried(furnished: House) -> None:
    alias = make(furnished, "both", "ordered", ("far-end/503", 1), ("second/fine", 1))
    assert furnished.app
    with furnished.app.app_context(), reading() as session:
        user = find_user(session, "admin")
        assert user
        calls = []
        for name in ("far-end/503", "second/fine"):
            model = find_named(session, user, name)
            calls.append(Call(model.provider_id, model.id))
    for call in calls:
        health.note_failure(call, failure("network_refused"))
    assert [health.state(call.provider_id, call.model_pk, "direct") for call in calls] == ["down", "down"]
    headers = {"Authorization": f"Bearer {furnished.tokens['owner']}"}
    question = {"model": alias, "messages": ASKED}
    answer = furnished.app.test_client().post("/v1/chat/completions", json=question, headers=headers)
    assert answer.headers["x-jackfield-trail"] == "far-end/503=overloaded, second/fine=ok"
    assert [health.state(call.provider_id, call.model_pk, "direct") for call in calls] == ["down", "degraded"]
