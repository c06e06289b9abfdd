"""Who sees which parameters, and where each of them comes from."""

import re
from collections.abc import Callable

from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.test_parameter_pages import add_model, model_pk, provider_id, stored
from webapp.core.database import writing
from webapp.models.model import Model
from webapp.models.preset import Preset
from webapp.providers.provider import Provider

__all__ = ["model_pk", "provider_id"]


def test_members_see_the_defaults_of_a_shared_provider_but_do_not_change_them(
    app: Flask, admin: Person, owner: Person, provider_id: int, model_pk: int
) -> None:
    url = f"/providers/{provider_id}/parameters"
    admin.get(url)
    admin.post(url, {"temperature": "0.25"})
    for path in (url, f"/models/{model_pk}/parameters", f"/models/{model_pk}/effective"):
        page = owner.get(path)
        assert page.status_code == 200
        assert "0.25" in page.text
        assert "<textarea" not in page.text
        assert owner.post(path, {"temperature": "1"}).status_code in (403, 405)
    assert stored(app, Provider, provider_id).parameters == {"temperature": 0.25}


def test_strangers_see_nothing_of_a_members_own_provider(
    app: Flask, far_end: FarEnd, add_provider: Callable[..., int], stranger: Person
) -> None:
    own = add_provider(far_end.base_url, by="owner")
    model_pk = add_model(app, own, "ok")
    for path in (f"/providers/{own}/parameters", f"/models/{model_pk}/parameters", f"/models/{model_pk}/effective"):
        assert stranger.get(path).status_code == 404
        assert stranger.post(path, {}).status_code in (404, 405)


def test_the_effective_view_names_the_layer_of_each_value_and_strikes_through_what_lost(
    app: Flask, admin: Person, provider_id: int, model_pk: int
) -> None:
    with app.app_context(), writing() as session:
        session.get_one(Provider, provider_id).parameters = {"temperature": 0.2, "seed": 7, "top_p": 0.5}
        session.get_one(Model, model_pk).parameters = {"temperature": 0.3, "drop": ["seed"]}
        preset = Preset(owner_id=admin.user_id, slug="p", name="Careful", parameters={"temperature": 0.4})
        session.add(preset)
        session.flush()
        preset_id = preset.id
    page = admin.get(f"/models/{model_pk}/effective?preset={preset_id}").text
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    words = [" ".join(re.sub(r"<(?!/?s>)[^>]+>", " ", row).split()) for row in rows]
    assert words == [
        "Temperature 0.4 <s> 0.3 </s> <s> 0.2 </s> Preset Model Provider",
        "Top P 0.5 Provider",
        "Seed not sent <s> 7 </s> Model Provider",
    ]
    assert admin.get(f"/models/{model_pk}/effective?preset=999").status_code == 404
