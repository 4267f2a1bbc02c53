"""The syntax check: compiles a file from its bytes and reports why it does not compile.

Law: every exception of `compile()` is a failure of the app's code, never one of the server. A large file,
which would hold the interpreter's lock for long, is compiled in a child process, with a deadline.
"""

from __future__ import annotations

import contextlib
import io
import marshal
import subprocess
import sys
import threading
import tokenize

from msgspec import Struct

from devserver.common.events import CompileWarning
from devserver.common.exit_reason import exit_reason
from devserver.common.failure import Failure, Place, excerpt, line_of_fault, place_of_syntax_error
from devserver.common.undebugged import undebugged
from devserver.watch.check import compile_script

LARGE = 64 * 1024
"""Bytes. compile() never releases the interpreter's lock: about 25 ms for a file of this size."""
DEADLINE = 10.0
"""Seconds that the compiler's process may take."""


class Verdict(Struct, frozen=True):
    """The check's result: marshalled code, or a failure."""

    code: bytes | None
    failure: Failure | None
    warnings: tuple[CompileWarning, ...] = ()


class SyntaxChecker:
    """Compiles in the calling thread or in a child process; `stop` ends those that run."""

    def __init__(self, large: int = LARGE, deadline: float = DEADLINE) -> None:
        self._large = large
        self._deadline = deadline
        self._here = threading.Lock()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def check(self, path: str, data: bytes) -> Verdict:
        """Compile `data`, the bytes of the file `path`. Raises nothing."""
        if len(data) > self._large:
            return self._check_in_child(path, data)
        with self._here:
            return _verdict(path, data, compile_script.compile_bytes(path, data, sys.flags.optimize))

    def stop(self) -> None:
        """Kill the child processes; later checks fail at once."""
        self._stopped = True
        for child in list(self._children):
            child.kill()

    def _check_in_child(self, path: str, data: bytes) -> Verdict:
        script = [sys.executable, "-I", "-S", compile_script.__file__, path, str(sys.flags.optimize)]
        try:
            with undebugged():
                child = subprocess.Popen(
                    script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
        except OSError as error:
            return _gave_up(path, data, f"the compiler process could not be started: {error.strerror}")
        self._children.add(child)
        try:
            if self._stopped:
                child.kill()
            output, _ = child.communicate(data, timeout=self._deadline)
            compiled: compile_script.Compiled = marshal.loads(output)
        except subprocess.TimeoutExpired:
            return _gave_up(path, data, f"compile() took longer than {self._deadline:g} s")
        except (EOFError, ValueError, TypeError, OSError):
            child.kill()
            return _gave_up(path, data, f"the compiler process ended with {exit_reason(child.wait())}")
        finally:
            child.kill()
            child.communicate()
            self._children.discard(child)
        return _verdict(path, data, compiled)


def decode(data: bytes) -> str:
    """Return source text, decoded as it declares; undecodable bytes are replaced."""
    encoding = "utf-8"
    with contextlib.suppress(SyntaxError):
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    try:
        return data.decode(encoding, "replace")
    except (LookupError, ValueError):  # a codec that is not one of text, or that cannot replace
        return data.decode("utf-8", "replace")


def _verdict(path: str, data: bytes, compiled: compile_script.Compiled) -> Verdict:
    code, error, warned = compiled
    warnings = tuple(
        CompileWarning(path=path, line=line, category=category, message=message)
        for line, category, message in warned
    )
    return Verdict(code, None if error is None else _failure(path, data, error), warnings)


def _failure(path: str, data: bytes, error: compile_script.Error) -> Failure:
    kind, message, line, column, end_line, end_column = error
    line = line or line_of_fault(data, message)
    raised = SyntaxError(message, (path, line, column, None, end_line or line, end_column))
    return Failure(
        phase="check",
        type=kind,
        message=message or "the source is nested too deeply for the compiler",
        place=place_of_syntax_error(raised, decode(data), path),
    )


def _gave_up(path: str, data: bytes, message: str) -> Verdict:
    around, first = excerpt(decode(data[: LARGE * 16]), 1)
    return Verdict(None, Failure("check", "CheckError", message, Place(path, 1, excerpt=around, first=first)))
