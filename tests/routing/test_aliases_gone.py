"""Aliases whose targets go, and aliases that are deleted and come back."""

from datetime import timedelta

from flask import Flask

from tests.conftest import Person
from tests.routing.test_aliases import change, form, number, providers, subject
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.models.model import Model, id_hash
from webapp.monitor import sweep
from webapp.providers.provider import Provider
from webapp.routing.alias import AliasRecord

__all__ = ["providers"]


def test_who_is_gone_is_flagged_and_left_out(app: Flask, admin: Person, providers: tuple[int, int]) -> None:
    admin.post("/routes/aliases", form())
    assert [place.name for place, _ in subject(app).targets] == ["far-end/small", "second/large"]
    change(app, "far-end/small", vanished_at=clock.now())
    assert [place.name for place, _ in subject(app).targets] == ["second/large"]
    assert "Left out" in admin.get("/routes").text
    with app.app_context(), writing() as session:
        session.get_one(Provider, providers[1]).is_shared = False
    assert subject(app).targets == ()
    assert "Nobody can answer" in admin.get("/routes").text


def test_another_model_with_the_number_of_a_deleted_one_does_not_take_its_place(
    app: Flask, admin: Person, providers: tuple[int, int]
) -> None:
    admin.post("/routes/aliases", form())
    change(app, "far-end/small", model_id="other", id_hash=id_hash("other"))
    assert [place.name for place, _ in subject(app).targets] == ["second/large"]
    assert "far-end/small" in admin.get("/routes").text


def test_a_deleted_alias_comes_back_within_half_a_minute_and_then_is_gone(
    app: Flask, admin: Person, providers: object
) -> None:
    admin.post("/routes/aliases", form())
    address = f"/routes/aliases/{number(app)}"
    after = admin.get(admin.post(f"{address}/delete").headers["Location"]).text
    assert "best was deleted." in after
    assert f"{address}/restore" in after
    assert admin.get(f"{address}/edit").status_code == 404
    admin.post(f"{address}/restore")
    assert admin.get(f"{address}/edit").status_code == 200
    assert admin.post(f"{address}/restore").status_code == 404

    admin.post(f"{address}/delete")
    admin.post("/routes/aliases", form("second/small"))  # anew under the same name: what points to it goes on
    assert number(app) == int(address.rpartition("/")[2])
    admin.post(f"{address}/delete")
    change(app, "alias/best", vanished_at=clock.now() - timedelta(seconds=31))
    with app.app_context(), writing() as session:
        sweep(session)
    with app.app_context():
        assert db.session.query(AliasRecord).count() == 0
        assert db.session.query(Model).filter_by(model_id="best").count() == 0


def test_an_alias_may_take_the_name_of_one_that_was_just_deleted(app: Flask, admin: Person, providers: object) -> None:
    admin.post("/routes/aliases", form(name="old"))
    admin.post("/routes/aliases", form(name="new"))
    admin.post(f"/routes/aliases/{number(app, 'old')}/delete")
    kept = number(app, "new")
    assert admin.post(f"/routes/aliases/{kept}", form(name="old")).status_code == 303
    assert number(app, "old") == kept
