"""What the commands write, and their exit codes.

Law: an answer goes to standard output, a problem to standard error. Exit code 0 is yes, 1 no, 2 a usage
error, 3 no server that answers.
"""

from __future__ import annotations

import sys

import click

NO, USAGE, NO_SERVER = 1, 2, 3


def write_line(text: str, *, err: bool = False) -> None:
    """Write a line."""
    write(text + "\n", err=err)


def write(text: str, *, err: bool = False) -> None:
    """Write text in any encoding of the terminal; the app's colours go to a terminal only."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(_PLAIN).encode("ascii", "backslashreplace").decode()
    click.echo(text, nl=False, err=err)


_PLAIN = str.maketrans({"—": "-", "→": "->", "…": "...", "·": "-", "✓": "OK", "✗": "X", "⚠": "!"})
