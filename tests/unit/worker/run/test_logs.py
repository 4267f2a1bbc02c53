"""The loggers that apps expect of uvicorn: their names, levels and lines."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
from uvicorn.logging import AccessFormatter, DefaultFormatter

from devserver.ipc.messages import Scope
from devserver.worker.run import logs
from devserver.worker.run.logs import Formatter, Log
from tests.fakes.asgi_streams import KeptRecords, a_scope

NAMES = ("uvicorn", "uvicorn.error", "uvicorn.access")


class Terminal(io.StringIO):
    """An output in colour."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Leave the loggers as they were."""
    found = [logging.getLogger(name) for name in NAMES]
    before = [(one.handlers[:], one.filters[:], one.level, one.propagate) for one in found]
    yield
    for logger, (handlers, filters, level, propagate) in zip(found, before, strict=True):
        logger.handlers[:], logger.filters[:], logger.propagate = handlers, filters, propagate
        logger.setLevel(level)


def log(access_log: bool = True) -> Log:
    """Return what the streams say with, as uvicorn's loggers are before the app changes them."""
    logs.set_up(access_log)
    logging.getLogger("uvicorn.error").handlers.clear()
    logging.getLogger("uvicorn.error").propagate = True
    return Log()


def access(found: Log, scope: Scope, status: int) -> None:
    assert found.access is not None
    found.access(scope, status)


@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize("status", [101, 200, 204, 307, 404, 418, 500, 599])
def test_an_access_line_is_uvicorns(status: int, coloured: bool) -> None:
    """Character by character, on a terminal and elsewhere."""
    arguments = ("127.0.0.1:5", "GET", "/p?a=1", "1.1", status)
    record = logging.LogRecord(
        "uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', arguments, None
    )
    pattern = '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s'
    theirs = AccessFormatter(pattern, use_colors=coloured).format(record)
    assert Formatter(coloured).format(record) == theirs


@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize(
    "level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]
)
def test_any_other_line_is_uvicorns(level: int, coloured: bool) -> None:
    """The level in front, in its colour."""
    record = logging.LogRecord("uvicorn.error", level, "", 0, "%s is up", ("it",), None)
    theirs = DefaultFormatter("%(levelprefix)s %(message)s", use_colors=coloured).format(record)
    assert Formatter(coloured).format(record) == theirs


def test_a_request_is_logged_with_its_client_path_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    """What does not belong into a URL is quoted."""
    found = log()
    access(found, a_scope(path="/grüße", query_string=b"a=1"), 201)
    access(found, a_scope(client=None), 404)
    assert capsys.readouterr().out.splitlines() == [
        'INFO:     127.0.0.1:50000 - "GET /gr%C3%BC%C3%9Fe?a=1 HTTP/1.1" 201 Created',
        'INFO:      - "GET /p HTTP/1.1" 404 Not Found',
    ]


def test_without_an_access_log_a_request_costs_nothing() -> None:
    """It would be lost, unless the app has a handler of its own."""
    assert log(access_log=False).access is None
    own = io.StringIO()
    logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler(own))
    found = Log()
    access(found, a_scope(), 200)
    assert "GET /p" in own.getvalue()


def test_a_filter_of_the_apps_sees_each_request(capsys: pytest.CaptureFixture[str]) -> None:
    """The usual way to keep health checks out of the log, by the five arguments."""
    found = log()

    def is_wanted(record: logging.LogRecord) -> bool:
        assert isinstance(record.args, tuple)
        return record.args[2] != "/health"

    logging.getLogger("uvicorn.access").addFilter(is_wanted)
    access(found, a_scope(path="/health"), 200)
    access(found, a_scope(path="/p"), 200)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_handshake_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one that newer code goes on with it was said before."""
    found = log()
    found.handshake(a_scope("websocket"), "[accepted]")
    found.handshake(a_scope("websocket", resumed=2), "[accepted]")
    assert capsys.readouterr().err == 'INFO:     127.0.0.1:50000 - "WebSocket /p" [accepted]\n'


def test_what_the_console_shows_is_not_printed_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """A handler of the app's has it all the same, with the exception."""
    found = log()
    own = KeptRecords()
    logging.getLogger("uvicorn.error").addHandler(own)
    error = ValueError("no")
    found.exception(error)
    found.error("ASGI callable returned without starting response.")
    assert capsys.readouterr().err == ""
    assert [record.levelname for record in own.kept] == ["ERROR", "ERROR"]
    assert own.kept[0].exc_info is not None
    assert own.kept[0].exc_info[1] is error


def test_what_the_app_logs_there_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Many apps log to uvicorn's loggers."""
    log()
    logging.getLogger("uvicorn").info("mine")
    logging.getLogger("uvicorn.error").warning("too")
    logging.getLogger("uvicorn.error").debug("not this")
    assert capsys.readouterr().err == "INFO:     mine\nWARNING:  too\n"


def test_what_a_reload_makes_the_app_raise_is_for_debugging_only(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed where the app asks for DEBUG."""
    found = log()
    found.aftermath(ValueError("no"))
    assert capsys.readouterr().err == ""
    logging.getLogger("uvicorn.error").setLevel(logging.DEBUG)
    found.aftermath(ValueError("no"))
    printed = capsys.readouterr().err
    assert "Exception in ASGI application after a reload" in printed
    assert "ValueError: no" in printed


def test_lines_are_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file gets plain text."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    log()
    logging.getLogger("uvicorn").info("up")
    assert terminal.getvalue() == "\x1b[32mINFO\x1b[0m:     up\n"
