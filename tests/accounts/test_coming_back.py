"""Where signing in and choosing a language lead."""

import pytest

from tests.conftest import PASSWORD, Person


def test_a_visitor_comes_back_to_the_page_that_was_wanted(visitor: Person) -> None:
    location = visitor.get("/providers?tab=all&q=a%26b").headers["Location"]
    visitor.get(location)
    response = visitor.post(location, {"email": "owner", "password": PASSWORD})
    assert response.headers["Location"] == "/providers?tab=all&q=a%26b"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil",
        "//evil",
        "/\\evil",
        "\\\\evil",
        "/\t/evil",
        "/\n/evil",
        "/\r\nX: y",
        "javascript:a",
        "evil",
        " //e",
    ],
)
@pytest.mark.parametrize("is_htmx", [True, False])
def test_signing_in_never_leads_to_another_site(visitor: Person, target: str, is_htmx: bool) -> None:
    visitor.get("/login")
    form = {"email": "owner", "password": PASSWORD}
    for response in (
        visitor.post("/language", {"language": "vi", "next": target}, htmx=is_htmx),
        visitor.post("/login", form, query_string={"next": target}, htmx=is_htmx),
    ):
        assert response.headers["HX-Redirect" if is_htmx else "Location"] == "/"
