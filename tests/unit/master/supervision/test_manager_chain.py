"""Which Manager an order goes to, while one takes another's place."""

from __future__ import annotations

from typing import cast

import pytest

from devserver.ipc.messages import (
    BootDone,
    DebuggerState,
    Drop,
    Loaded,
    Reload,
    Source,
    Stop,
    WorkerIdle,
)
from devserver.master.dispatch.worker import Worker
from devserver.master.supervision.manager_chain import ManagerChain
from tests.unit.master.pretend import Pretend


class _Forked:
    """All that a chain looks at in a Worker."""

    def __init__(self, manager: Pretend | None) -> None:
        self.manager = manager


def workers(**managers: Pretend | None) -> dict[int, Worker]:
    """Return Workers, `w7` being number 7, with who has forked them."""
    return {int(name[1:]): cast(Worker, _Forked(manager)) for name, manager in managers.items()}


def relieved() -> tuple[ManagerChain, Pretend, Pretend]:
    """Return a chain whose first Manager has generation 1, and whose second has got generation 2."""
    chain, first, second = ManagerChain(), Pretend(), Pretend()
    chain.promote(first)
    chain.send(Reload(1, 0, ()), {})
    chain.promote(second)
    chain.send(Reload(2, 0, ()), {})
    return chain, first, second


def test_a_candidate_is_ordered_of_the_manager_that_serves_only() -> None:
    """No generation boots twice."""
    _, first, second = relieved()
    assert (first.ordered, second.ordered) == ([1], [2])


def test_a_drop_goes_to_whoever_boots_it() -> None:
    """A candidate that nobody needs is ended where it is, whoever serves by now."""
    chain, first, second = relieved()
    chain.send(Drop(1), {})
    assert first.told(Drop) == [Drop(1)]
    assert second.told(Drop) == []


def test_a_drop_of_what_nobody_has_is_not_sent() -> None:
    """Its Manager has ended: there is nothing to end any more."""
    chain, first, second = relieved()
    chain.remove(first)
    chain.send(Drop(1), {})
    chain.send(Drop(9), {})
    assert first.told(Drop) == second.told(Drop) == []


def test_a_late_import_is_told_to_everybody() -> None:
    """Whoever starts the next Worker has it."""
    chain, first, second = relieved()
    loaded = Loaded(1, 1, Source("/lazy.py", b"1", b""))
    chain.send(loaded, {})
    assert first.told(Loaded) == second.told(Loaded) == [loaded]


@pytest.mark.parametrize("news", [BootDone(1, 1, ()), WorkerIdle(1), DebuggerState(True, 1)])
def test_news_of_a_worker_goes_to_whoever_has_forked_it(
    news: BootDone | WorkerIdle | DebuggerState,
) -> None:
    """An elder hears of its own Workers until the last has left."""
    chain, first, second = relieved()
    chain.send(news, workers(w1=first, w1001=second))
    assert first.told(type(news)) == [news]
    assert second.told(type(news)) == []


def test_news_of_a_worker_that_has_left_or_is_nobodys_is_kept_from_all() -> None:
    """It is late, and no Manager must take it for news of another."""
    chain, first, second = relieved()
    chain.send(WorkerIdle(7), workers(w1=None))
    chain.send(WorkerIdle(1), workers(w1=None))
    assert first.told(WorkerIdle) == second.told(WorkerIdle) == []


def test_an_elder_is_outlived_once_newer_code_is_live_elsewhere() -> None:
    """Until then it must be able to start the live code again."""
    chain, first, _ = relieved()
    assert chain.outlived(1) == []
    assert chain.outlived(2) == [first]


def test_the_manager_that_serves_is_never_outlived() -> None:
    """It gets the next candidates, whatever is live."""
    chain, _, second = relieved()
    chain.promote(Pretend())
    chain.promote(Pretend())
    assert second not in chain.outlived(2)
    assert len(chain.outlived(3)) == len(chain.elders) == 3


def test_an_elder_with_a_younger_candidate_stays() -> None:
    """It boots what may be live next."""
    chain, first, second = relieved()
    third = Pretend()
    chain.promote(third)
    chain.send(Reload(3, 0, ()), {})
    assert chain.outlived(2) == [first]
    assert chain.outlived(3) == [first, second]


def test_a_generation_whose_manager_has_ended_is_nowhere_at_home() -> None:
    """Its snapshot ended with it: whoever boots on top of it is told everything."""
    chain, first, second = relieved()
    assert chain.home(1) is first
    chain.remove(first)
    assert chain.home(1) is None
    assert chain.all == [second]
    chain.remove(second)
    assert chain.serving is None
    assert chain.all == []


def test_the_end_of_one_that_is_in_no_place_changes_nothing() -> None:
    """One that was put aside leaves later than its successor has come."""
    chain, first, second = relieved()
    chain.remove(Pretend())
    assert chain.all == [first, second]


def test_an_elder_serves_again_when_it_is_recalled() -> None:
    """An exclusive candidate is for the Manager whose Workers are in its way."""
    chain, first, second = relieved()
    assert chain.recall(1) is second
    assert chain.all == [first]
    chain.send(Reload(3, 1, ()), {})
    assert first.ordered == [1, 3]


def test_whoever_serves_need_not_be_recalled() -> None:
    """Nobody is replaced, and nobody is lost."""
    chain, first, second = relieved()
    assert chain.recall(2) is None
    assert chain.recall(9) is None
    assert chain.all == [first, second]


def test_what_is_no_order_for_one_of_several_is_a_fault_of_ours() -> None:
    """All are stopped one by one, by name."""
    chain, *_ = relieved()
    with pytest.raises(AssertionError, match="Stop"):
        chain.send(Stop(0), {})
