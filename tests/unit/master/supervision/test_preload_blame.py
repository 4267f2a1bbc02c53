"""Which failed boots are worth another try without preloaded modules."""

from __future__ import annotations

import os
import signal
import sysconfig

import pytest

from devserver.common.failure import Failure, Frame
from devserver.ipc.messages import WorkerGone
from devserver.master.supervision.preload_blame import may_be_inherited

FAILED = 3 << 8


def raised(*paths: str) -> Failure:
    """Return an exception that went through these files, the last one raised it."""
    return Failure("import", "RuntimeError", "no", frames=tuple(Frame(path, 1, "f") for path in paths))


def ended(status: int = FAILED, verdict: str = "") -> WorkerGone:
    return WorkerGone(1, 1, 2, 100, status, verdict=verdict)


@pytest.mark.parametrize(
    "path",
    [
        os.path.join(sysconfig.get_path("stdlib"), "asyncio", "runners.py"),
        os.path.join(sysconfig.get_path("purelib"), "grpc", "__init__.py"),
        "/home/me/venv/lib/python3.11/site-packages/grpc/__init__.py",
        "/usr/lib/python3/dist-packages/gi/__init__.py",
    ],
)
def test_what_installed_code_raises_may_come_from_preloading(path: str) -> None:
    """A library that does not survive a fork reports that by itself."""
    assert may_be_inherited(raised("/project/app.py", path), ended())


def test_what_the_apps_own_line_raises_does_not() -> None:
    """A mistake of the author's is refused at once, and not tried twice."""
    library = os.path.join(sysconfig.get_path("purelib"), "flask", "app.py")
    assert not may_be_inherited(raised("/project/app.py"), ended())
    assert not may_be_inherited(raised(library, "/project/views.py"), ended())


def test_a_folder_that_is_called_nearly_so_is_the_apps() -> None:
    """Only what is installed is suspected."""
    stdlib = sysconfig.get_path("stdlib")
    assert not may_be_inherited(raised(f"{stdlib}-project/app.py"), ended())
    assert not may_be_inherited(raised("/project/my-site-packages/app.py"), ended())


def test_a_crash_may_come_from_preloading() -> None:
    """A C library that was forked with a lock held or a thread missing says nothing."""
    assert may_be_inherited(raised("/project/app.py"), ended(signal.SIGSEGV))
    assert may_be_inherited(Failure("import", "WorkerGone", "ended"), ended(signal.SIGABRT))


def test_a_boot_that_hangs_may_come_from_preloading() -> None:
    """A fork can dead-lock in a library."""
    assert may_be_inherited(Failure("import", "WorkerGone", ""), ended(0, "boot timeout"))


def test_an_exit_without_a_report_is_not() -> None:
    """os._exit() in the app is the app's."""
    assert not may_be_inherited(Failure("import", "WorkerGone", ""), ended())
    assert not may_be_inherited(Failure("import", "WorkerGone", ""), None)
