"""Which image a Worker is copied from, without a process."""

from __future__ import annotations

from devserver.ipc.messages import Source
from devserver.manager.images import HANGS_AFTER, Images, differences

A, B = Source("/a.py", b"a", b""), Source("/b.py", b"b", b"")


def left(worker: int, generation: int) -> Images:
    """Return images with one that is ready."""
    images = Images()
    images.ordered(generation, 0, "")
    images.expected(worker, generation)
    images.came(worker, 1000 + worker, {A.path: A.digest})
    images.accepted(worker, 0.0)
    return images


def source_of(images: Images, generation: int) -> int:
    """Return the Worker whose image a generation is copied from, 0 for none."""
    image = images.of(generation)
    return image.worker if image else 0


def test_an_image_counts_once_its_worker_is_accepted() -> None:
    """Until then it may be that of code that is refused."""
    images = Images()
    images.ordered(1, 0, "")
    images.expected(1, 1)
    images.came(1, 1001, {})
    assert source_of(images, 1) == 0
    images.accepted(1, 5.0)
    assert source_of(images, 1) == 1


def test_newer_code_is_copied_from_the_image_of_what_it_differs_from() -> None:
    """Over any number of saves: what differs gathers against that image."""
    images = left(1, 1)
    for generation in range(2, 2000):
        images.ordered(generation, generation - 1, "")
        assert source_of(images, generation) == 1
        assert images.superfluous(generation) == []


def test_what_is_ordered_cold_is_copied_from_nothing_older() -> None:
    """Nor is what follows it, until it has an image of its own."""
    images = left(1, 1)
    images.ordered(2, 1, ".env has changed")
    images.ordered(3, 2, "")
    assert (source_of(images, 2), source_of(images, 3)) == (0, 0)
    assert images.why(2) == ".env has changed"
    images.expected(5, 2)
    images.came(5, 1005, {})
    images.accepted(5, 1.0)
    assert source_of(images, 3) == 5
    assert images.superfluous(2) == [1]


def test_the_last_good_codes_image_stays_while_newer_code_is_tried() -> None:
    """Refused code leaves it alone; newer code that is live and has another replaces it."""
    images = left(1, 1)
    images.ordered(2, 1, "")
    images.refused(2, "its module level changed")
    assert (source_of(images, 1), source_of(images, 2)) == (1, 0)
    assert images.why(2) == "its module level changed"
    assert images.superfluous(1) == []
    images.expected(2, 2)
    assert images.superfluous(2) == [1]


def test_one_image_of_the_live_code_is_enough() -> None:
    """Another Worker that had to boot fully leaves a second one; it is ended."""
    images = left(1, 1)
    images.expected(2, 1)
    images.accepted(2, 1.0)
    assert images.superfluous(1) == []
    images.came(2, 1002, {A.path: A.digest})
    assert images.superfluous(1) == [2]
    images.gone(2)
    assert source_of(images, 1) == 1


def test_an_older_image_goes_once_the_live_code_has_its_own() -> None:
    """Also when newer code that might have been copied from it has failed meanwhile."""
    images = left(1, 1)
    images.ordered(2, 1, "")
    images.refused(2, "its module level changed")
    images.expected(2, 2)
    images.ordered(3, 1, "")
    images.came(2, 1002, {A.path: A.digest})
    images.accepted(2, 1.0)
    assert images.superfluous(2, 3) == []
    assert source_of(images, 3) == 1
    assert images.superfluous(2) == [1]
    images.gone(1)
    images.ordered(4, 2, "")
    assert source_of(images, 4) == 2


def test_the_newest_image_of_a_line_is_enough() -> None:
    """What the live code was copied from is needed until it has an image of its own."""
    images = left(1, 1)
    images.ordered(2, 1, "")
    assert images.superfluous(2) == []
    images.expected(2, 2)
    images.came(2, 1002, {A.path: A.digest})
    assert images.superfluous(2) == []
    images.accepted(2, 1.0)
    assert images.superfluous(2) == [1]
    images.gone(1)
    assert source_of(images, 2) == 2


def test_one_waits_for_an_image_that_may_still_come_and_not_for_long() -> None:
    """A slot is filled from the Manager when none has come."""
    images = Images()
    images.ordered(1, 0, "")
    images.expected(1, 1)
    assert images.awaited_until(1) is None
    images.accepted(1, 3.0)
    assert images.awaited_until(1) == 3.0 + HANGS_AFTER
    images.ordered(2, 1, "")
    assert images.awaited_until(2) == 3.0 + HANGS_AFTER
    images.came(1, 1001, {})
    assert images.awaited_until(1) is images.awaited_until(2) is None
    images.gone(1)
    assert (source_of(images, 1), images.awaited_until(1)) == (0, None)


def test_an_image_gets_to_know_what_joins_its_snapshot_whenever_that_was() -> None:
    """A file that joins before the image has come is no difference from it later."""
    images = Images()
    images.ordered(1, 0, "")
    images.expected(1, 1)
    images.accepted(1, 0.0)
    assert images.loaded(1, A, 1) == images.loaded(1, B, 1) == []
    assert images.came(1, 1001, {A.path: A.digest}) == [B]
    image = images.of(1)
    assert image is not None
    assert differences(image, {A.path: A, B.path: B}) == ()
    assert images.loaded(1, Source("/c.py", b"c", b""), 1) == [1]
    assert images.loaded(1, Source("/c.py", b"c", b""), 1) == []


def test_what_a_snapshot_lacks_differs_as_much_as_what_it_has_otherwise() -> None:
    """Both are for the image to judge."""
    image = left(1, 1).of(1)
    assert image is not None
    newer = Source(A.path, b"x", b"")
    assert differences(image, {A.path: newer, B.path: B}) == (newer, B)
    assert differences(image, {}) == (Source(A.path, b"", None),)
