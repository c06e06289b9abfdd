"""Behind nginx with the configuration that we ship: streams, sign-in, addresses and limits."""

import getpass
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import self_signed
from tests.conftest import PASSWORD
from tests.far_end import FarEnd
from tests.real.processes import lack, running
from tests.real.visitor import Visitor
from tests.serving import ROOT, Server, free_port

NAME = "chat.example.com"
# What a distribution's nginx.conf has around the server block, without root's folders.
AROUND = """
pid {folder}/nginx.pid;
user {user};
daemon off;
master_process off;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/jackfield.conf;
}}
"""
PACE, CHUNKS = 0.1, 20


@dataclass
class Site:
    """Jackfield behind nginx."""

    http: str
    https: str
    server: Server

    def visitor(self, address: str | None = None, **headers: str) -> Visitor:
        return Visitor(self.https, address=address, Host=NAME, **headers)


@pytest.fixture
def site(serve: Callable[..., Server], data_dir: Path, tmp_path: Path) -> Iterator[Site]:
    if not shutil.which("nginx"):
        lack("nginx is not installed")
    server = serve(data_dir, JACKFIELD_PROXY_HOPS="1", JACKFIELD_TRUSTED_HOSTS=NAME)
    plain, tls = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    certificate = self_signed(tmp_path)
    shipped = (ROOT / "deploy/nginx.conf").read_text()
    for ours, tests in {
        "127.0.0.1:8000": server.url.removeprefix("http://"),
        "listen 80;": f"listen {plain};",
        "listen [::]:80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ": f"listen {tls} ",
        "listen [::]:443 ": f"listen 127.0.0.1:{free_port()} ",
        "/etc/letsencrypt/live/chat.example.com/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/chat.example.com/privkey.pem": str(certificate),
    }.items():
        assert shipped.count(ours) == 1, ours
        shipped = shipped.replace(ours, tests)
    (tmp_path / "jackfield.conf").write_text(shipped)
    (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, user=getpass.getuser()))
    command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with running(command, tmp_path / "nginx.log", answers=f"https://{tls}", seconds=10):
        yield Site(f"http://{plain}", f"https://{tls}", server)


def test_an_answer_arrives_word_by_word(site: Site, far_end: FarEnd) -> None:
    far_end.pace, far_end.text = PACE, "word " * CHUNKS
    with site.visitor() as visitor:
        visitor.sign_in()
        model = visitor.add_model(visitor.add_provider(far_end.base_url), "ok")
        page = visitor.ask("Say many words", model)
        moments = [moment for moment, line in visitor.events(page) if "word" in line]
        answer = visitor.get(page).text
    assert far_end.text.strip() in answer
    gaps = [after - before for before, after in itertools.pairwise([0.0, *moments])]
    assert moments[-1] > PACE * CHUNKS / 2
    assert sum(gap > PACE / 2 for gap in gaps) > CHUNKS / 2
    assert max(gaps) < moments[-1] / 3


def test_plain_http_is_sent_to_https(site: Site) -> None:
    with Visitor(site.http, Host=NAME) as visitor:
        response = visitor.get("/login?next=/settings")
    assert (response.status_code, response.headers["Location"]) == (301, f"https://{NAME}/login?next=/settings")


def test_signing_in_works_and_the_cookie_is_for_https_alone(site: Site) -> None:
    with site.visitor() as visitor:
        visitor.sign_in()
        assert visitor.post("/logout").headers["Location"] == "/login"
        assert visitor.get("/settings").headers["Location"] == "/login?next=/settings"
        response = visitor.sign_in()
        assert (response.status_code, response.headers["Location"]) == (303, "/")
        parts = response.headers["Set-Cookie"].split("; ")
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(parts)
        assert visitor.get("/").headers["Strict-Transport-Security"]
        assert visitor.http.post("/logout", headers={"X-CSRFToken": "forged"}).status_code == 400
        assert visitor.get("/settings").status_code == 200


def test_a_forged_address_is_not_believed(site: Site) -> None:
    with site.visitor("127.0.0.2", X_Forwarded_For="203.0.113.9", X_Real_IP="203.0.113.9") as visitor:
        visitor.sign_in()
        page = visitor.get("/settings").text
    assert "127.0.0.2" in page
    assert "203.0.113.9" not in page


def test_new_forged_addresses_do_not_buy_new_tries(site: Site) -> None:
    for number in range(5):
        with site.visitor(X_Forwarded_For=f"203.0.113.{number}") as guesser:
            assert guesser.sign_in("wrong wrong wrong").status_code == 422
    with site.visitor(X_Forwarded_For="203.0.113.9") as guesser:
        assert guesser.sign_in(PASSWORD).status_code == 429
    with site.visitor("127.0.0.2") as owner:
        assert owner.sign_in(PASSWORD).status_code == 303


def test_a_forged_host_is_not_believed(site: Site) -> None:
    with site.visitor(X_Forwarded_Host="evil.example", X_Forwarded_Proto="http") as visitor:
        response = visitor.get("/login")
    assert response.status_code == 200
    assert "Secure" in response.headers["Set-Cookie"]
    with Visitor(site.https, Host="evil.example") as visitor:
        assert visitor.get("/login").status_code == 400


@pytest.mark.parametrize(
    ("size", "words"), [(8_100_000, "At most 8 MB fit into one request."), (9_000_000, "Request Entity Too Large")]
)
def test_more_than_8_mb_are_refused_in_words(site: Site, size: int, words: str) -> None:
    with site.visitor() as visitor:
        visitor.sign_in()
        response = visitor.post("/chat", text="x" * size)
    assert response.status_code == 413
    assert words in response.text
