"""The place of control sockets: a private folder, a name that identifies the project and the process.

Law: a folder that is not the user's own, or that others may enter, is never used. A socket has its name only
while it listens, so one that refuses a connection is stale.

The name is `<root>-<folder>-<pid>.sock`, with digests of the project's root and of the folder that the server
was started in. So a client finds it from either and from below.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devserver.common.errors import DevserverError

NAME = "devserver"
LONGEST_PATH = 103
"""Bytes of a socket's path that every system takes: unix(4) of macOS; Linux takes 107."""
LONGEST_NAME = len("/123456789012-123456789012-1234567.sock")
KEPT_S = 7 * 24 * 3600
"""How long the log of a server that has ended is kept."""
_NAME = re.compile(r"([0-9a-f]{12})-([0-9a-f]{12})-([0-9]+)\.(sock|log)")


class NoControl(DevserverError):
    """There is no place for a control socket, or it cannot be used; the text has the reason."""


@dataclass(frozen=True, slots=True)
class Found:
    """A socket that was found, and the process that listens, or has listened, on it."""

    path: str
    pid: int


def candidates() -> list[Path]:
    """Return the folders that may hold control sockets, the best one first."""
    uid = os.geteuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    home = os.path.expanduser("~")
    places = [
        Path(runtime) / NAME if os.path.isabs(runtime) else None,
        Path(f"/run/user/{uid}") / NAME,
        Path(f"/tmp/{NAME}-{uid}"),
        Path(home) / ".cache" / NAME if os.path.isabs(home) else None,
    ]
    return list(dict.fromkeys(place for place in places if place is not None))


def claim(places: Sequence[Path] | None = None) -> Path:
    """Return the first folder that is private to the user; create it if missing. Raises NoControl."""
    reasons = []
    for folder in candidates() if places is None else places:
        if len(os.fsencode(folder)) + LONGEST_NAME > LONGEST_PATH:
            reasons.append(f"{folder} is too long for the path of a socket")
            continue
        try:
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            if reason := _why_not(folder):
                reasons.append(reason)
            elif not os.access(folder, os.W_OK | os.X_OK):
                reasons.append(f"{folder} cannot be written")
            else:
                return folder
        except OSError as error:
            if error.errno != errno.ENOENT:  # its parent folder does not exist: skip it
                reasons.append(f"{folder}: {error.strerror}")
    raise NoControl("; ".join(reasons) or "there is no folder for it")


def _why_not(folder: Path) -> str:
    """Return why an existing folder is not private to the user, or nothing. Removes the access of others."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        return f"{folder} is not a folder"
    if found.st_uid != os.geteuid():
        return f"{folder} belongs to another user"
    if found.st_mode & 0o077:
        os.chmod(folder, 0o700)
    return ""


def path_for(place: Path, root: str, folder: str, pid: int, kind: str = "sock") -> str:
    """Return the path of the socket (or `log`) of a server. Raises NoControl if it is too long."""
    path = str(place / f"{_digest(root)}-{_digest(folder)}-{pid}.{kind}")
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise NoControl(f"the path {path} is too long for a socket")
    return path


def listen_at(path: str) -> socket.socket:
    """Return a socket that listens at `path` for this user alone. Raises NoControl."""
    fresh = f"{path}.new"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        listener.bind(fresh)
        os.chmod(fresh, 0o600)
        listener.listen(64)
        os.rename(fresh, path)
    except OSError as error:
        listener.close()
        raise NoControl(f"{path} cannot be created: {error.strerror}") from error
    return listener


def of_project(folder: str, places: Sequence[Path] | None = None, kind: str = "sock") -> list[Found]:
    """Return the sockets of the project that `folder` is in: of the nearest folder above that has any."""
    all_found = list(_all(candidates() if places is None else places, kind))
    for above in (Path(folder), *Path(folder).parents):
        digest = _digest(str(above))
        if near := [found for digests, found in all_found if digest in digests]:
            return sorted(near, key=lambda found: found.pid)
    return []


def everywhere(places: Sequence[Path] | None = None) -> list[Found]:
    """Return the sockets of all projects."""
    return [found for _, found in _all(candidates() if places is None else places, "sock")]


def _all(places: Sequence[Path], kind: str) -> Iterator[tuple[tuple[str, str], Found]]:
    for place in places:
        try:
            if _why_not(place):
                continue
            names = sorted(os.listdir(place))
        except OSError:  # no such folder, or no permission to list it
            continue
        for name in names:
            if (match := _NAME.fullmatch(name)) and match[4] == kind:
                yield (match[1], match[2]), Found(str(place / name), int(match[3]))


def connect(path: str, timeout_s: float) -> socket.socket | None:
    """Return a connection to the server at `path`; None if it has ended: then the socket is removed.

    Raises OSError for any other reason why there is no connection.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(path)
    except ConnectionRefusedError:
        sock.close()
        with suppress(OSError):
            os.unlink(path)
        return None
    except FileNotFoundError:
        sock.close()
        return None
    except OSError:
        sock.close()
        raise
    return sock


def sweep(places: Sequence[Path] | None = None) -> None:
    """Remove the sockets and logs of processes that have ended."""
    for place in candidates() if places is None else places:
        for _, found in _all([place], "sock"):
            if not lives(found.pid):
                with suppress(OSError):
                    if sock := connect(found.path, 0.1):
                        sock.close()
        for _, found in _all([place], "log"):
            with suppress(OSError):
                if not lives(found.pid) and time.time() - os.path.getmtime(found.path) > KEPT_S:
                    os.unlink(found.path)


def lives(pid: int) -> bool:
    """Return whether a process is still running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _digest(folder: str) -> str:
    return hashlib.blake2b(os.fsencode(folder), digest_size=6).hexdigest()


def peer_uid(sock: socket.socket) -> int | None:
    """Return the user at the other end of a Unix socket, None where the system does not report it."""
    try:
        if hasattr(socket, "SO_PEERCRED"):
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return int.from_bytes(credentials[4:8], sys.byteorder)
        local = sock.getsockopt(0, getattr(socket, "LOCAL_PEERCRED", 1), 76)  # struct xucred of macOS
        return int.from_bytes(local[4:8], sys.byteorder)
    except OSError:
        return None
