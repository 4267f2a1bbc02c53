"""devserver: a development server that is started once and never restarted.

One folder a process: `cli`, `serve`, `master`, `watch` and `reporting` run in the Master, `manager` in a
Manager, `worker` in a Worker, `console` in the console. Between them: `ipc`, `control`, and `common` for all.

Here is what handlers may import: how a TCP stream is cut into frames. It is light: every Worker imports it.
"""

from devserver.common.framing import Delimited, LengthPrefixed, Lines, Raw

__all__ = ["Delimited", "LengthPrefixed", "Lines", "Raw", "__version__"]
__version__ = "0.1.0"
