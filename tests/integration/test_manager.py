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
    ReloadRequested,
    Retire,
    RollDone,
    Stop,
    Target,
    ToWorker,
    WorkerForked,
    WorkerIdle,
)
from tests.fakes.master_process import DEADLINE, REAL, FakeMaster, wait_gone

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
    with FakeMaster() as master:
        master.configure(slots=2)
        master.reload(1)
        first, _ = master.started()
        master.accept(first)
        second, _ = master.started()
        master.accept(second)
        assert master.wait(RollDone).generation == 1
        assert [(one.worker, one.slot) for one in (first, second)] == [(1, 1), (2, 2)]

        master.reload(2, base=1)
        third, facts = master.started()
        assert (third.worker, third.slot, third.generation) == (3, 1, 2)
        assert facts["sources"] == {"app": "serve"}
        master.accept(third)
        fourth, _ = master.started()
        for old in (first, second):
            master.send(WorkerIdle(old.worker))
            assert master.wait(Retire).worker == old.worker
            master.links[old.worker].send("exit", 0)
            assert master.exited(old.worker).status == 0
        master.accept(fourth)
        assert master.wait(RollDone).generation == 2


def test_a_worker_is_born_with_what_is_its_own_and_nothing_else() -> None:
    """Own session, own group, default signals, three standard descriptors, its link and its stack file."""
    with FakeMaster() as master:
        master.configure()
        master.reload(1)
        worker, facts = master.started()
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
    with FakeMaster() as master:
        master.configure(slots=2)
        master.reload(1)
        first, facts = master.started()
        master.accept(first)
        _, others = master.started()
        assert facts["random"] != others["random"]


def test_later_workers_hold_no_descriptor_of_earlier_ones() -> None:
    """Else a link would stay open though its Worker has gone."""
    with FakeMaster() as master:
        master.configure(slots=3)
        master.reload(1)
        counts = []
        for _ in range(3):
            worker, facts = master.started()
            counts.append(len(facts["fds"]))
            master.accept(worker)
        assert len(set(counts)) == 1


def test_the_descriptors_are_lane_and_pidfd() -> None:
    """The Master talks to the Worker over the first, and sees and ends it by the second."""
    with FakeMaster() as master:
        worker = master.serve()
        assert master.links[worker.worker].ask("print") == "printed"
        info = Path(f"/proc/self/fdinfo/{master.pidfds[worker.worker]}").read_text(encoding="utf-8")
        assert f"Pid:\t{worker.pid}\n" in info
        assert master.terminals == {}


def test_a_terminal_of_its_own() -> None:
    """What the app prints keeps its colours, and Ctrl-C in it reaches this Worker only."""
    with FakeMaster() as master:
        master.configure(terminal=True)
        master.reload(1)
        worker, facts = master.started()
        assert facts["tty"]
        link, terminal = master.links[worker.worker], master.terminals[worker.worker]
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


def test_a_killed_worker_is_reported_and_replaced() -> None:
    """kill -9 is reported as it was, and the next Worker runs the same code in the same slot."""
    with FakeMaster() as master:
        worker = master.serve()
        os.kill(worker.pid, signal.SIGKILL)
        exited = master.exited(worker.worker)
        assert os.waitstatus_to_exitcode(exited.status) == -signal.SIGKILL
        assert (exited.pid, exited.verdict) == (worker.pid, "")
        replacement, facts = master.started()
        assert (replacement.slot, replacement.generation) == (1, 1)
        assert facts["sources"] == {"app": "serve"}


def test_an_exit_code_is_reported() -> None:
    """A boot that fails ends with its exit code, and is not tried again."""
    with FakeMaster() as master:
        master.configure()
        master.reload(1, "exit")
        worker = master.wait(WorkerForked)
        assert os.waitstatus_to_exitcode(master.exited(worker.worker).status) == 3
        master.reload(2)
        assert master.started()[0].worker == 2


def test_an_endless_import_is_ended_with_its_stack() -> None:
    """The boot timeout names the function that the import hangs in."""
    with FakeMaster() as master:
        master.configure(boot_timeout=3.0)
        master.reload(1, "hang")
        worker, _ = master.started()
        exited = master.exited(worker.worker)
        assert exited.verdict == "boot timeout"
        assert "in endless_import" in exited.stack
        assert os.waitstatus_to_exitcode(exited.status) == -signal.SIGKILL


def test_a_dropped_candidate_is_ended() -> None:
    """A boot that nobody needs any more does not go on."""
    with FakeMaster() as master:
        master.serve()
        master.reload(2, "hang", base=1)
        worker, _ = master.started()
        master.send(Drop(2))
        assert master.exited(worker.worker).verdict == "dropped"


def test_what_a_worker_leaves_behind_is_ended() -> None:
    """The children of a killed Worker do not hold its ports or its link for ever."""
    with FakeMaster() as master:
        worker = master.serve()
        child = master.links[worker.worker].ask("spawn")
        os.kill(worker.pid, signal.SIGKILL)
        master.exited(worker.worker)
        wait_gone(child)


def test_sigusr1_asks_for_a_reload() -> None:
    """`kill -USR1` to the Manager is passed on; Ctrl-C and a closed terminal leave it alone."""
    with FakeMaster() as master:
        master.serve()
        for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            master.process.send_signal(signum)
        assert master.wait(ReloadRequested) == ReloadRequested()


def test_a_stop_ends_the_manager_after_its_workers() -> None:
    """The Workers are asked first; the Manager leaves with exit code 0 when the last one is reaped."""
    with FakeMaster() as master:
        worker = master.serve()
        master.send(Stop(DEADLINE))
        assert master.wait(Retire).worker == worker.worker
        master.links[worker.worker].send("exit", 0)
        assert master.exited(worker.worker).status == 0
        master.until_gone()
        assert master.process.wait(DEADLINE) == 0


def test_a_stop_now_kills_whole_groups() -> None:
    """The second Ctrl-C ends Workers that ignore everything, and their children."""
    with FakeMaster() as master:
        worker = master.serve()
        master.links[worker.worker].ask("stay")
        child = master.links[worker.worker].ask("spawn")
        master.send(Stop(0.0))
        assert os.waitstatus_to_exitcode(master.exited(worker.worker).status) == -signal.SIGKILL
        wait_gone(child)
        assert master.process.wait(DEADLINE) == 0


def test_the_death_of_the_master_ends_everything() -> None:
    """Workers that do not leave by themselves are ended, their children too; then the Manager goes."""
    with FakeMaster(None, "0.2") as master:
        master.configure(slots=2)
        master.reload(1, "linger")
        first, _ = master.started()
        master.accept(first)
        second, _ = master.started()
        master.accept(second)
        master.links[first.worker].ask("stay")
        child = master.links[first.worker].ask("spawn")
        master.wait(RollDone)
        master.leave()
        assert master.process.wait(DEADLINE) == 0
        for worker in (first, second):
            wait_gone(worker.pid, master.pidfds[worker.worker])
        wait_gone(child)


def test_a_manager_without_orders_leaves_with_its_master() -> None:
    """Also before the first message."""
    with FakeMaster() as master:
        master.leave()
        assert master.process.wait(DEADLINE) == 0


def test_fifty_forks_leave_no_descriptor_behind() -> None:
    """A day of saves does not run into the limit of open files."""
    with FakeMaster() as master:
        master.serve()
        counts = []
        for generation in range(2, 52):
            master.reload(generation, "exit", base=1)
            master.exited(master.wait(WorkerForked).worker)
            counts.append(master.open_fds())
        assert counts[-1] == counts[0]


def test_a_fork_that_is_not_possible_is_a_failed_boot() -> None:
    """Out of descriptors: the candidate is refused with the reason, and the next save works again."""
    with FakeMaster() as master:
        master.serve()
        resource.prlimit(master.process.pid, resource.RLIMIT_NOFILE, (master.open_fds(), 4096))
        master.reload(2, base=1)
        exited = master.exited(2)
        assert exited.generation == 2
        assert exited.pid == 0
        assert exited.verdict.startswith("fork failed: ")
        resource.prlimit(master.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        master.reload(3, base=1)
        assert master.started()[0].generation == 3


def test_an_impossible_order_is_answered_and_survived() -> None:
    """The Manager says what it cannot make sense of, and serves on."""
    with FakeMaster() as master:
        master.send(Drop(3))
        assert "configured" in master.wait(ManagerNotice).text
        master.serve()
        master.send(Drop(3))
        said = master.wait(ManagerNotice)
        assert (said.level, "3" in said.text) == ("error", True)
        master.reload(2, base=1)
        assert master.started()[0].generation == 2


def test_the_real_manager_forks_real_workers_and_has_nothing_heavy_loaded(tmp_path: Path) -> None:
    """What the Manager has imported every app finds loaded: no console, no watcher, no command line."""
    app = tmp_path / "app.py"
    app.write_text(
        "import sys, json, pathlib\n"
        "pathlib.Path(__file__).with_name('modules.json').write_text(json.dumps(sorted(sys.modules)))\n"
        "def on_receive(conn, data): pass\n",
        encoding="utf-8",
    )
    with FakeMaster(REAL) as master:
        master.configure(target=Target("app", (str(tmp_path),), path=str(app)))
        master.send(Reload(1, 0, ()))
        worker = master.wait(WorkerForked)
        _wait_for_ready(master.links[worker.worker].socket)
        assert Path(f"/proc/{master.process.pid}/cmdline").read_bytes().startswith(b"devserver: manager")
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
