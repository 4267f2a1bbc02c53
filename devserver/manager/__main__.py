"""`python -P -m devserver.manager FD`: the Manager of the Master at the other end of the socket FD.

The Worker's code is imported here once, before the first fork, so that every Worker has it already.
"""

import os
import sys

from setproctitle import setproctitle

from devserver.manager.loop import Manager
from devserver.worker.main import run

if __name__ == "__main__":
    setproctitle("devserver: manager")
    boot = Manager(int(sys.argv[1])).run()
    if boot is not None:
        sys.exit(run(boot))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # what preloaded modules have registered to run at the end is the Workers' to run
