"""What a page may load and do is said with every answer, and templates hold nothing that would fail under it."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from countersign.web.content_security import POLICY
from countersign.web.pages.static_files import address_of, static_files
from tests.web.conftest import House
from tests.web.pages.conftest import reader

TEMPLATES = sorted(Path(str(files("countersign.web.pages").joinpath("templates"))).rglob("*.html"))
SILENT = {
    # htmx evaluates these, which the policy forbids: nothing would happen, and nobody would be told.
    "htmx code": re.compile(r"""hx-on|hx-live|hx-vals\s*=\s*["']js:|hx-vars"""),
    "a filtered trigger": re.compile(r"""hx-trigger\s*=\s*["'][^"']*\["""),
    "an inline handler": re.compile(r"""\son[a-z]+\s*="""),
    "an inline style": re.compile(r"""\sstyle\s*=|<style"""),
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)"),
    "another origin": re.compile(r"""(?:src|href|action)\s*=\s*["'](?:https?:)?//"""),
    "escaping switched off": re.compile(r"\|\s*safe|autoescape\s+false"),
}


def test_the_policy_lets_in_nothing_but_what_pages_are_made_of() -> None:
    assert POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_template_has_nothing_that_fails_silently(template: Path) -> None:
    text = template.read_text()
    assert [name for name, pattern in SILENT.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", ["/", "/approvals", "/approvals/00000000", "/kill-switch"])
def test_every_page_says_so_its_errors_too(house: House, path: str) -> None:
    answer = reader(house, "victor").browser.client.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"


def test_files_are_kept_for_good_under_the_hash_of_their_content(house: House) -> None:
    client = house.client()
    for name in static_files():
        answer = client.get(address_of(name))
        assert (answer.status_code, answer.headers["content-security-policy"]) == (200, POLICY)
        assert "immutable" in answer.headers["cache-control"]
        assert client.get(f"/static/0000000000000000/{name}").status_code == 404
    assert client.get("/static/0000000000000000/../app.py").status_code == 404


def test_files_are_sent_compressed_to_those_who_read_that(house: House) -> None:
    client = house.client()
    for name, found in static_files().items():
        plain = client.get(address_of(name), headers={"Accept-Encoding": "identity"})
        short = client.get(address_of(name), headers={"Accept-Encoding": "gzip, deflate, br"})
        assert plain.content == short.content == found.content  # the client unpacks it
        assert "content-encoding" not in plain.headers
        assert short.headers["content-encoding"] == "gzip"
        assert int(short.headers["content-length"]) < int(plain.headers["content-length"])
        assert plain.headers["vary"] == short.headers["vary"] == "Accept-Encoding"


def test_a_page_is_not_compressed(house: House) -> None:
    # Its length would tell of the session's token what somebody else's words are compared with.
    answer = reader(house, "victor").browser.client.get("/approvals", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
