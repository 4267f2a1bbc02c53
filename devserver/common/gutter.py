"""The gutter at the left of the app's output in the console: the Workers' terminals are narrower by it."""

FIRST, FURTHER = "│ ", "┊ "
"""For the beginning of a line, and for its rest if the beginning was shown before."""


def label(slot: int, *, several: bool) -> str:
    """Return the slot's number, which names the Worker if there are `several` slots, else ""."""
    return f"{slot} " if several else ""


def width(slots: int) -> int:
    """Return the gutter's columns for a number of slots."""
    return len(label(slots, several=slots > 1) + FIRST)
