"""Folders that go, come back or are links that lead elsewhere: what is saved in them later is never lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.harness import Client, answering, eventually, serving

OPTIONS = pytest.mark.parametrize("options", [(), ("--poll",)], ids=["inotify", "poll"])


@OPTIONS
def test_the_root_that_was_removed_is_live_again_when_it_is_back(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The old code goes on meanwhile, which is reported; then what is there runs, and so do later edits."""
    project = tmp_path / "above/project"
    project.mkdir(parents=True)
    with serving(project, *options, text=answering("v1")) as server:
        server.wait("rolled")
        client = Client(server.port)
        shutil.rmtree(project)
        assert "is gone" in server.wait("notice", level="warning")["text"]
        assert client.ask("x") == "v1 x"
        project.mkdir()
        server.save_and_wait(answering("second"))
        assert client.ask("x") == "second x"
        server.save_and_wait(answering("third one"))
        assert client.ask("x") == "third one x"
        assert server.stop() == 0


@OPTIONS
def test_the_folder_above_the_root_was_moved_and_another_one_took_its_place(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Nothing in the root has changed, and yet there is another one: a checkout beside, and two renames."""
    above, other = tmp_path / "above", tmp_path / "other"
    for folder, answer in ((above, "v1"), (other, "second")):
        (folder / "project").mkdir(parents=True)
        (folder / "project/handlers.py").write_text(answering(answer))
    with serving(above / "project", *options) as server:
        server.wait("rolled")
        client = Client(server.port)
        above.rename(tmp_path / "before")
        other.rename(above)
        server.wait("live")
        assert client.ask("x") == "second x"
        server.save_and_wait(answering("third one"))
        assert client.ask("x") == "third one x"
        assert server.stop() == 0


@OPTIONS
def test_a_link_to_a_folder_that_is_pointed_elsewhere_reloads(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """`ln -sfn`, as a deployment does; edits behind the link count before and after."""
    project = tmp_path / "project"
    project.mkdir()
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "words.py").write_text(f"WORD = {version!r}\n")
    link = project / "current"
    link.symlink_to(tmp_path / "v1")
    text = (
        answering("v").replace("'v'", "WORD").replace("protocol", "from current.words import WORD\nprotocol")
    )
    with serving(project, *options, text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "v1 x"
        server.save_and_wait("WORD = 'edited'\n", "current/words.py")
        assert client.ask("x") == "edited x"
        server.wait("rolled")
        new = project / "new"
        new.symlink_to(tmp_path / "v2")
        new.rename(link)
        server.wait("live")  # of the new link's name, if a poll has seen it before the rename
        eventually("the other folder's code answers", lambda: client.ask("x") == "v2 x")
        server.save("WORD = 'edited again'\n", "current/words.py")
        eventually("an edit of it counts", lambda: client.ask("x") == "edited again x")
        assert server.stop() == 0


def test_a_further_file_that_is_a_link_reloads_when_what_it_leads_to_is_edited(tmp_path: Path) -> None:
    """`--also` names the link, and its target lies outside the root."""
    project, shared = tmp_path / "project", tmp_path / "shared.csv"
    project.mkdir()
    shared.write_text("one")
    (project / "data.csv").symlink_to(shared)
    text = answering("v", extra="WORD = open('data.csv').read()").replace("'v'", "WORD")
    with serving(project, "--also", "*.csv", text=text) as server:
        server.wait("rolled")
        client = Client(server.port)
        assert client.ask("x") == "one x"
        (project / "templates").mkdir()
        server.save_and_wait("a template, so that the survey is over", "templates/page.html")
        server.wait("rolled")
        shared.write_text("two")
        server.wait("live")
        assert client.ask("x") == "two x"
        assert server.stop() == 0
