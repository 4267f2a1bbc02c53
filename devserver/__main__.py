"""`python -m devserver` is the command `devserver`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the folder it is started in: a selectors.py there is the app's affair

from devserver.cli.command import main

sys.exit(main())
