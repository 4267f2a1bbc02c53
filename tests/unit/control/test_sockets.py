"""Where control sockets are found, and which folders are never used."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from devserver.control import sockets
from devserver.control.sockets import NoControl, claim, connect, listen_at, of_project, path_for, sweep


def test_the_folder_is_private_and_the_socket_too(short_path: Path) -> None:
    """0700 and 0600, whatever the umask is."""
    before = os.umask(0)
    try:
        place = claim([short_path / "devserver"])
        path = path_for(place, "/shop", "/shop", 7)
        with listen_at(path):
            assert (place.stat().st_mode & 0o777, os.stat(path).st_mode & 0o777) == (0o700, 0o600)
            assert os.listdir(place) == [Path(path).name]
    finally:
        os.umask(before)


def test_a_folder_that_others_may_enter_is_closed_to_them(short_path: Path) -> None:
    """It is ours: access is taken away rather than the folder refused."""
    (short_path / "devserver").mkdir(mode=0o777)
    (short_path / "devserver").chmod(0o777)
    assert claim([short_path / "devserver"]).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_passed_over(short_path: Path, kind: str) -> None:
    """A link may lead into another user's hands: the next candidate is taken, or the reasons are reported."""
    first, second = short_path / "first", short_path / "second"
    if kind == "file":
        first.touch()
    else:
        (short_path / "elsewhere").mkdir()
        first.symlink_to(short_path / "elsewhere")
    assert claim([first, second]) == second
    with pytest.raises(NoControl, match="first is not a folder"):
        claim([first])


def test_another_user_s_folder_is_never_used(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to listen in nor to look for a server."""
    place = short_path / "devserver"
    with listen_at(path_for(claim([place]), "/shop", "/shop", 7)):
        assert [found.pid for found in of_project("/shop", [place])] == [7]
        monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
        assert of_project("/shop", [place]) == []
        with pytest.raises(NoControl, match="belongs to another user"):
            claim([place])


def test_without_any_place_the_reason_is_reported(short_path: Path) -> None:
    """A read-only or missing home is no traceback."""
    with pytest.raises(NoControl, match="there is no folder for it"):
        claim([short_path / "absent" / "devserver"])


def test_a_folder_whose_name_is_too_long_is_passed_over(short_path: Path, tmp_path: Path) -> None:
    """The next candidate is taken."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    assert claim([long / "devserver", short_path / "devserver"]) == short_path / "devserver"
    with pytest.raises(NoControl, match="too long for the path of a socket"):
        claim([long / "devserver"])


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """The kernel would refuse it with a riddle."""
    with pytest.raises(NoControl, match="too long for a socket"):
        path_for(tmp_path / ("x" * 100), "/shop", "/shop", 7)


def test_a_server_is_found_from_its_root_its_folder_and_below(short_path: Path) -> None:
    """The nearest project wins; a sibling's server is not found."""
    place = claim([short_path / "devserver"])
    with (
        listen_at(path_for(place, "/repo/shop", "/repo/shop/src", 7)),
        listen_at(path_for(place, "/repo", "/repo", 8)),
    ):
        found = {
            folder: [server.pid for server in of_project(folder, [place])]
            for folder in ("/repo/shop", "/repo/shop/src/api", "/repo", "/repo/blog", "/other")
        }
    assert found == {
        "/repo/shop": [7],
        "/repo/shop/src/api": [7],
        "/repo": [8],
        "/repo/blog": [8],
        "/other": [],
    }


def test_a_stale_socket_is_removed_and_a_living_one_is_not(short_path: Path) -> None:
    """A server that was killed leaves its socket behind."""
    place = claim([short_path / "devserver"])
    living = path_for(place, "/shop", "/shop", os.getpid())
    stale = path_for(place, "/shop", "/shop", 2**22 + 1)  # no pid is that high: see pid_max in proc(5)
    listen_at(stale).close()
    with listen_at(living):
        sweep([place])
        assert [server.path for server in of_project("/shop", [place])] == [living]
        answered = connect(living, 1)
        assert answered is not None
        answered.close()
    assert connect(living, 1) is None
    assert connect(living, 1) is None
    assert os.listdir(place) == []


def test_the_user_at_the_other_end_is_known() -> None:
    """The kernel shows who has connected."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert sockets.peer_uid(ours) == os.geteuid()
