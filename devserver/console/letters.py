"""ASCII substitutes for devserver's symbols, for a terminal that cannot show them; pure.

Law: one character replaces one, so the layout stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment

ASCII = str.maketrans(
    {
        "✓": "+", "✗": "x", "⚠": "!", "○": "o", "⏸": "=", "❱": ">", "→": ">", "·": "-", "…": "~", "—": "-",
        "│": "|", "┊": ":", "─": "-", "━": "=", "└": "`", "├": "|", "\N{REPLACEMENT CHARACTER}": "?",
    }
)  # fmt: skip


def can_show(encoding: str, term: str) -> bool:
    """Return whether a terminal shows more than ASCII, judged by its encoding and $TERM."""
    return encoding.lower().replace("-", "").startswith("utf") and term != "linux"


def plain(segments: Iterable[Segment]) -> Iterable[Segment]:
    """Yield the segments with devserver's symbols in ASCII."""
    for text, style, control in segments:
        yield Segment(text.translate(ASCII), style, control)
