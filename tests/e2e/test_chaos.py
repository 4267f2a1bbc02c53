"""Everything at once, at random: whatever happens, the laws hold and nothing is left behind.

A run is repeated by its seed, which a failing test names; what the machine does meanwhile is not repeated.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.test_warm_image import images
from tests.harness import Client, DevServer, answering, eventually, is_gone, serving

WORKERS = 2
CLIENTS = 4
BURSTS = 14
HANDLERS = """\
from devserver import Lines
import time
import second
protocol = Lines()
{extra}
def on_receive(conn, data):
    before, conn.state['last'] = conn.state.get('last', 0), int(data)
    if int(data) % 9 == 0:
        time.sleep(0.03)
    conn.send(f'{version} {{second.VERSION}} {{conn.id}} {{before}} {{data.decode()}}\\n')
"""
BAD = (
    "def broken(:",
    "import no_such_module_anywhere",
    "def on_worker_start(server):\n    raise RuntimeError('no')",
    "import sys\nsys.exit(3)",
    "import os\nos._exit(4)",
    "1 / 0",
)


@dataclass
class Line:
    """A client with numbered lines: each is answered once, in order, by code that never goes back."""

    client: Client
    sent: int = 0
    id: int = 0
    answered: list[int] = field(default_factory=list)
    versions: tuple[int, int] = (0, 0)
    lapses: int = 0
    """How often the state was not that of the last answer: its frame was lost after it had answered."""

    def send(self, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            self.client.send(str(self.sent))

    def take(self) -> bool:
        """Read one answer; False when the server has closed."""
        text = self.client.line()
        if not text:
            return False
        version, second, self.id, before, number = map(int, text.split())
        last = self.answered[-1] if self.answered else 0
        assert last < number <= self.sent, f"{number} after {last}"
        assert version >= self.versions[0], f"version {version} after {self.versions}"
        assert second >= self.versions[1], f"second {second} after {self.versions}"
        self.lapses += before != last
        self.versions = version, second
        self.answered.append(number)
        return True

    def take_all(self) -> None:
        """Read until the last line is answered; if that is lost, it was reported: no answer is waited for."""
        while not self.answered or self.answered[-1] < self.sent:
            assert self.take(), f"the line was closed; {len(self.answered)} answers of {self.sent}"


class Chaos:
    """Does one thing after another to a server, at random."""

    def __init__(self, server: DevServer, rng: random.Random) -> None:
        self.server = server
        self.rng = rng
        self.version = self.second = 1
        self.lines = [Line(Client(server.port)) for _ in range(CLIENTS)]
        self.done: list[str] = []
        self.deeds: tuple[Callable[[], None], ...] = (
            self.save_good,
            self.save_bad,
            self.save_bad,
            self.save_second,
            self.save_both,
            self.touch,
            self.signal_master,
            self.signal_manager,
            self.kill_worker,
            self.kill_worker,
            self.kill_manager,
            self.visit,
            self.visit,
            self.leave_half,
        )

    def burst(self) -> None:
        """A few deeds amid traffic; then a good save, and the very next line is answered by it."""
        for _ in range(self.rng.randint(1, 6)):
            deed = self.rng.choice(self.deeds)
            self.done.append(deed.__name__)
            for line in self.lines:
                line.send(self.rng.randint(0, 5))
            deed()
            select.select([], [], [], self.rng.choice((0, 0, 0.002, 0.02, 0.1)))
        self.save_good()
        self.save_second()
        for line in self.lines:
            line.send(1)
            line.take_all()
            assert line.versions == (self.version, self.second), f"after {self.done[-8:]}"

    # saves

    def write(self, name: str, text: str) -> None:
        """Save a file as one of several editors does."""
        path = self.server.folder / name
        match self.rng.randrange(4):
            case 0:
                path.write_text(text)
            case 1:  # atomic
                other = path.with_name(f".{name}.tmp")
                other.write_text(text)
                other.replace(path)
            case 2:  # vim: the old file becomes the backup
                path.replace(f"{path}~")
                path.write_text(text)
            case _:  # in pieces
                with path.open("w") as file:
                    for start in range(0, len(text), 100):
                        file.write(text[start : start + 100])
                        file.flush()

    def handlers(self, extra: str = "") -> str:
        return HANDLERS.format(version=self.version, extra=extra)

    def save_good(self) -> None:
        self.version += 1
        self.write("handlers.py", self.handlers())

    def save_bad(self) -> None:
        self.write("handlers.py", self.handlers(self.rng.choice(BAD)))

    def save_second(self) -> None:
        self.second += 1
        self.write("second.py", f"VERSION = {self.second}\n")

    def save_both(self) -> None:
        self.save_bad()
        self.save_second()
        self.save_good()

    def touch(self) -> None:
        os.utime(self.server.folder / "handlers.py")

    # signals

    def signal_master(self) -> None:
        self.server.process.send_signal(signal.SIGUSR1)

    def signal_manager(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.server.manager(), signal.SIGUSR1)

    def kill_manager(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.server.manager(), signal.SIGKILL)

    def kill_worker(self) -> None:
        """Kill one of those that are there, whether it boots, serves or leaves."""
        if pids := list(self.server.workers().values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.rng.choice(pids), signal.SIGKILL)

    # other clients

    def visit(self) -> None:
        """Come, ask perhaps, and go without a word."""
        client = Client(self.server.port)
        if self.rng.random() < 0.7:
            client.send("1")
        if self.rng.random() < 0.3:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()

    def leave_half(self) -> None:
        """One of the lines ends its side: it is answered, then closed; another takes its place."""
        line = self.lines.pop(0)
        line.client.socket.shutdown(socket.SHUT_WR)
        while line.take():
            pass
        self.check(line)
        line.client.close()
        self.lines.append(Line(Client(self.server.port)))

    # what must hold

    def lost(self, line: Line) -> int:
        """Return how many frames of a connection are reported to be lost."""
        return len(self.server.past("lost", connection=line.id, what="the message in hand"))

    def check(self, line: Line) -> None:
        """No answer is missing but of a frame that was reported to be lost."""
        missing = line.sent - len(line.answered)
        # More lapses than losses: the state of a frame that was handled has gone.
        eventually("each loss is reported", lambda: max(missing, line.lapses) <= self.lost(line))


def open_fds(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def descriptors(server: DevServer) -> tuple[int, int]:
    """Return how many descriptors the Master and the Manager have open, without the links to images."""
    return open_fds(server.process.pid), open_fds(server.manager()) - len(images(server))


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def settled(server: DevServer) -> bool:
    """Return whether exactly the Workers of the live generation are left."""
    live = server.past("live")[-1]["generation"]
    alive = server.workers()
    generations = {fact["worker"]: fact["generation"] for fact in server.past("worker-started")}
    return len(alive) == WORKERS and all(generations[worker] == live for worker in alive)


def await_descriptors(name: str, pid: int, most: int) -> None:
    """Wait until a process has no more descriptors open than that."""
    eventually(f"the {name} has {most} descriptors open", lambda: open_fds(pid) <= most)


def stops_cleanly(server: DevServer) -> None:
    """Stop, and look at what it has said: no fault of its own among it."""
    assert server.stop() == 0
    output = server.output()
    for word in ("Traceback", "AssertionError", "impossible order"):
        assert word not in output, output[output.index(word) - 500 :][:4000]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_the_laws_hold(tmp_path: Path, seed: int) -> None:
    """Saves, broken saves, kills, signals and clients at random: nothing is lost unsaid, new code answers."""
    (tmp_path / "second.py").write_text("VERSION = 1\n")
    text = HANDLERS.format(version=1, extra="")
    with serving(tmp_path, "--workers", str(WORKERS), text=text) as server:
        server.wait("rolled")
        chaos = Chaos(server, random.Random(seed))
        chaos.burst()
        eventually("all is quiet", lambda: settled(server))
        eventually("its Manager is there", lambda: not is_gone(server.manager()))
        master, manager = descriptors(server)
        most = master, manager + 1  # the link of a Worker that is forked ahead
        for _ in range(BURSTS):
            chaos.burst()
        for line in chaos.lines:
            chaos.check(line)
        eventually("all is quiet", lambda: settled(server))
        eventually("its Manager is there", lambda: not is_gone(server.manager()))
        eventually("no descriptor has leaked", lambda: all(map(int.__le__, descriptors(server), most)))
        stops_cleanly(server)


def test_hundreds_of_reloads_leave_nothing_behind_in_the_master_and_the_manager(tmp_path: Path) -> None:
    """No descriptor, no memory, no process: a day's work is as cheap at its end as in the morning."""
    with serving(tmp_path, "--workers", str(WORKERS), text=answering("0")) as server:
        server.wait("rolled")
        client = Client(server.port)
        marks: list[list[int]] = []
        first: dict[str, int] = {}
        for number in range(1, 301):
            server.save(answering(str(number)))
            assert client.ask("x") == f"{number} x"
            if number % 100 == 0:
                eventually("all is quiet", lambda: settled(server))
                pids = {"Master": server.process.pid, "Manager": server.manager()}
                first = first or {name: open_fds(pid) for name, pid in pids.items()}
                for name, pid in pids.items():
                    # One more: a slow moment may have left an image, with its link.
                    await_descriptors(name, pid, first[name] + 1)
                marks.append([resident(pid) for pid in pids.values()])
        for (_, early, late), name in zip(zip(*marks, strict=True), ("Master", "Manager"), strict=True):
            assert late < early + 3 * 1024 * 1024, f"memory of the {name}: {marks}"
        assert server.past("lost") == []
        stops_cleanly(server)
