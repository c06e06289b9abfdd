"""What a failed answer offers beside another try: what its provider's pages can mend, to those who may."""

from collections.abc import Callable

from flask import Flask

from tests.chat.conftest import KEY, Chat
from tests.conftest import Person
from tests.far_end import FarEnd
from webapp.core import clock
from webapp.core.database import writing
from webapp.providers.provider import Provider


def test_a_refused_key_leads_to_its_field_for_those_who_may_change_it(
    app: Flask, admin: Person, chat: Chat, far_end: FarEnd, add_provider: Callable[..., int]
) -> None:
    admins = Chat(app, admin, chat.provider_id)
    field = f'href="/providers/{chat.provider_id}/edit#api_key"'
    for talk, may_change in ((admins, True), (chat, False)):
        page = talk.person.get(talk.answer(model="401").page).text
        assert "The key was refused (HTTP 401)" in page
        assert (field in page) == may_change
        assert ("Tell whoever looks after Far End here" in page) == (not may_change)
        assert "Retry with another model" in page


def test_money_leads_to_the_providers_page_and_a_wrong_path_to_the_address(
    app: Flask, admin: Person, chat: Chat
) -> None:
    with app.app_context(), writing() as session:
        provider = session.get_one(Provider, chat.provider_id)
        provider.vendor_id, page = "deepseek", "https://platform.deepseek.com/api_keys"
    admins = Chat(app, admin, chat.provider_id)
    assert page in admin.get(admins.answer(model="402").page).text
    address = f'href="/providers/{chat.provider_id}/edit#base_url"'
    assert address in admin.get(admins.answer(model="404").page).text


def test_a_provider_that_was_deleted_has_no_buttons(app: Flask, admin: Person, chat: Chat) -> None:
    admins = Chat(app, admin, chat.provider_id)
    asked = admins.answer(model="401")
    with app.app_context(), writing() as session:
        session.get_one(Provider, chat.provider_id).deleted_at = clock.now()
    page = admin.get(asked.page).text
    assert f"/providers/{chat.provider_id}/" not in page
    assert KEY not in page
