"""devserver: a development server that is started once and never restarted.

What handlers may import: how a TCP stream is cut into frames. Kept light, for every Worker has it.
"""

from devserver.common.framing import Delimited, LengthPrefixed, Lines, Raw

__all__ = ["Delimited", "LengthPrefixed", "Lines", "Raw", "__version__"]
__version__ = "0.1.0"
