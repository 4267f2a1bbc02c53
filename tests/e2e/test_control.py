"""The control socket of a running server: `wait` answers for what is on the disk now."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from devserver.control import client, protocol, sockets
from devserver.control.protocol import Reply, Request, Status, Verdict
from tests.harness import Client, DevServer, answering, eventually, serving


def ask(server: DevServer, request: Request) -> list[Reply]:
    """Ask a server of which a Worker has started, at least: its socket is there."""
    (found,) = own(server)
    return list(client.ask(found, request, 30))


def own(server: DevServer) -> list[sockets.Found]:
    return [found for found in sockets.of_project(str(server.folder)) if found.pid == server.process.pid]


def wait(server: DevServer, timeout_s: float = 30) -> Verdict:
    (verdict,) = ask(server, protocol.AskWait(timeout_s=timeout_s))
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize("options", [(), ("--poll",)], ids=["inotify", "polling"])
def test_wait_answers_for_the_save_before_it_fifty_times(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Each save is followed at once by the question: the answer is never that of the code before."""
    with serving(tmp_path, *options, text=answering("zero")) as server:
        server.wait("ready")
        for number in range(50):
            text = answering(f"text {number}")
            if number % 10 == 9:
                server.save(text + "def broken(:\n")
                verdict = wait(server)
                assert verdict.state == "not-live", (verdict, time.time(), server.wait("refused"))
                assert [failure.type for failure in verdict.failures] == ["SyntaxError"]
                assert "NOT LIVE  handlers.py:6 SyntaxError" in verdict.headline
                assert "still running the code of" in verdict.headline
            server.save(text)
            verdict = wait(server)
            assert verdict.state == "live", verdict
            connection = Client(server.port)
            assert connection.ask("what runs?") == f"text {number} what runs?"
            connection.close()
            server.wait("live", generation=verdict.generation)
            assert verdict.generation == server.past("live")[-1]["generation"]  # nothing newer was needed


def test_wait_holds_until_a_slow_start_is_over(tmp_path: Path) -> None:
    """Asked while the first code still imports, it answers once that is live; in time or not, in words."""
    os.mkfifo(tmp_path / "gate")
    with serving(tmp_path, text="open('gate').read()\n" + answering("one")) as server:
        server.wait("worker-started")
        verdict = wait(server, timeout_s=0.1)
        assert (verdict.state, verdict.headline) == ("starting", "STARTING  handlers.py")
        with open(tmp_path / "gate", "w"):
            pass
        assert wait(server).state == "live"


def test_wait_reports_the_whole_error_of_a_first_start_that_fails(tmp_path: Path) -> None:
    """Nothing runs yet, and the answer gives the reason."""
    with serving(tmp_path, text="import no_such_thing\n") as server:
        server.wait("worker-started")
        verdict = wait(server)
        assert (verdict.state, verdict.generation) == ("not-live", 0)
        assert verdict.failures[0].message.startswith("No module named 'no_such_thing'")
        assert verdict.headline.endswith("nothing runs until it is fixed")
        server.save(answering("good"))
        assert wait(server).state == "live"


def test_a_broken_file_that_nothing_imports_is_a_warning(tmp_path: Path) -> None:
    """The code is live; the warning about that file is reported all the same."""
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("ready")
        server.save("def broken(:\n", "scratch.py")
        verdict = wait(server)
        assert verdict.state == "live"
        assert verdict.warnings == ("scratch.py:1 SyntaxError: invalid syntax (nothing imports this file)",)


def test_reload_answers_for_the_code_that_it_started(tmp_path: Path) -> None:
    """Nothing was saved: it is a generation of its own, live when the answer comes."""
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("ready")
        (verdict,) = ask(server, protocol.AskReload(timeout_s=30))
        assert isinstance(verdict, Verdict)
        assert (verdict.state, verdict.generation) == ("live", 2)
        server.save("import no_such_thing\n" + answering("two"))
        (verdict,) = ask(server, protocol.AskReload(timeout_s=30))
        assert isinstance(verdict, Verdict)
        assert (verdict.state, verdict.generation) == ("not-live", 2)


def test_stop_stops_gently_and_the_connection_lasts_until_the_end(tmp_path: Path) -> None:
    """Its end is the server's end: nothing is left, not even the socket."""
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("ready")
        (found,) = own(server)
        assert ask(server, protocol.AskStop()) == [protocol.End(note="stopping")]
        assert server.process.wait(30) == 0
        server.all_gone()
        assert server.past("stopping") == [server.wait("stopping", reason="requested by devserver stop")]
        assert not os.path.exists(found.path)


def test_status_names_processes_urls_and_the_file_that_is_printed_to(tmp_path: Path) -> None:
    """All that a command or an agent needs to go on."""
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("rolled")
        (status,) = ask(server, protocol.AskStatus())
        assert isinstance(status, Status)
        assert (status.pid, status.target, status.root) == (server.process.pid, "handlers.py", str(tmp_path))
        assert {worker.pid for worker in status.workers if worker.state == "ready"} == set(
            server.workers().values()
        )
        assert status.code.state == "live"
        assert status.started_at < time.time()


def test_a_killed_server_s_socket_is_removed_by_the_next_one(
    tmp_path: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale socket is no server, and does not stay."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_path))  # servers of other tests would remove it as well
    with serving(tmp_path, text=answering("one")) as server:
        server.wait("ready")
        (found,) = own(server)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    assert os.path.exists(found.path)
    with serving(tmp_path) as server:
        server.wait("ready")
        eventually("the stale socket is gone", lambda: not os.path.exists(found.path))


def test_a_second_server_shows_where_the_first_one_is(tmp_path: Path) -> None:
    """Both run: the second one names target, address and process of the first."""
    with serving(tmp_path, text=answering("one")) as first:
        first.wait("ready")
        with serving(tmp_path) as second:
            notice = second.wait("notice", level="info")
            assert notice["text"].startswith("devserver runs handlers.py already")
            assert f"(pid {first.process.pid}, since" in notice["text"]
            assert notice["text"].endswith("this one runs beside it")
            assert wait(second).state == wait(first).state == "live"
