"""The Master's process: notices edits of files that matter, reads, checks and reports them.

Law: the next `Watch.newest_edit()` counts every save whose `close()` or `rename()` has returned. Every
noticed edit is reported with its contents, in order.
"""

from devserver.watch.reports import (
    AssetsSaved,
    EditChecked,
    EditNoticed,
    FilesReread,
    FilesSurveyed,
    Remark,
    Report,
)
from devserver.watch.watch import Watch

__all__ = [
    "AssetsSaved",
    "EditChecked",
    "EditNoticed",
    "FilesReread",
    "FilesSurveyed",
    "Remark",
    "Report",
    "Watch",
]
