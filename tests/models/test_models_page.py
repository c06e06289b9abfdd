"""The page of all models: filters, order, pages, switches, models by hand, reading all lists."""

import re
import threading
from datetime import UTC, datetime

from flask import Flask

from tests.conftest import Person
from tests.far_end import FarEnd
from tests.models.shelf import PLACE, Add, Offer, Read, hidden, listed
from webapp.core.database import writing
from webapp.models.discovery import refresh
from webapp.models.model import Model
from webapp.models.table import PAGE


def test_filters_combine(owner: Person, shelf: int) -> None:
    for query, found in [
        ({}, ["mute", "plain", "seer", "solver", "vector"]),
        ({"q": "ke sach s"}, ["mute", "plain", "seer", "solver", "vector"]),
        ({"q": "SEER sách"}, ["seer"]),
        ({"only": "tools"}, ["seer", "solver"]),
        ({"only": ["tools", "vision"]}, ["seer"]),
        ({"only": ["tools", "vision", "reasoning"]}, []),
        ({"only": "embedding"}, ["vector"]),
        ({"only": "overridden"}, ["mute"]),
        ({"only": "custom"}, []),
        ({"only": "nonsense"}, ["mute", "plain", "seer", "solver", "vector"]),
        ({"show": "offered"}, ["plain", "seer", "solver", "vector"]),
        ({"show": "hidden"}, ["mute"]),
        ({"show": "gone"}, []),
        ({"show": "hidden", "only": "tools"}, []),
    ]:
        assert (query, listed(owner, provider=shelf, **query)) == (query, found)


def test_order_puts_what_is_not_known_last_in_both_directions(owner: Person, shelf: int) -> None:
    for sort, found in [
        ("name", ["mute", "plain", "seer", "solver", "vector"]),
        ("-name", ["vector", "solver", "seer", "plain", "mute"]),
        ("context", ["mute", "solver", "seer", "plain", "vector"]),
        ("-context", ["seer", "solver", "mute", "plain", "vector"]),
        ("input", ["solver", "vector", "seer", "mute", "plain"]),
        ("-input", ["seer", "vector", "solver", "mute", "plain"]),
        ("; DROP TABLE models", ["mute", "plain", "seer", "solver", "vector"]),
    ]:
        assert (sort, listed(owner, provider=shelf, sort=sort)) == (sort, found)
    page = owner.get(f"/models?provider={shelf}&sort=-context").text
    assert re.search(r'aria-sort="descending"><a id="sort-context"[^>]*sort=context', page)
    assert page.count("aria-sort") == 1


def test_newest_come_first_and_providers_in_their_order(
    app: Flask, owner: Person, add_provider: Add, offer: Offer
) -> None:
    for name in ("Đông phương", "Anh", "zeta"):
        offer(add_provider(PLACE, name=name), f"shelf-{name}")
    with app.app_context(), writing() as session:
        session.query(Model).filter_by(model_id="shelf-Anh").one().first_seen_at = datetime(2020, 1, 1, tzinfo=UTC)
    assert listed(owner, q="shelf", sort="provider") == ["shelf-Anh", "shelf-Đông phương", "shelf-zeta"]
    assert listed(owner, q="shelf", sort="-provider") == ["shelf-zeta", "shelf-Đông phương", "shelf-Anh"]
    assert listed(owner, q="shelf", sort="newest")[-1] == "shelf-Anh"


def test_pages_follow_each_other_and_an_offset_behind_the_end_is_the_last_page(
    owner: Person, add_provider: Add, offer: Offer
) -> None:
    names = [f"model-{number:03d}" for number in range(2 * PAGE + 1)]
    provider = add_provider(PLACE)
    offer(provider, *names)
    pages = [listed(owner, provider=provider, offset=offset) for offset in (0, PAGE, 2 * PAGE)]
    assert [name for page in pages for name in page] == names
    assert listed(owner, provider=provider, offset=999_999_999) == names[-1:]
    text = owner.get(f"/models?provider={provider}&offset={PAGE}&only=tools&offset={PAGE}").text
    assert "No model fits all of that" in text
    text = owner.get(f"/models?provider={provider}&offset={PAGE}").text
    assert f"{PAGE + 1} to {2 * PAGE} of {len(names)}" in text
    assert f'href="/models?provider={provider}&amp;offset={2 * PAGE}"' in text
    assert f'href="/models?provider={provider}"' in text


def test_htmx_gets_the_table_alone_and_the_address_that_finds_it(owner: Person, shelf: int) -> None:
    query = {"q": "seer", "provider": shelf, "show": "", "sort": "name"}
    response = owner.get("/models", query_string=query, headers={"HX-Request": "true"})
    assert "<html" not in response.text
    assert 'hx-target="#model-bulk"' in response.text
    assert response.headers["HX-Push-Url"] == f"/models?q=seer&provider={shelf}"


def test_what_people_changed_is_told_in_badges(app: Flask, admin: Person, shelf: int, offer: Offer, row: Read) -> None:
    with app.app_context(), writing() as session:
        plain = session.query(Model).filter_by(model_id="plain").one()
        plain.parameters, plain.display_name = {"temperature": 0.6, "stop": ["x"], "top_p": 1}, "Trợ lý"
        plain.overrides = {"display_name": "Trợ lý", "capabilities": {"tools": True}, "input_price": 1.0}
        plain.provider.quirks = {"plain": {"drop tools": {"at": "2026-01-01T00:00:00+00:00", "by": "x"}}}
        session.query(Model).filter_by(model_id="seer").one().vanished_at = datetime(2026, 11, 12, tzinfo=UTC)
    page = admin.get(f"/models?provider={shelf}").text
    told = page[page.index(f'id="model-changes-{row("plain").id}"') :].partition("</td>")[0]
    badges = re.findall(r'class="badge ?\w*"[^>]*>([^<]+)<', told)
    assert badges == ["name", "price", "capabilities", "temperature 0.6", "stop", "+1", "1 mended refusal"]
    gone = admin.get(f"/models?provider={shelf}&show=gone").text
    assert "gone since Nov 12, 2026" in gone
    assert re.search(r'<button type="button" disabled[^>]*id="offer-', gone)


def test_a_switch_acts_on_one_model_with_and_without_htmx(admin: Person, app: Flask, shelf: int, row: Read) -> None:
    admin.get("/models")
    path = f"/models/{row('plain').id}/offer"
    shown = admin.post(path, {"offer": "0"}, htmx=True)
    assert 'aria-checked="false"' in shown.text
    assert "hidden" in shown.text
    assert hidden(app, shelf) == {"mute", "plain"}
    answer = admin.post(path, {"offer": "1", "where": f"provider={shelf}&only=tools"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/models?provider={shelf}&only=tools")
    assert hidden(app, shelf) == {"mute"}


def test_the_page_of_a_provider_shows_prices_and_what_is_offered(admin: Person, shelf: int, row: Read) -> None:
    page = admin.get(f"/providers/{shelf}/models").text
    lines = {name: page[page.index(f'/models/{row(name).id}"') :].partition("</tr>")[0] for name in ("seer", "mute")}
    assert "$3.00" in lines["seer"]
    assert 'aria-checked="true"' in lines["seer"]
    assert "Make default" in lines["seer"]
    assert 'aria-checked="false"' in lines["mute"]
    assert "Make default" not in lines["mute"]  # what is hidden cannot be asked
    back = re.search(r'name="where" value="([^"]+)"', page)
    assert back  # without a script the switch leads to the same models on the page of all
    answer = admin.post(f"/models/{row('mute').id}/offer", {"offer": "1", "where": back[1]})
    assert answer.headers["Location"] == f"/models?provider={shelf}"


def test_a_model_by_hand_is_marked_and_survives_a_refresh(
    app: Flask, admin: Person, far_end: FarEnd, add_provider: Add, row: Read
) -> None:
    provider = add_provider(far_end.base_url, name="Xưởng")
    admin.get("/models/new")
    form = {"provider": provider, "model_id": "xuong/lora", "display_name": "Trợ lý hoá đơn", "kind": "chat"}
    answer = admin.post("/models", {**form, "context_length": "32768", "can": ["tools", "structured_output"]})
    assert answer.headers["Location"] == f"/models/{row('xuong/lora').id}"
    with app.app_context():
        refresh(provider)
    model = row("xuong/lora")
    assert (model.display_name, model.context_length, model.capabilities["tools"]) == ("Trợ lý hoá đơn", 32768, True)
    assert listed(admin, only="custom") == ["xuong/lora"]
    assert "custom · added by hand" in admin.get("/models?only=custom").text
    again = admin.post("/models", {**form, "display_name": "Kept"})
    assert again.status_code == 422
    assert 'id="model_id-error"' in again.text
    assert 'value="Kept"' in again.text
    for wrong in ({"model_id": ""}, {"context_length": "x"}, {"provider": "0"}, {"kind": "poem"}, {"can": "fly"}):
        assert admin.post("/models", {**form, "model_id": "new", **wrong}).status_code == 422


def test_a_member_without_a_provider_is_told_how_to_get_one(owner: Person) -> None:
    assert "No provider of yours" in owner.get("/models/new").text


def test_models_of_a_switched_off_provider_stay_in_the_table(admin: Person, shelf: int) -> None:
    admin.get("/models")
    admin.post(f"/providers/{shelf}/switch")
    page = admin.get(f"/models?provider={shelf}").text
    assert page.count("switched off") == 5


def test_reading_all_lists_tells_how_far_it_is_and_brings_the_table(
    admin: Person, far_end: FarEnd, add_provider: Add
) -> None:
    add_provider(far_end.base_url, name="Answers")
    add_provider("http://127.0.0.1:9/v1", name="Silent")
    admin.get("/models")
    begun = admin.post("/models/refreshes", htmx=True).text
    assert re.search(r"Reading \d of 2", begun)
    for thread in threading.enumerate():
        if thread.name == "_refresh_each":
            thread.join(20)
    url = re.search(r'hx-get="([^"]+)"', begun)
    assert url
    over = admin.get(url[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert "1 list was read." in over
    assert ">Silent</a>" in over
    assert "Refresh all" in over
    again = admin.post("/models/refreshes", htmx=True).text  # both are in their cool-down
    assert "Reading" not in again
