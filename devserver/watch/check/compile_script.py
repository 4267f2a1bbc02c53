"""Compiles one file: a function, and the script that runs it in a process of its own.

It imports nothing of this package, so that the process starts fast. It gets bytes on standard input, the path
and the optimisation level as arguments. The result goes to standard output.
"""

from __future__ import annotations

import marshal
import sys
import warnings

Warned = tuple[int, str, str]
"""Line, category, message."""
Error = tuple[str, str, int, int, int, int]
"""Type, message, line, column, end line, end column; 0 is unknown."""
Compiled = tuple[bytes | None, Error | None, tuple[Warned, ...]]
"""The marshalled code, or the reason that it does not compile."""


def compile_bytes(path: str, data: bytes, optimize: int) -> Compiled:
    """Compile a file's bytes. Every exception of `compile()` is a result: hostile nesting raises MemoryError.

    Not to be called by two threads at once: the filters of warnings are global.
    """
    code: bytes | None = None
    error: Error | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            code = marshal.dumps(compile(data, path, "exec", dont_inherit=True, optimize=optimize))
        except Exception as raised:
            error = _describe(raised)
    warned = [
        (entry.lineno, entry.category.__name__, str(entry.message))
        for entry in caught
        if entry.filename == path
    ]
    return code, error, tuple(sorted(set(warned)))


def _describe(raised: Exception) -> Error:
    name = type(raised).__name__
    if not isinstance(raised, SyntaxError):
        return name, str(raised), 0, 0, 0, 0
    column = max(raised.offset or 0, 0)
    return (
        name,
        raised.msg,
        raised.lineno or 0,
        column,
        raised.end_lineno or 0,
        max(raised.end_offset or 0, 0),
    )


if __name__ == "__main__":
    result = compile_bytes(sys.argv[1], sys.stdin.buffer.read(), int(sys.argv[2]))
    sys.stdout.buffer.write(marshal.dumps(result))
