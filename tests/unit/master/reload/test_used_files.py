"""Who uses which file."""

from __future__ import annotations

from devserver.master.reload.used_files import MOST, UsedFiles


def test_a_candidate_that_goes_live_keeps_what_it_uses_and_elder_code_is_forgotten() -> None:
    """Workers of one generation are taken together; a late one of an elder adds nothing."""
    uses = UsedFiles()
    uses.add(1, ["a", "b"])
    uses.add(2, ["a"])
    uses.add(2, ["c"])
    assert uses.of(1) == {"a", "b"}
    uses.went_live(2)
    uses.add(1, ["d"])
    assert (uses.of(1), uses.of(2)) == (frozenset(), {"a", "c"})


def test_refusals_do_not_pile_up() -> None:
    """However many generations are refused: the live one and the youngest are remembered."""
    uses = UsedFiles()
    uses.went_live(1)
    uses.add(1, ["a"])
    for generation in range(2, 10):
        uses.add(generation, ["b"])
    assert [number for number in range(10) if uses.of(number)] == [1, *range(10 - MOST, 10)]
