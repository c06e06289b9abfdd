"""Signing in and out."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import PASSWORD, Person
from webapp.accounts import user
from webapp.accounts.session import SEEN_EVERY, SignInSession
from webapp.accounts.throttle import FailedSignIn
from webapp.accounts.user import User
from webapp.core import clock
from webapp.core.config import Settings
from webapp.core.database import reading, writing

WRONG = "wrong wrong wrong"


def cookie(person: Person) -> str:
    found = person.client.get_cookie("jackfield")
    assert found
    return found.value


def is_signed_in(person: Person) -> bool:
    return person.get("/settings").status_code == 200


def attempt(app: Flask, email: str, password: str, **headers: str) -> int:
    """Sign in with a browser of its own; return the status."""
    somebody = Person(app.test_client())
    somebody.get("/login")
    return somebody.post("/login", {"email": email, "password": password}, headers=headers).status_code


def test_a_wrong_password_is_refused_and_says_how_many_tries_are_left(visitor: Person) -> None:
    visitor.get("/login")
    response = visitor.post("/login", {"email": "owner", "password": WRONG})
    assert response.status_code == 422
    assert "4 tries left" in response.text


def test_five_wrong_passwords_cost_a_pause_even_for_the_right_one(visitor: Person) -> None:
    visitor.get("/login")
    for _ in range(5):
        visitor.post("/login", {"email": "owner", "password": WRONG})
    response = visitor.post("/login", {"email": "owner", "password": PASSWORD})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) in range(1, 62)


def test_many_wrong_passwords_at_once_are_not_taken_for_one(app: Flask) -> None:
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: attempt(app, "owner", WRONG), range(12)))
    assert sorted(found) == [422] * 5 + [429] * 7


def test_a_right_password_wipes_the_slate(app: Flask) -> None:
    for _ in range(3):
        found = [attempt(app, "owner", password) for password in (WRONG, WRONG, WRONG, WRONG, PASSWORD)]
        assert found == [422, 422, 422, 422, 303]


def test_an_account_under_attack_from_elsewhere_stays_open_to_its_owner(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    app = make_app(replace(settings, proxy_hops=1))
    for number in range(20):
        attempt(app, "owner", WRONG, **{"X-Forwarded-For": f"203.0.113.{number}"})
    assert attempt(app, "owner", PASSWORD, **{"X-Forwarded-For": "198.51.100.7"}) == 303


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"])
def test_an_invented_address_does_not_evade_the_pause(app: Flask, header: str) -> None:
    found = [attempt(app, "owner", WRONG, **{header: f"for=203.0.113.{number}"}) for number in range(6)]
    assert found == [422] * 5 + [429]


def test_behind_one_proxy_only_the_address_that_it_wrote_counts(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    app = make_app(replace(settings, proxy_hops=1))
    found = [
        attempt(app, "owner", WRONG, **{"X-Forwarded-For": f"10.9.8.{number}, 203.0.113.5"}) for number in range(6)
    ]
    assert found == [422] * 5 + [429]


def test_known_and_unknown_names_get_the_same_answer(app: Flask) -> None:
    answers = []
    for name in ("owner", "nobody"):
        somebody = Person(app.test_client())
        somebody.get("/login")
        response = somebody.post("/login", {"email": name, "password": WRONG})
        answers.append((response.status_code, response.text.replace(name, "NAME").replace(somebody.csrf, "")))
    assert answers[0] == answers[1]


def test_an_unknown_name_costs_a_whole_hash_too(app: Flask) -> None:
    def median(found: User | None) -> float:
        times = []
        for _ in range(9):
            began = time.thread_time()
            assert not user.password_matches(found, WRONG)
            times.append(time.thread_time() - began)
        return statistics.median(times)

    with app.app_context(), reading() as session:
        owner = session.scalar(select(User).filter_by(email="owner"))
        assert owner
        # Both derive one key with the same figures; a dummy that does not parse would cost a hundredth.
        assert 0.5 < median(None) / median(owner) < 2


def test_a_huge_password_is_refused_before_it_is_hashed(visitor: Person) -> None:
    visitor.get("/login")
    with user._hashing, user._hashing:  # nobody can hash meanwhile
        response = visitor.post("/login", {"email": "owner", "password": "x" * 1_000_000})
    assert response.status_code == 422


def test_hashing_keeps_no_writer_waiting(app: Flask) -> None:
    with ThreadPoolExecutor(1) as pool:
        with user._hashing, user._hashing:
            answer = pool.submit(attempt, app, "owner", PASSWORD)
            with app.app_context():
                while not _tries():
                    assert not answer.done()
                began = time.monotonic()
                with writing() as session:
                    session.query(User).filter_by(email="stranger").update({"name": "Other"})
                assert time.monotonic() - began < 2
            assert not answer.done()
        assert answer.result() == 303


def test_the_name_is_compared_without_case_and_width(app: Flask) -> None:
    assert attempt(app, "  OWNER ", PASSWORD) == 303
    assert attempt(app, "ｏｗｎｅｒ", PASSWORD) == 303


def test_signing_in_changes_the_session_and_ends_the_old_one(app: Flask, owner: Person) -> None:
    before = cookie(owner)
    owner.get("/settings")
    owner.post("/login", {"email": "owner", "password": PASSWORD})
    thief = Person(app.test_client())
    thief.client.set_cookie("jackfield", before)
    assert not is_signed_in(thief)
    assert is_signed_in(owner)


def test_a_session_planted_before_signing_in_is_worth_nothing_after(app: Flask, visitor: Person) -> None:
    visitor.get("/login")
    planted = cookie(visitor)
    visitor.post("/login", {"email": "owner", "password": PASSWORD})
    thief = Person(app.test_client())
    thief.client.set_cookie("jackfield", planted)
    assert not is_signed_in(thief)


def test_signing_out_ends_the_session_on_the_server(owner: Person) -> None:
    before = cookie(owner)
    owner.post("/logout")
    owner.client.set_cookie("jackfield", before)
    assert owner.get("/").headers["Location"].startswith("/login")


def test_a_disabled_user_is_out_at_once_and_stays_out(app: Flask, owner: Person) -> None:
    with app.app_context(), writing() as session:
        session.query(User).filter_by(email="owner").update({"is_disabled": True})
    assert not is_signed_in(owner)
    assert attempt(app, "owner", PASSWORD) == 422


def test_a_session_that_nobody_used_for_two_weeks_is_over(app: Flask, owner: Person) -> None:
    with app.app_context(), writing() as session:
        session.query(SignInSession).update({"seen_at": clock.now() - SEEN_EVERY * 5000})
    assert not is_signed_in(owner)


def test_writing_after_a_long_pause_works_and_notes_the_use(app: Flask, owner: Person) -> None:
    owner.get("/settings")
    long_ago = clock.now() - SEEN_EVERY * 3
    with app.app_context(), writing() as session:
        session.query(SignInSession).update({"seen_at": long_ago})
    began = time.monotonic()
    assert owner.post("/settings/look", {"language": "en", "theme": "dark"}).status_code == 303
    assert time.monotonic() - began < 3
    with app.app_context(), reading() as session:
        seen = session.scalar(select(SignInSession.seen_at).filter_by(user_id=owner.user_id))
    assert seen
    assert seen > long_ago


@pytest.mark.parametrize(
    "header", ["X-User", "X-Forwarded-User", "Remote-User", "X-Remote-User", "X-Auth-Request-User"]
)
def test_a_forged_user_header_is_ignored(visitor: Person, header: str) -> None:
    assert visitor.get("/settings", headers={header: "admin"}).status_code == 303


@pytest.mark.parametrize("value", ["", "x", "e30.x.y", "a" * 3000, ".eJw.."])
def test_a_forged_cookie_is_nobody(visitor: Person, value: str) -> None:
    visitor.client.set_cookie("jackfield", value)
    assert not is_signed_in(visitor)


@pytest.mark.parametrize("email", ["\x00", "a" * 201, ""])
def test_a_name_that_nobody_can_have_is_refused(visitor: Person, email: str) -> None:
    visitor.get("/login")
    assert visitor.post("/login", {"email": email, "password": PASSWORD}).status_code == 422


def _tries() -> int:
    with reading() as session:
        return session.query(FailedSignIn).count()
