"""A mount that hangs does not hold the loop."""

from __future__ import annotations

import threading

from devserver.ipc.source_digest import Signature
from devserver.watch.check.unwatched import UnwatchedFiles


def test_a_mount_that_hangs_is_waited_for_once() -> None:
    """Until it answers, what lies on it cannot be told; then it can again."""
    answers, hung, looked = threading.Event(), [], []

    def look_at(path: str) -> Signature | None:
        looked.append(path)
        answers.wait(10)
        return None

    look = UnwatchedFiles(lambda: hung.append(True), look_at, patience=0.01)
    assert look.signatures([]) == {}
    assert look.signatures(["/mnt/a"]) == {}
    assert look.signatures(["/mnt/a"]) == {}
    assert (looked, hung) == (["/mnt/a"], [True])
    answers.set()
    assert look._looking is not None
    look._looking.join(10)
    look._patience = 10
    assert look.signatures(["/mnt/a", "/mnt/b"]) == {"/mnt/a": None, "/mnt/b": None}
