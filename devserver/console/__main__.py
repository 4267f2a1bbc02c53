"""`python -P -m devserver.console FD [SETTINGS]`: the console of the Master at the other end of a socket.

The standard streams are its terminal; it obeys NO_COLOR.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sys

from setproctitle import setproctitle


def main() -> int:
    """Draw what arrives on the descriptor until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # before the slow imports: the Master handles Ctrl-C
    setproctitle("devserver: console")

    from devserver.reporting import terminal

    ours = terminal.of_process()  # before anything changes its settings

    import msgspec
    from rich.console import Console

    from devserver.common.console_settings import ConsoleSettings
    from devserver.console.plain_shell import PlainShell
    from devserver.console.shell import Shell

    settings = msgspec.json.decode(sys.argv[2] if sys.argv[2:] else "{}", type=ConsoleSettings)

    for name in ("COLUMNS", "LINES"):  # a size that was exported once would outlive every resize
        os.environ.pop(name, None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    with socket.socket(fileno=int(sys.argv[1])) as link:
        shell = PlainShell if settings.plain else Shell
        code = shell(link, console, ours, settings).run()
    if code:
        os._exit(code)  # an interpreter that ends flushes stdout: the terminal may not be reading
    return code


if __name__ == "__main__":
    sys.exit(main())
