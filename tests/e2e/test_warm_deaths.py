"""An image costs time when it dies, hangs or loses its Manager, and nothing else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx

from tests.e2e.test_warm_image import project, the_image
from tests.harness import DevServer, eventually, is_gone, serving
from tests.http import browsing

OPTIONS = ("--warm", "auto", "--preload", "off")


def answer_of(client: httpx.Client) -> str:
    """Return which code answers."""
    return client.get("/").text.split()[0]


def saved(server: DevServer, client: httpx.Client, folder: Path, version: int) -> str:
    """Save another answer; return in which way it came to be live."""
    server.save(project(folder, answer=f"v{version}"))
    assert answer_of(client) == f"v{version}"
    return str(server.wait("live")["way"])


def parent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_image_that_is_killed_costs_time_only(tmp_path: Path) -> None:
    """Its copies serve on, are reaped by the Manager, and the next save boots and leaves another image."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        assert saved(server, client, tmp_path, 2) == "swap"
        pid = int(client.get("/").text.split()[1])
        assert parent_of(pid) == image
        os.kill(image, signal.SIGKILL)
        eventually("the copy has another parent", lambda: parent_of(pid) == server.manager())
        assert answer_of(client) == "v2"
        os.kill(pid, signal.SIGKILL)
        assert server.wait("worker-exited", pid=pid)["reason"] == "SIGKILL"
        eventually("another Worker answers", lambda: int(client.get("/").text.split()[1]) != pid)
        assert answer_of(client) == "v2"
        assert saved(server, client, tmp_path, 3) in ("boot", "swap")
        the_image(server)
        assert saved(server, client, tmp_path, 4) == "swap"
        assert server.stop() == 0
        assert [lost for lost in server.past("lost") if "after its answer" not in lost["what"]] == []


def test_a_copy_that_is_killed_is_reported_by_its_image(tmp_path: Path) -> None:
    """Its end is known as any Worker's is, and a copy takes its place."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        the_image(server)
        assert saved(server, client, tmp_path, 2) == "swap"
        pid = int(client.get("/").text.split()[1])
        os.kill(pid, signal.SIGKILL)
        assert server.wait("worker-exited", pid=pid)["reason"] == "SIGKILL"
        assert server.wait("worker-started")["way"] == "swap"
        assert answer_of(client) == "v2"
        assert server.stop() == 0


def test_an_image_that_hangs_is_given_up(tmp_path: Path) -> None:
    """The Manager forks what the image does not, and kills it."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        os.kill(image, signal.SIGSTOP)
        assert saved(server, client, tmp_path, 2) == "boot"
        eventually("it is gone", lambda: is_gone(image))
        the_image(server)
        assert saved(server, client, tmp_path, 3) == "swap"
        assert server.stop() == 0


def test_the_managers_death_ends_the_image_and_no_worker(tmp_path: Path) -> None:
    """Copies are orphans like others: they serve on until the next Manager's Workers take over."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        assert saved(server, client, tmp_path, 2) == "swap"
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("manager-exited")
        eventually("it is gone", lambda: is_gone(image))
        assert answer_of(client) == "v2"
        server.wait("rolled")
        the_image(server)
        assert saved(server, client, tmp_path, 3) == "swap"
        assert server.stop() == 0
        assert server.past("lost") == []


def test_the_last_good_codes_image_stays_until_newer_code_is_live(tmp_path: Path) -> None:
    """A typo, an import that fails and a start-up that fails change nothing: the next good body is a swap."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        for broken in ("1 +", "raise RuntimeError('no')", "import missing_module"):
            server.save(project(tmp_path, top=broken))
            server.wait("refused")
            assert answer_of(client) == "v1"
        server.save(project(tmp_path).replace("startup.complete", "startup.failed"))
        server.wait("refused")
        assert the_image(server) == image
        assert saved(server, client, tmp_path, 2) == "swap"
        assert the_image(server) == image
        server.save(project(tmp_path, top="A = 1", answer="v3"))
        assert answer_of(client) == "v3"
        assert server.wait("live")["way"] == "boot"
        eventually("the older image is gone", lambda: is_gone(image))
        assert the_image(server) != image
        assert server.stop() == 0


def test_a_hundred_saves_leave_nothing_behind(tmp_path: Path) -> None:
    """Processes and descriptors are as many as before."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        saved(server, client, tmp_path, 2)
        open_before = {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in (server.manager(), image)}
        for version in range(3, 103):
            assert saved(server, client, tmp_path, version) == "swap"
        eventually("the old Workers have left", lambda: len(server.workers()) == 1)
        eventually(
            "no descriptor is left open",
            lambda: all(
                len(os.listdir(f"/proc/{pid}/fd")) <= count + 2 for pid, count in open_before.items()
            ),
        )
        assert server.stop() == 0
