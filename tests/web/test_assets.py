"""Static files: marked by content, kept for a year, compressed."""

import gzip
import re

from flask import Flask

from tests.conftest import Person
from webapp.core.paths import STATIC
from webapp.web.assets import asset


def test_an_address_carries_a_mark_of_the_content(app: Flask) -> None:
    with app.test_request_context():
        first = asset("js/app.js")
        assert re.fullmatch(r"/static/js/app\.js\?v=[0-9a-f]{10}", first)
        assert asset("js/app.js") == first
        assert asset("css/app.css").partition("?v=")[2] != first.partition("?v=")[2]


def test_marked_files_are_kept_for_a_year_and_others_asked_for_again(visitor: Person) -> None:
    marked, bare = visitor.get("/static/js/app.js?v=0123456789"), visitor.get("/static/js/app.js")
    assert marked.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert bare.headers["Cache-Control"] == "no-cache"
    again = visitor.get("/static/js/app.js", headers={"If-None-Match": bare.headers["ETag"]})
    assert again.status_code == 304
    for response in (marked, bare, again):
        response.close()


def test_a_file_that_caches_keep_for_everybody_carries_no_cookie(owner: Person) -> None:
    assert "Set-Cookie" in owner.get("/settings").headers
    response = owner.get("/static/js/app.js?v=0123456789")
    assert "Set-Cookie" not in response.headers
    response.close()


def test_every_file_that_a_page_names_is_there_and_marked(owner: Person) -> None:
    named = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', owner.get("/").text))
    assert len(named) >= 6
    for address in named:
        response = owner.get(address)
        assert response.status_code == 200, address
        assert "?v=" in address
        response.close()


def test_static_files_and_pages_travel_compressed_to_those_who_can(owner: Person) -> None:
    for address in ("/static/css/app.css", "/providers"):
        plain = owner.client.get(address)
        packed = owner.client.get(address, headers={"Accept-Encoding": "br, gzip;q=0.8"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        assert _steady(gzip.decompress(packed.data).decode()) == _steady(plain.text)
        plain.close()
    assert gzip.decompress(packed.data).startswith(b"<!doctype html>")


def test_who_refuses_gzip_gets_none(owner: Person) -> None:
    response = owner.client.get("/static/css/app.css", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in response.headers
    assert response.data == (STATIC / "css" / "app.css").read_bytes()
    response.close()


def test_a_part_of_a_file_is_the_part_that_was_asked_for(visitor: Person) -> None:
    response = visitor.client.get("/static/css/app.css", headers={"Range": "bytes=0-9", "Accept-Encoding": "gzip"})
    assert response.data == (STATIC / "css" / "app.css").read_bytes()[:10]
    response.close()


def test_what_is_small_already_is_left_alone(visitor: Person) -> None:
    response = visitor.client.get("/healthz", headers={"Accept-Encoding": "gzip"})
    assert response.json
    assert "Content-Encoding" not in response.headers


def _steady(text: str) -> str:
    """Without the token, which is signed anew with the time."""
    return re.sub(r'(csrf_token" value=|"X-CSRFToken": )"[^"]+"', "", text)
