"""What a client reads while no good code is there, and when a request came to nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.common.failure import Failure, Frame, Place
from devserver.master.http.pages import answers as page
from devserver.master.http.pages.answers import LIVE_PATH, Answer, Refusal

BROWSER = b"text/html,application/xhtml+xml,*/*;q=0.8"
JSON = b"application/json"
CURL = b"*/*"

SOURCE = 'import os\n\ntotal = sum(x for x in "<b>"\nprint(total)'
TYPO = Failure(
    "check", "SyntaxError", "'(' was never closed", Place("/app/shop/orders.py", 7, 12, 13, SOURCE, 5)
)
CRASH = Failure(
    "import",
    "LookupError",
    "no rate for <script>alert(1)</script>\nknown: eur",
    Place("/app/shop/price.py", 2, excerpt="def price():\n\traise LookupError(name) from error", first=1),
    (
        Frame("/app/main.py", 3, "<module>", "from shop import price"),
        Frame("/app/.venv/lib/site-packages/lib.py", 9, "call", "return f()"),
        Frame("/app/shop/price.py", 2, "price", "raise LookupError(name) from error"),
    ),
    Failure("import", "KeyError", "'usd'", None, (Frame("/app/rates.py", 5, "rate", "return RATES[name]"),)),
)


def unavailable(accept: bytes, *failures: Failure, local: bool = True) -> Answer:
    return page.unavailable(failures, page.Asker(accept, local), root="/app")


def text(answer: Answer) -> str:
    return answer.body.decode()


class Reader(HTMLParser):
    """What a browser makes of a page: its words, its elements, what is marked, and whether all is closed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.words = ""
        self.marked = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text(answer))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words += data
        if "mark" in self.open:
            self.marked += data


def test_a_browser_is_shown_the_line_at_fault() -> None:
    """The page names the file as seen from the project, and shows its source with the fault marked."""
    answer = unavailable(BROWSER, TYPO)
    assert answer.status == 503
    shown = Reader(answer)
    assert shown.open == []
    assert "shop/orders.py does not compile" in shown.words
    assert "SyntaxError: '(' was never closed" in shown.words
    assert "shop/orders.py:7:12" in shown.words
    assert "/app/" not in shown.words
    assert 'total = sum(x for x in "<b>"' in shown.words
    assert shown.marked == "("
    assert [attrs["data-number"] for _, attrs in shown.tags if attrs.get("class") == "row fault"] == ["7"]


def test_a_browser_is_shown_the_traceback_and_the_causes() -> None:
    """Every frame with its source, the author's own apart from packages, and what came first."""
    shown = Reader(unavailable(BROWSER, CRASH, TYPO))
    for words in (
        "main.py:3 in <module>",
        "from shop import price",
        "known: eur",
        "caused by",
        "KeyError: 'usd'",
    ):
        assert words in shown.words
    assert "return RATES[name]" in shown.words
    assert "shop/orders.py:7:12" in shown.words
    assert [attrs["class"] for tag, attrs in shown.tags if tag == "li"] == ["own", "far", "own", "own"]


def test_nothing_of_the_app_is_markup() -> None:
    """A message that holds a script is read, not run; the policy would stop it too."""
    answer = unavailable(BROWSER, CRASH)
    shown = Reader(answer)
    assert "<script>alert(1)</script>" in shown.words
    assert [tag for tag, _ in shown.tags].count("script") == 1
    assert not any("src" in attrs or "href" in attrs or "style" in attrs for _, attrs in shown.tags)


@given(st.text(), st.text(), st.integers(0, 60), st.integers(0, 60))
def test_whatever_the_app_wrote_makes_a_page(message: str, source: str, column: int, end: int) -> None:
    """Any message, source and column give a page that is whole, a text and JSON."""
    failure = Failure(
        "import", "E", message, Place("/app/a.py", 1, column, end, source), (Frame("/app/a", 1, "f"),)
    )
    assert Reader(unavailable(BROWSER, failure)).open == []
    assert json.loads(unavailable(JSON, failure).body)["line"] == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text(unavailable(CURL, failure)))


def test_lone_surrogates_do_not_keep_a_failure_from_being_shown() -> None:
    """An undecodable file name in a message is shown escaped or replaced, in each form."""
    failure = Failure("import", "E", "no \udcff", Place("/app/\udcff.py", 1, excerpt="\udcff"))
    for accept in (BROWSER, JSON, CURL):
        assert b"E: no" in re.sub(rb"<[^>]*>", b"", unavailable(accept, failure).body)


def test_the_policy_allows_the_pages_own_script_and_style_alone() -> None:
    """The browser runs what stands in the page, and loads nothing."""
    for answer in (unavailable(BROWSER, TYPO), page.gone("x", BROWSER)):
        policy = dict(answer.headers)[b"content-security-policy"].decode()
        assert policy.startswith("default-src 'none';")
        for kind in ("script", "style"):
            for inline in re.findall(f"<{kind}>(.*?)</{kind}>", text(answer), re.S):
                digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
                assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_page_asks_for_the_fix() -> None:
    """It waits at LIVE_PATH with what it shows; other failures are distinguished, also without scripts."""
    answer = unavailable(BROWSER, TYPO)
    assert f'fetch("{LIVE_PATH}?seen="' in text(answer)
    assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in text(answer)
    seen = Reader(answer).tags[0][1]["data-seen"]
    assert seen == page.fingerprint((TYPO,)) != page.fingerprint((CRASH,))
    remote = unavailable(BROWSER, TYPO, local=False)
    assert Reader(remote).tags[0][1]["data-seen"] == seen


def test_a_program_reads_where_the_fault_is() -> None:
    """Tools and agents get file, line, column and the traceback as JSON."""
    answer = unavailable(JSON, TYPO, CRASH)
    found: dict[str, Any] = json.loads(answer.body)
    assert answer.status == 503
    assert {key: found[key] for key in ("file", "line", "column", "type", "message")} == {
        "file": "shop/orders.py",
        "line": 7,
        "column": 12,
        "type": "SyntaxError",
        "message": "'(' was never closed",
    }
    assert "shop/orders.py:7:12: SyntaxError" in found["error"]
    first, second = found["failures"]
    assert first["phase"] == "check"
    assert second["column"] is None
    assert second["traceback"].startswith(
        "LookupError: no rate for <script>alert(1)</script> …\n  shop/price.py:2"
    )


def test_curl_reads_the_line_at_fault_with_its_caret() -> None:
    """Plain text shows the same as the page."""
    answer = unavailable(CURL, TYPO, CRASH)
    assert "SyntaxError: '(' was never closed" in text(answer)
    assert '> 7 | total = sum(x for x in "<b>"\n      |            ^\n' in text(answer)
    assert text(answer).index("KeyError: 'usd'") > text(answer).index("LookupError: no rate for <script>")


@pytest.mark.parametrize("accept", [BROWSER, JSON, CURL])
def test_another_machine_learns_nothing_of_the_code(accept: bytes) -> None:
    """A client in the network reads one sentence: no path, no source, no message."""
    answer = unavailable(accept, CRASH, TYPO, local=False)
    assert answer.status == 503
    assert "The app is not running" in text(answer)
    for secret in ("shop", "rate", "Error", "was never", "Traceback", "/app"):
        assert secret not in text(answer)


@pytest.mark.parametrize("accept", [BROWSER, JSON, CURL])
def test_an_app_that_has_not_started_yet_is_reported(accept: bytes) -> None:
    """Without a failure there is nothing to show but that."""
    assert "The app is not running yet." in text(unavailable(accept))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (BROWSER, b"text/html; charset=utf-8"),
        (JSON, b"application/json"),
        (CURL, b"text/plain; charset=utf-8"),
    ],
)
def test_every_answer_is_whole_and_is_not_kept(accept: bytes, kind: bytes) -> None:
    """No cache stores it, no browser guesses its type, and the client learns when to come again."""
    answers = [
        (unavailable(accept, TYPO), 503, b"1"),
        (page.busy("10,000 requests wait already.", accept), 503, b"1"),
        (page.gone("The worker died.", accept), 502, None),
        (page.handlers_only(accept), 404, None),
    ]
    for answer, status, again in answers:
        headers = dict(answer.headers)
        assert answer.status == status
        assert headers.get(b"retry-after") == again
        assert headers[b"content-type"] == kind
        assert headers[b"content-length"] == b"%d" % len(answer.body)
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert all(name == name.lower() for name, _ in answer.headers)


def test_a_lost_request_gets_its_reason_and_does_not_run_again_by_itself() -> None:
    """The page of a Worker's death stays, for a reload would run the same request once more."""
    reason = "the worker that ran this request died (SIGKILL)"
    assert text(page.gone(reason, CURL)) == f"devserver: {reason}\n"
    assert json.loads(page.gone(reason, JSON).body) == {"error": reason}
    shown = Reader(page.gone(reason, BROWSER))
    assert reason in shown.words
    assert not {"script", "noscript"} & {tag for tag, _ in shown.tags}


def test_a_refusal_is_plain_text() -> None:
    """Who was refused gets one sentence and no page."""
    answer = page.refused(Refusal(403, "The host evil.com is not allowed."))
    assert answer.status == 403
    assert text(answer) == "devserver: The host evil.com is not allowed.\n"
    assert dict(answer.headers)[b"content-type"].startswith(b"text/plain")


def test_handlers_without_an_app_say_what_to_do() -> None:
    """A browser that opens a module of handlers reads how it could be served."""
    assert "define app (ASGI or WSGI), or put an index.html beside it" in text(page.handlers_only(CURL))


def test_the_place_is_a_link_that_opens_the_editor() -> None:
    """In the page; and the row at fault is spoken to who does not see it."""
    asker = page.Asker(BROWSER, local=True)
    shown = page.unavailable((TYPO,), asker, root="/app", editor="vscode://file{path}:{line}:{column}")
    assert re.search(rb'<a href="vscode://file/app/[^"]+:\d+:\d+">', shown.body)
    assert re.search(rb'class="heard">line \d+, at fault', shown.body)
    assert b"<a " not in page.unavailable((TYPO,), asker, root="/app").body
