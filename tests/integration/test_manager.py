"""The Manager as a process: real forks, signals, descriptors and terminals; the test plays the Master."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path

import pytest

from devserver.ipc.channel import Channel
from devserver.ipc.messages import (
    BootDone,
    BootFailed,
    Drop,
    FromWorker,
    ManagerNotice,
    Reload,
    ReloadAsked,
    Retire,
    RollDone,
    Stop,
    Target,
    ToWorker,
    WorkerForked,
    WorkerIdle,
)
from tests.integration.manager_rig import DEADLINE, REAL, Rig, wait_gone

HEAVY = {
    "rich",
    "watchdog",
    "click",
    "uvicorn",
    "devserver.config",
    "devserver.common.events",
    "devserver.cli.command",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def test_a_reload_from_the_first_boot_to_the_last_slot() -> None:
    """New code starts beside the old in each slot, and the old Workers leave."""
    with Rig() as rig:
        rig.configure(slots=2)
        rig.reload(1)
        first, _ = rig.started()
        rig.accept(first)
        second, _ = rig.started()
        rig.accept(second)
        assert rig.wait(RollDone).generation == 1
        assert [(one.worker, one.slot) for one in (first, second)] == [(1, 1), (2, 2)]

        rig.reload(2, base=1)
        third, facts = rig.started()
        assert (third.worker, third.slot, third.generation) == (3, 1, 2)
        assert facts["sources"] == {"app": "serve"}
        rig.accept(third)
        fourth, _ = rig.started()
        for old in (first, second):
            rig.send(WorkerIdle(old.worker))
            assert rig.wait(Retire).worker == old.worker
            rig.links[old.worker].send("exit", 0)
            assert rig.exited(old.worker).status == 0
        rig.accept(fourth)
        assert rig.wait(RollDone).generation == 2


def test_a_worker_is_born_with_what_is_its_own_and_nothing_else() -> None:
    """Own session, own group, default signals, three standard descriptors, its link and its stack file."""
    with Rig() as rig:
        rig.configure()
        rig.reload(1)
        worker, facts = rig.started()
        assert facts["pid"] == facts["session"] == facts["group"] == worker.pid
        assert (facts["worker"], facts["slot"], facts["generation"]) == (1, 1, 1)
        assert (facts["root"], facts["target"]) == ("/root-of-the-app", "app")
        assert facts["defaults"]
        assert facts["wakeup"] == -1
        assert not facts["tty"]
        files = {int(fd): path for fd, path in facts["fds"].items()}
        assert files.pop(0) == os.devnull
        del files[1], files[2]
        assert sorted(path.split(":")[0] for path in files.values()) == ["/memfd", "socket"]


def test_workers_do_not_share_their_random_numbers() -> None:
    """Two Workers that draw a session key draw different ones."""
    with Rig() as rig:
        rig.configure(slots=2)
        rig.reload(1)
        first, facts = rig.started()
        rig.accept(first)
        _, others = rig.started()
        assert facts["random"] != others["random"]


def test_later_workers_hold_no_descriptor_of_earlier_ones() -> None:
    """Else a link would stay open though its Worker has gone."""
    with Rig() as rig:
        rig.configure(slots=3)
        rig.reload(1)
        counts = []
        for _ in range(3):
            worker, facts = rig.started()
            counts.append(len(facts["fds"]))
            rig.accept(worker)
        assert len(set(counts)) == 1


def test_the_descriptors_are_lane_and_pidfd() -> None:
    """The Master talks to the Worker over the first, and sees and ends it by the second."""
    with Rig() as rig:
        worker = rig.serve()
        assert rig.links[worker.worker].ask("print") == "printed"
        info = Path(f"/proc/self/fdinfo/{rig.pidfds[worker.worker]}").read_text(encoding="utf-8")
        assert f"Pid:\t{worker.pid}\n" in info
        assert rig.terminals == {}


def test_a_terminal_of_its_own() -> None:
    """What the app prints keeps its colours, and Ctrl-C in it reaches this Worker only."""
    with Rig() as rig:
        rig.configure(terminal=True)
        rig.reload(1)
        worker, facts = rig.started()
        assert facts["tty"]
        link, terminal = rig.links[worker.worker], rig.terminals[worker.worker]
        assert link.ask("open /dev/tty") is True
        link.ask("print", "hello")
        assert _read_until(terminal, b"\n") == b"hello\r\n"
        assert link.ask("heed SIGINT") == "listening"
        os.write(terminal, b"\x03")
        assert link.ask("await SIGINT") == "interrupted"


def _read_until(fd: int, wanted: bytes) -> bytes:
    data = b""
    while wanted not in data:
        assert select.select([fd], [], [], DEADLINE)[0], f"only {data!r} came"
        data += os.read(fd, 4096)
    return data


def test_a_killed_worker_is_told_and_replaced() -> None:
    """kill -9 is reported as it was, and the next Worker runs the same code in the same slot."""
    with Rig() as rig:
        worker = rig.serve()
        os.kill(worker.pid, signal.SIGKILL)
        exited = rig.exited(worker.worker)
        assert os.waitstatus_to_exitcode(exited.status) == -signal.SIGKILL
        assert (exited.pid, exited.verdict) == (worker.pid, "")
        replacement, facts = rig.started()
        assert (replacement.slot, replacement.generation) == (1, 1)
        assert facts["sources"] == {"app": "serve"}


def test_an_exit_code_is_told() -> None:
    """A boot that fails ends with its exit code, and is not tried again."""
    with Rig() as rig:
        rig.configure()
        rig.reload(1, "exit")
        worker = rig.wait(WorkerForked)
        assert os.waitstatus_to_exitcode(rig.exited(worker.worker).status) == 3
        rig.reload(2)
        assert rig.started()[0].worker == 2


def test_an_endless_import_is_ended_with_its_stack() -> None:
    """The boot timeout names the function that the import hangs in."""
    with Rig() as rig:
        rig.configure(boot_timeout=2.0)
        rig.reload(1, "hang")
        worker, _ = rig.started()
        exited = rig.exited(worker.worker)
        assert exited.verdict == "boot timeout"
        assert "in endless_import" in exited.stack
        assert os.waitstatus_to_exitcode(exited.status) == -signal.SIGKILL


def test_a_dropped_candidate_is_ended() -> None:
    """A boot that nobody needs any more does not go on."""
    with Rig() as rig:
        rig.serve()
        rig.reload(2, "hang", base=1)
        worker, _ = rig.started()
        rig.send(Drop(2))
        assert rig.exited(worker.worker).verdict == "dropped"


def test_what_a_worker_leaves_behind_is_ended() -> None:
    """The children of a killed Worker do not hold its ports or its link for ever."""
    with Rig() as rig:
        worker = rig.serve()
        child = rig.links[worker.worker].ask("spawn")
        os.kill(worker.pid, signal.SIGKILL)
        rig.exited(worker.worker)
        wait_gone(child)


def test_sigusr1_asks_for_a_reload() -> None:
    """`kill -USR1` to the Manager is passed on; Ctrl-C and a closed terminal leave it alone."""
    with Rig() as rig:
        rig.serve()
        for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            rig.process.send_signal(signum)
        assert rig.wait(ReloadAsked) == ReloadAsked()


def test_a_stop_ends_the_manager_after_its_workers() -> None:
    """The Workers are asked first; the Manager leaves with exit code 0 when the last one is reaped."""
    with Rig() as rig:
        worker = rig.serve()
        rig.send(Stop(DEADLINE))
        assert rig.wait(Retire).worker == worker.worker
        rig.links[worker.worker].send("exit", 0)
        assert rig.exited(worker.worker).status == 0
        rig.until_gone()
        assert rig.process.wait(DEADLINE) == 0


def test_a_stop_now_kills_whole_groups() -> None:
    """The second Ctrl-C ends Workers that ignore everything, and their children."""
    with Rig() as rig:
        worker = rig.serve()
        rig.links[worker.worker].ask("stay")
        child = rig.links[worker.worker].ask("spawn")
        rig.send(Stop(0.0))
        assert os.waitstatus_to_exitcode(rig.exited(worker.worker).status) == -signal.SIGKILL
        wait_gone(child)
        assert rig.process.wait(DEADLINE) == 0


def test_the_death_of_the_master_ends_everything() -> None:
    """Workers that do not leave by themselves are ended, their children too; then the Manager goes."""
    with Rig(None, "0.2") as rig:
        rig.configure(slots=2)
        rig.reload(1, "linger")
        first, _ = rig.started()
        rig.accept(first)
        second, _ = rig.started()
        rig.accept(second)
        rig.links[first.worker].ask("stay")
        child = rig.links[first.worker].ask("spawn")
        rig.wait(RollDone)
        rig.leave()
        assert rig.process.wait(DEADLINE) == 0
        for worker in (first, second):
            wait_gone(worker.pid, rig.pidfds[worker.worker])
        wait_gone(child)


def test_a_manager_without_orders_leaves_with_its_master() -> None:
    """Also before the first message."""
    with Rig() as rig:
        rig.leave()
        assert rig.process.wait(DEADLINE) == 0


def test_fifty_forks_leave_no_descriptor_behind() -> None:
    """A day of saves does not run into the limit of open files."""
    with Rig() as rig:
        rig.serve()
        counts = []
        for generation in range(2, 52):
            rig.reload(generation, "exit", base=1)
            rig.exited(rig.wait(WorkerForked).worker)
            counts.append(rig.open_fds())
        assert counts[-1] == counts[0]


def test_a_fork_that_is_not_possible_is_a_failed_boot() -> None:
    """Out of descriptors: the candidate is refused with the reason, and the next save works again."""
    with Rig() as rig:
        rig.serve()
        resource.prlimit(rig.process.pid, resource.RLIMIT_NOFILE, (rig.open_fds(), 4096))
        rig.reload(2, base=1)
        exited = rig.exited(2)
        assert exited.generation == 2
        assert exited.pid == 0
        assert exited.verdict.startswith("fork failed: ")
        resource.prlimit(rig.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        rig.reload(3, base=1)
        assert rig.started()[0].generation == 3


def test_an_impossible_order_is_answered_and_survived() -> None:
    """The Manager says what it cannot make sense of, and serves on."""
    with Rig() as rig:
        rig.send(Drop(3))
        assert "configured" in rig.wait(ManagerNotice).text
        rig.serve()
        rig.send(Drop(3))
        said = rig.wait(ManagerNotice)
        assert (said.level, "3" in said.text) == ("error", True)
        rig.reload(2, base=1)
        assert rig.started()[0].generation == 2


def test_the_real_manager_forks_real_workers_and_has_nothing_heavy_loaded(tmp_path: Path) -> None:
    """What the Manager has imported every app finds loaded: no console, no watcher, no command line."""
    app = tmp_path / "app.py"
    app.write_text(
        "import sys, json, pathlib\n"
        "pathlib.Path(__file__).with_name('modules.json').write_text(json.dumps(sorted(sys.modules)))\n"
        "def on_receive(conn, data): pass\n",
        encoding="utf-8",
    )
    with Rig(REAL) as rig:
        rig.configure(target=Target("app", (str(tmp_path),), path=str(app)))
        rig.send(Reload(1, 0, ()))
        worker = rig.wait(WorkerForked)
        _wait_for_ready(rig.links[worker.worker].socket)
        assert Path(f"/proc/{rig.process.pid}/cmdline").read_bytes().startswith(b"devserver: manager")
    modules = set(json.loads((tmp_path / "modules.json").read_text(encoding="utf-8")))
    assert modules & HEAVY == set()
    assert {"asyncio", "msgspec", "devserver.worker.main"} <= modules


def _wait_for_ready(link: socket.socket) -> None:
    """Read the link of a real Worker until it says that it is ready."""
    messages: Channel[FromWorker, ToWorker] = Channel(link.dup(), FromWorker)
    said: list[FromWorker] = []
    while not any(isinstance(message, BootDone) for message in said):
        assert not any(isinstance(message, BootFailed) for message in said), said
        assert select.select([messages], [], [], DEADLINE)[0]
        said += [message for message, _ in messages.receive()]
    messages.close()
