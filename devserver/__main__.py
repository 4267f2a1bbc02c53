"""`python -m devserver` is the command `devserver`."""

import sys

from devserver.cli import main

sys.exit(main())
