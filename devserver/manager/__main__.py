"""`python -P -m devserver.manager FD`: the Manager of the Master at the other end of the socket FD.

The Worker's code is imported here once, before the first fork, so that every Worker has it already.
"""

import sys

from setproctitle import setproctitle

from devserver.manager.loop import Manager
from devserver.worker.main import run

if __name__ == "__main__":
    setproctitle("devserver: manager")
    boot = Manager(int(sys.argv[1])).run()
    sys.exit(0 if boot is None else run(boot))
