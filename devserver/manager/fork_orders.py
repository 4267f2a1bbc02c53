"""How each Worker is forked: by the Manager itself, or by an image that is copied. Pure, as the fleet is.

Laws: each fork that was ordered of an image ends in a copy, in a fork of the Manager's own, or in the report
of a Worker that never had a process. An image that hangs, or that no generation needs any more, is ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from devserver.ipc.image_messages import LEAST
from devserver.ipc.messages import LEFT, Configure, ImageState, Loaded, ManagerNotice, Reload
from devserver.manager.child_table import ChildTable
from devserver.manager.images import HANGS_AFTER, OVERDUE, REST, Images, differences
from devserver.manager.protocol import EndImage, Fork, ForkAhead, Forked, ImageCame, PrepareImage, SendToImage
from devserver.manager.snapshots import Snapshots
from devserver.manager.states import NOTE, Child, Escalation


class ForkOrders:
    """Orders forks, and ends images, in commands that the table collects.

    Methods that return Workers return those that will have no process: the caller removes them.
    """

    def __init__(self, settings: Configure, table: ChildTable, *, ahead: bool) -> None:
        self.snapshots = Snapshots()
        self._settings = settings
        self._table = table
        self._images = Images()
        self._copying: dict[int, tuple[int, float]] = {}
        """Worker → the image that forks it, and the time from which that image counts as hung."""
        self._elsewhere: set[int] = set()
        """Generations that another Manager boots faster than this one."""
        self._no_image = ""
        """The last reported reason for a missing image."""
        self._image_state = "awaited"
        """What was last reported of images."""
        self._records = True
        """Whether the next full boot records its import."""
        self._ahead = ahead
        self._saved = False
        """Whether newer code was ordered: until then a process that is forked ahead only takes memory."""
        self._ahead_from: float | None = None
        """From when to fork the process of the next Worker, once none boots."""

    def deadlines(self, waiting: Iterable[int]) -> list[float]:
        """Return when copies count as hung, these generations wait no more, and images are to get ready."""
        moments = [hangs for _image, hangs in self._copying.values()]
        awaited = map(self._images.awaited_until, waiting)
        moments += [moment for moment in awaited if moment is not None and moment > self._table.now]
        return moments + self._images.deadlines

    @property
    def rests(self) -> list[float]:
        """Return when the process of the next Worker is to be forked."""
        return [] if self._ahead_from is None or self._boots else [self._ahead_from]

    @property
    def _boots(self) -> bool:
        return any(child.state == "booting" for child in self._table)

    # what Workers may be forked from

    def ordered(self, order: Reload, live: int) -> None:
        """Add a generation. Raises IllegalEvent if its base is forgotten."""
        self._saved = self._saved or (live > 0 and not order.live)
        self.snapshots.add(order.generation, order.base, order.changes)
        self._images.ordered(order.generation, order.base, order.cold)
        if order.elsewhere:
            self._elsewhere.add(order.generation)

    def loaded(self, order: Loaded, live: int) -> None:
        """Add a file that a Worker read late."""
        self.snapshots.loaded(order.generation, order.source)
        for image in self._images.loaded(order.generation, order.source, live):
            self._table.out.append(SendToImage(image, order.source))

    def on_live(self, generation: int) -> None:
        """A generation is live: send its late files to the images that it was copied from."""
        self._table.out += [SendToImage(image, source) for image, source in self._images.on_live(generation)]

    def accepted(self, child: Child) -> None:
        """Record that the Master has accepted a Worker: its image may be copied."""
        self._images.accepted(child.worker, self._table.now)
        self._rest()

    def _rest(self) -> None:
        """Fork the next Worker's process once nothing has happened for a while."""
        if self._ahead and self._saved:
            self._ahead_from = self._table.now + REST

    def awaits_image(self, generation: int) -> bool:
        """Return whether to wait for an image that a Worker of this generation may be copied from.

        One that rests gets ready now.
        """
        until = self._images.awaited_until(generation)
        if until is None or until <= self._table.now:
            return False
        self._table.out += map(PrepareImage, self._images.prepare(self._table.now, generation))
        return True

    def use_rest(self, live: int) -> None:
        """Let the images get ready whose Workers have been live for a moment; fork ahead if there is none."""
        self._table.out += map(PrepareImage, self._images.prepare(self._table.now))
        if self._ahead_from is None or self._ahead_from > self._table.now or self._boots:
            return
        self._ahead_from = None
        if self._images.of(live) is None and self._images.awaited_until(live) is None:
            self._table.out.append(ForkAhead(live))

    def is_left(self, generation: int) -> bool:
        """Return whether another Manager is to boot it, since no image here will do."""
        return generation in self._elsewhere and self._images.of(generation) is None

    def why_left(self, generation: int) -> str:
        """Return the verdict on a candidate that another Manager is to boot."""
        return LEFT + self._images.why(generation)

    # forks

    def fork(self, slot: int, generation: int, live: int) -> Child:
        """Order a Worker. Its boot has a limit, except perhaps that of the first generation."""
        timeout = self._settings.boot_timeout
        timetable: Escalation = NOTE
        if timeout and (live or not self._settings.first_boot):
            timetable = (*(step for step in NOTE if step[0] < timeout), (timeout, "limit"))
        child = self._table.fork(slot, generation, timetable)
        self._order(child)
        return child

    def _order(self, child: Child) -> None:
        """Order the fork of a Worker: by a suitable image, else by the Manager."""
        image = self._images.of(child.generation)
        if image is not None:
            changes = differences(image, self.snapshots[child.generation])
            self._copying[child.worker] = image.worker, self._table.now + HANGS_AFTER
            self._table.out.append(Fork(child.worker, child.slot, child.generation, image.worker, changes))
            return
        for overdue in self._images.overdue(child.generation, self._table.now):
            self._images.refused(child.generation, OVERDUE)
            self._end_image(overdue, OVERDUE)  # nothing is copied from one that was never ready
        if self._settings.worker.warm:
            self._images.expected(child.worker, child.generation)
        self._table.out.append(Fork(child.worker, child.slot, child.generation, records=self._records))

    # facts

    def forked(self, child: Child, forked: Forked) -> None:
        """Record the process of a Worker."""
        self._copying.pop(child.worker, None)
        self._elsewhere.discard(child.generation)
        why = self._images.why(child.generation) if forked.way == "boot" else ""
        self._table.forked(child, forked, why)

    def failed(self, child: Child) -> None:
        """Record that the kernel has refused a Worker's process."""
        self._copying.pop(child.worker, None)

    def exited(self, child: Child) -> list[Child]:
        """Record that a Worker was reaped: if it was never accepted, its image is of no use."""
        if child.accepted or child.worker not in self._images.all:
            return []
        return self._end_image(child.worker)

    def image_came(self, fact: ImageCame) -> None:
        """Record an image; send it the files that it lacks."""
        for source in self._images.came(fact.worker, fact.pid, fact.holds):
            self._table.out.append(SendToImage(fact.worker, source))
        self._report_state()

    def image_gone(self, worker: int, reason: str) -> list[Child]:
        """Record that there is no image, or not any more: fork in the Manager what it had yet to fork."""
        self._images.gone(worker, reason)
        self._report_state()
        self._rest()
        copies = [copy for copy, (image, _hangs) in self._copying.items() if image == worker]
        return [child for copy in copies for child in self.copy_failed(self._table.unborn(copy), reason)]

    def _report_state(self) -> None:
        state = self._images.state
        if state != self._image_state:
            self._image_state = state
            self._table.send(ImageState(state))

    def imported(self, own_ms: float | None) -> None:
        """Decide by the last import whether the next full boot records its own: that costs it some ms."""
        if own_ms is not None:
            self._records = own_ms >= (LEAST / 2 if self._records else LEAST)

    def report_no_image(self, reason: str) -> None:
        """Report why there is no image; each reason once in a row."""
        if reason and reason != self._no_image:
            self._no_image = reason
            self._table.send(
                ManagerNotice("info", f"no warm reloads, so each save imports everything: {reason}")
            )

    def copy_failed(self, child: Child, reason: str) -> list[Child]:
        """Fork in the Manager what an image cannot fork, unless it is not needed or left to another."""
        asked, _hangs = self._copying.pop(child.worker)
        image = self._images.of(child.generation)
        self._images.refused(child.generation, reason)
        ended = []
        if image is not None and image.worker == asked and image.generation == child.generation:
            ended = self._end_image(asked)  # a file that its import read has changed
        if child.state == "ending":
            return [*ended, child]
        if self.is_left(child.generation):
            child.verdict = LEFT + reason
            return [*ended, child]
        self._order(child)
        return ended

    # the end of images

    def end_images(self, needed: tuple[int, ...]) -> list[Child]:
        """End images that hang, and those that none of these generations needs; the live one comes first."""
        hung = {image for image, hangs in self._copying.values() if hangs <= self._table.now}
        ended = [child for image in sorted(hung) for child in self._end_image(image, OVERDUE)]
        useless = self._images.superfluous(*needed) if needed else self._images.all
        return ended + [child for image in sorted(useless) for child in self._end_image(image)]

    def _end_image(self, image: int, why: str = "") -> list[Child]:
        self._table.out.append(EndImage(image))
        return self.image_gone(image, why)
