"""`--watch DIR`: a folder outside the project is watched as the project's own is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import refused
from tests.harness import answering, serving


@pytest.mark.parametrize("poll", [(), ("--poll",)], ids=["inotify", "polling"])
def test_files_of_a_further_folder_reload(tmp_path: Path, poll: tuple[str, ...]) -> None:
    """Files of --also there, and templates in a folder that is made later, too."""
    project, shared = tmp_path / "project", tmp_path / "shared"
    project.mkdir()
    shared.mkdir()
    (shared / "conf.yml").write_text("a: 1\n")
    (project / "pyproject.toml").touch()
    options = ("--watch", "../shared", "--reload-include", "*.yml", *poll)
    with serving(project, *options, text=answering("one")) as server:
        server.wait("ready")
        server.save("a: 2\n", "../shared/conf.yml")
        assert server.wait("live")["paths"] == [str(shared / "conf.yml")]
        (shared / "templates").mkdir()
        server.save("<p>one</p>", "../shared/templates/page.html")
        assert server.wait("live")["paths"] == [str(shared / "templates" / "page.html")]


@pytest.mark.parametrize(
    ("folder", "message"),
    [("nowhere", "--watch nowhere: there is no folder"), ("/", "--watch /: / is too large to watch")],
)
def test_a_folder_that_cannot_be_watched_is_refused(tmp_path: Path, folder: str, message: str) -> None:
    """One sentence."""
    (tmp_path / "handlers.py").touch()
    assert refused(tmp_path, "--watch", folder, "handlers.py").startswith(message)
