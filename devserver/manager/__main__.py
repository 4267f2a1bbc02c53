"""`python -P -m devserver.manager FD [VARIABLE]`: the Manager of the Master at the other end of socket FD.

VARIABLE is removed from the environment: it was meant for this interpreter only.

The Manager imports the Worker's code once, before the first fork. Every Worker inherits it.
"""

import os
import sys

from setproctitle import setproctitle

from devserver.manager.loop import Manager
from devserver.manager.syscalls import become_subreaper
from devserver.worker.main import run

if __name__ == "__main__":
    for name in sys.argv[2:]:
        os.environ.pop(name, None)
    setproctitle("devserver: manager")
    boot = Manager(int(sys.argv[1]), adopts=become_subreaper()).run()
    if boot is not None:
        sys.exit(run(boot))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # skips atexit: what preloaded modules have registered, the Workers run
