"""`python -P -m devserver.console FD [plain]`: the console of the Master at the other end of the socket FD.

Its terminal is on the standard streams; NO_COLOR is obeyed.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
from contextlib import suppress

from setproctitle import setproctitle


def main() -> int:
    """Draw what arrives on the descriptor until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # before the slow imports: Ctrl-C is the Master's to answer
    setproctitle("devserver: console")

    from devserver.reporting import terminal

    ours = terminal.of_process()  # before anything changes it

    from rich.console import Console

    from devserver.console.plain_shell import PlainShell
    from devserver.console.shell import Shell

    for name in ("COLUMNS", "LINES"):  # a size that was exported once would outlive every resize
        os.environ.pop(name, None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    with socket.socket(fileno=int(sys.argv[1])) as link:
        shell = PlainShell if sys.argv[2:] == ["plain"] else Shell
        code = shell(link, console, ours, _editor()).run()
    if code:
        os._exit(code)  # an interpreter that ends flushes stdout: the terminal may not be reading
    return code


def _editor() -> str:
    """Return the template of links to files; what makes no sense was reported by the command."""
    from devserver.common import editor_links
    from devserver.common.errors import UsageError

    with suppress(UsageError):
        if named := os.environ.get("DEVSERVER_EDITOR"):
            return editor_links.template(named)
    return editor_links.guessed(os.environ)


if __name__ == "__main__":
    sys.exit(main())
