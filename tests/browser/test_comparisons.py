"""The journey of a comparison: asked both ways, filled while it runs, stopped, read again, and acted on."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.accessibility import assert_accessible
from tests.browser.house import SLOW, House
from tests.browser.test_presets import slug_of
from tests.far_end import FarEnd
from webapp.accounts.user import User
from webapp.core.database import writing
from webapp.providers.private_address import open_address
from webapp.routing.gateway import add_gateway
from webapp.upstream.addresses import host_port


def test_a_question_is_asked_both_ways_and_the_provider_sent_by_the_better_one(page: Page, house: House) -> None:
    slug = slug_of(house, house.add("ok", name="Trạm có tên rất dài 智谱"))
    with FarEnd(text="The gateway says so.", pace=SLOW) as server:
        with house.app.app_context(), writing() as session:
            user = session.query(User).filter_by(email=house.email).one()
            open_address(session, *host_port(server.base_url), user.id)
            name = f"Văn phòng 办公室 {Path(house.email).stem}"
            add_gateway(session, user, {"name": name, "base_url": server.base_url, "weight": 1}, None).models = ["ok"]
        house.visit(page, "/gateways")
        page.get_by_role("link", name="Compare with direct").click()
        page.get_by_label("Model", exact=True).fill(f"{slug}/ok")
        page.get_by_label("Compare direct with").select_option(label=name)
        page.get_by_label("Question").fill("Vì sao trời xanh?")
        assert_accessible(page)
        page.get_by_role("button", name="Ask both ways").click()
        direct, through = (page.get_by_role("region", name=one, exact=True) for one in ("Direct", name))
        expect(direct).to_contain_text("over the lazy dog")
        expect(through).to_contain_text("The gateway says so.")
        expect(through).to_contain_text("Answered")
        expect(through).to_contain_text("later")
        assert_accessible(page)
        page.reload()
        expect(through).to_contain_text("The gateway says so.")
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="through").click()
        expect(page.get_by_role("button", name="Back to direct")).to_be_visible()
