"""The process tree as rows of a table, which drops its least important columns where room is short."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from devserver.console.failure_view import fit
from devserver.console.model import Model, Process, State, Worker
from devserver.reporting import wording

STYLES: dict[State, str] = {"booting": "yellow", "idle": "green", "busy": "cyan", "retiring": "dim"}
SLOTS = ("cyan", "magenta", "yellow", "blue", "green", "bright_magenta", "bright_blue", "bright_yellow")
GAP = "  "


def colour(slot: int) -> str:
    """Return the colour of a slot, in the table and before the output."""
    return SLOTS[(slot - 1) % len(SLOTS)]


class _Column(NamedTuple):
    title: str
    weight: int
    """The column of the least weight is dropped first."""
    right: bool = False


_COLUMNS = (
    _Column("process", 9),
    _Column("slot", 2, right=True),
    _Column("pid", 5, right=True),
    _Column("gen", 7, right=True),
    _Column("state", 8),
    _Column("handled", 6, right=True),
    _Column("memory", 4, right=True),
    _Column("started", 3),
)


def tree(view: Model, width: int, most: int, *, head: bool) -> list[Text]:
    """Return the tree with at most `most` Workers: it keeps the busy and the young ones."""
    table = [[Text(column.title, style="dim") for column in _COLUMNS]] if head else []
    if view.master:
        table.append(_process("master", view.master))
    for index, manager in enumerate(view.managers):
        last = index == len(view.managers) - 1
        table.append(_process("└ manager" if last else "├ manager", manager))
    shown, hidden = _chosen(view, most)
    for index, worker in enumerate(shown):
        end = index == len(shown) - 1 and not hidden
        table.append(_worker("  └ " if end else "  ├ ", worker, view.generation))
    rows = _aligned(table, width)
    if hidden:
        rows.append(fit(Text(f" {'  └ '}… {states(hidden)} more", style="dim"), width))
    return rows


def summary(view: Model) -> Text:
    """Return a summary of the processes that run the app."""
    row = Text(wording.plural(len(view.workers), "process", "processes"), style="dim")
    memory = wording.size(sum(worker.memory for worker in view.workers.values()))
    busy = sum(worker.state == "busy" for worker in view.workers.values())
    row.append(f" · {memory}" if memory else "")
    return row.append(f" · {busy} busy" if busy else "")


def states(workers: list[Worker]) -> str:
    """Return how many Workers are in each state: `1 busy, 3 idle`."""
    counted = Counter(worker.state for worker in workers)
    return ", ".join(f"{counted[state]} {state}" for state in STYLES if counted[state])


def _chosen(view: Model, most: int) -> tuple[list[Worker], list[Worker]]:
    workers = sorted(view.workers.values(), key=lambda worker: (worker.slot, worker.worker))
    if len(workers) <= most:
        return workers, []
    order = ("booting", "busy", "retiring", "idle")
    ranked = sorted(workers, key=lambda worker: (order.index(worker.state), -worker.generation))
    kept = {worker.worker for worker in ranked[:most]}
    return (
        [worker for worker in workers if worker.worker in kept],
        [worker for worker in workers if worker.worker not in kept],
    )


def _process(name: str, process: Process) -> list[Text]:
    dim = "dim"
    cells = {"process": Text(name), "pid": Text(str(process.pid), style=dim)}
    cells["started"] = Text(wording.clock(process.started), style=dim)
    return [cells.get(column.title, Text()) for column in _COLUMNS]


def _worker(branch: str, worker: Worker, live: int) -> list[Text]:
    behind = worker.generation != live
    return [
        Text(branch).append(f"w{worker.worker}", style=colour(worker.slot)),
        Text(str(worker.slot), style="dim"),
        Text(str(worker.pid), style="dim"),
        Text(str(worker.generation), style="yellow" if behind else ""),
        Text(worker.state, style=STYLES[worker.state]),
        Text(f"{worker.handled:,}"),
        Text(wording.size(worker.memory), style="dim"),
        Text(wording.clock(worker.started), style="dim"),
    ]


def _aligned(table: list[list[Text]], width: int) -> list[Text]:
    widths = [max((cell_len(row[index].plain) for row in table), default=0) for index in range(len(_COLUMNS))]
    kept = [index for index, column in enumerate(_COLUMNS) if widths[index]]
    while len(kept) > 1 and 1 + sum(widths[index] + len(GAP) for index in kept) > width:
        kept.remove(min(kept, key=lambda index: _COLUMNS[index].weight))
    rows: list[Text] = []
    for cells in table:
        row = Text(" ")
        for index in kept:
            blanks = " " * (widths[index] - cell_len(cells[index].plain))
            row.append_text(Text(blanks) + cells[index] if _COLUMNS[index].right else cells[index] + blanks)
            row.append(GAP)
        row.rstrip()
        rows.append(fit(row, width))
    return rows
