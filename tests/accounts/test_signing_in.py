"""Signing in and out."""

from tests.conftest import PASSWORD, Person


def test_a_wrong_password_is_refused_and_says_how_many_tries_are_left(visitor: Person) -> None:
    visitor.get("/login")
    response = visitor.post("/login", {"email": "owner", "password": "wrong wrong wrong"})
    assert response.status_code == 422
    assert "4 tries left" in response.text


def test_five_wrong_passwords_cost_a_pause_even_for_the_right_one(visitor: Person) -> None:
    visitor.get("/login")
    for _ in range(5):
        visitor.post("/login", {"email": "owner", "password": "wrong wrong wrong"})
    response = visitor.post("/login", {"email": "owner", "password": PASSWORD})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) in range(1, 62)


def test_signing_out_ends_the_session_on_the_server(owner: Person) -> None:
    cookie = owner.client.get_cookie("jackfield")
    owner.post("/logout")
    assert cookie
    owner.client.set_cookie("jackfield", cookie.value)
    assert owner.get("/").headers["Location"].startswith("/login")
