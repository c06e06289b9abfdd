"""Who is out is asked last, not never."""

from tests.openai_api.conftest import House
from tests.openai_api.test_aliases import ASKED, make, who
from webapp.accounts.user import find_user
from webapp.core.database import reading
from webapp.models.names import find_named
from webapp.routing.health import Call, health
from webapp.upstream.failures import failure


def test_if_everybody_is_out_all_are_tried(house: House) -> None:
    alias = make(house, "both", "ordered", ("far-end/503", 1), ("second/fine", 1))
    assert house.app
    with house.app.app_context(), reading() as session:
        user = find_user(session, "admin")
        assert user
        models = [find_named(session, user, name) for name in ("far-end/503", "second/fine")]
    for model in models:
        health.note_failure(Call(model.provider_id, model.id), failure("network_refused"))
    assert {health.state(model.provider_id, model.id, "direct") for model in models} == {"down"}
    assert who(house.client(), alias, ASKED) == "second/fine"
    for model in models:
        for kind, subject_id in (("provider", model.provider_id), ("model", model.id)):
            health.reset((kind, subject_id, "direct"))
