"""The Master's process: notices edits of files that matter, reads and checks them, and reports the findings.

Law: a save whose `close()` or `rename()` has returned is counted by the next `Watch.newest_edit()`, and
every edit that was noticed is settled, in order.
"""

from devserver.watch.reports import AssetsSaved, Noticed, Remark, Report, Reread, Settled, Surveyed
from devserver.watch.watch import Watch

__all__ = ["AssetsSaved", "Noticed", "Remark", "Report", "Reread", "Settled", "Surveyed", "Watch"]
