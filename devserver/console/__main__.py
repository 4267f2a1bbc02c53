"""The console's process: `python -P -m devserver.console --fd N`, its terminal on the standard streams."""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import sys

from setproctitle import setproctitle


def main() -> int:
    """Draw what arrives on the descriptor until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # before the slow imports: Ctrl-C is the Master's to answer
    parser = argparse.ArgumentParser(prog="devserver console")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--no-color", action="store_true")
    arguments = parser.parse_args()
    setproctitle("devserver: console")

    from devserver.console import terminal

    ours = terminal.of_process()  # before anything changes it

    from rich.console import Console

    from devserver.console.live import Shell

    for name in ("COLUMNS", "LINES"):  # a size that was exported once would outlive every resize
        os.environ.pop(name, None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(
        no_color=arguments.no_color or None, highlight=False, markup=False, emoji=False, soft_wrap=False
    )
    with socket.socket(fileno=arguments.fd) as link:
        code = Shell(link, console, ours).run()
    if code:
        os._exit(
            code
        )  # else the interpreter flushes stdout, and waits for a terminal that may not be reading
    return code


if __name__ == "__main__":
    sys.exit(main())
