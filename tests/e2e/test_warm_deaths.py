"""An image costs time when it dies, hangs or loses its Manager, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.e2e.test_warm_image import forked_image, project, the_image
from tests.harness import DevServer, child_of, eventually, is_gone, serving
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


MANY = "MANY = [[] for _ in range(3_000_000)]"
"""So many objects that looking at each takes a while."""


def the_inventory(image: int) -> int:
    """Wait until the image has a fork that looks at its objects, and return it."""
    return child_of(image, "inventory")


def the_next_copy(image: int) -> int:
    """Wait until the image has a fork that waits to become the next copy, and return it."""
    return child_of(image, "next copy")


@contextmanager
def a_next_copy(folder: Path) -> Iterator[tuple[DevServer, httpx.Client, int, int]]:
    """Serve, save once, and wait for the next copy; yield also the image's process, and that one's."""
    with serving(folder, *OPTIONS, text=project(folder)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        assert saved(server, client, folder, 2) == "swap"
        yield server, client, image, the_next_copy(image)


def test_an_inventory_that_is_killed_costs_the_image(tmp_path: Path) -> None:
    """The reason is reported, and the image exits; every save imports everything then."""
    text = project(tmp_path, top=MANY)
    with serving(tmp_path, *OPTIONS, text=text) as server, browsing(server) as client:
        server.wait("ready")
        image = forked_image(server)
        os.kill(the_inventory(image), signal.SIGKILL)
        notice = server.wait("notice")["text"]
        assert notice.endswith("the process that looked at its objects has ended (SIGKILL)")
        eventually("it is gone", lambda: is_gone(image))
        server.save(text.replace("v1", "v2"))
        assert answer_of(client) == "v2"
        assert server.wait("live")["way"] == "boot"
        assert server.stop() == 0


def test_an_inventory_that_hangs_ends_with_its_image(tmp_path: Path) -> None:
    """The save that waits for both is booted."""
    text = project(tmp_path, top=MANY)
    with serving(tmp_path, *OPTIONS, text=text) as server, browsing(server) as client:
        server.wait("ready")
        image = forked_image(server)
        inventory = the_inventory(image)
        os.kill(inventory, signal.SIGSTOP)
        server.save(text.replace("v1", "v2"))
        assert answer_of(client) == "v2"
        assert server.wait("live")["way"] == "boot"
        eventually("both are gone", lambda: is_gone(image) and is_gone(inventory))
        assert server.stop() == 0


def test_a_save_takes_the_process_that_was_forked_for_it(tmp_path: Path) -> None:
    """From the second save on: until then it would only take memory."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        assert saved(server, client, tmp_path, 2) == "swap"
        for version in range(3, 6):
            process = the_next_copy(image)
            assert saved(server, client, tmp_path, version) == "swap"
            assert int(client.get("/").text.split()[1]) == process
        process = the_next_copy(image)
        server.save(project(tmp_path, top="A = 1", answer="v6"))
        assert answer_of(client) == "v6"
        assert server.wait("live")["way"] == "boot"
        eventually("it has left with its image", lambda: is_gone(image) and is_gone(process))
        assert server.stop() == 0


def test_a_next_copy_that_is_killed_costs_time_only(tmp_path: Path) -> None:
    """The save after it forks another."""
    with a_next_copy(tmp_path) as (server, client, image, process):
        os.kill(process, signal.SIGKILL)
        eventually("it is gone", lambda: is_gone(process))
        assert saved(server, client, tmp_path, 3) == "swap"
        assert the_next_copy(image) != process
        assert server.stop() == 0


def test_a_signal_to_a_next_copy_does_not_reach_the_worker_that_it_becomes(tmp_path: Path) -> None:
    """It blocks all signals; those that are pending are no orders to a Worker."""
    with a_next_copy(tmp_path) as (server, client, _image, process):
        os.kill(process, signal.SIGTERM)
        assert saved(server, client, tmp_path, 3) == "swap"
        assert int(client.get("/").text.split()[1]) == process
        assert server.stop() == 0


def test_a_next_copy_that_hangs_ends_with_its_image(tmp_path: Path) -> None:
    """The save that waits for it is booted."""
    with a_next_copy(tmp_path) as (server, client, image, process):
        os.kill(process, signal.SIGSTOP)
        assert saved(server, client, tmp_path, 3) == "boot"
        eventually("both are gone", lambda: is_gone(image) and is_gone(process))
        the_image(server)
        assert saved(server, client, tmp_path, 4) == "swap"
        assert server.stop() == 0


def test_the_managers_death_ends_the_image_and_no_worker(tmp_path: Path) -> None:
    """Copies are orphans like others: they serve on until the next Manager's Workers take over."""
    with a_next_copy(tmp_path) as (server, client, image, process):
        os.kill(server.manager(), signal.SIGKILL)
        server.wait("manager-exited")
        eventually("both are gone", lambda: is_gone(image) and is_gone(process))
        assert answer_of(client) == "v2"
        server.wait("rolled")
        the_image(server)
        assert saved(server, client, tmp_path, 3) == "swap"
        assert server.stop() == 0
        assert server.past("lost") == []


def test_an_import_that_does_not_end_costs_no_image(tmp_path: Path) -> None:
    """The next save takes its place, and is a swap of the last good code."""
    with serving(tmp_path, *OPTIONS, text=project(tmp_path)) as server, browsing(server) as client:
        server.wait("ready")
        image = the_image(server)
        assert saved(server, client, tmp_path, 2) == "swap"
        server.save(project(tmp_path, top="import time\nwhile True: time.sleep(1)"))
        server.wait("worker-started", way="boot")
        assert saved(server, client, tmp_path, 3) == "swap"
        assert the_image(server) == image
        assert server.stop() == 0


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
    with a_next_copy(tmp_path) as (server, client, image, _process):
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
