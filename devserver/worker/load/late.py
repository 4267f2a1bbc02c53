"""Completes the import of rlcompleter in a Worker: a Manager preloads it without readline.

readline binds to the terminal, and a Manager has none of its Workers' terminals.

From Python 3.13 on pdb imports rlcompleter, and frameworks import pdb.
"""

from __future__ import annotations

import atexit
import sys
from contextlib import suppress

ABSENT, WITHOUT = "readline", "rlcompleter"
"""The module that a Manager refuses, and the one that may do without it."""


def complete() -> None:
    """In a Worker, with its own terminal: do what rlcompleter's import does with readline."""
    module = sys.modules.get(WITHOUT)
    if module is None or module._readline_available:
        return
    with suppress(ImportError):  # this Python was built without it
        import readline

        module.__dict__.update(readline=readline, _readline_available=True)
        readline.set_completer(module.Completer().complete)
        atexit.register(readline.set_completer, None)
