"""Pauses between replacements."""

from __future__ import annotations

from devserver.manager.backoff import LONGEST, Backoff


def deaths(backoff: Backoff, times: list[float]) -> list[float]:
    pauses = []
    for now in times:
        backoff.died(now)
        pauses.append(backoff.pause)
    return pauses


def test_a_single_death_costs_no_time() -> None:
    """A Worker that is killed now and then is replaced at once, each time."""
    assert deaths(Backoff(), [0.0, 30.0, 60.0, 90.0]) == [0, 0, 0, 0]


def test_the_third_death_in_ten_seconds_costs_a_pause_that_doubles_up_to_a_limit() -> None:
    """A crash loop calms down to one start in five seconds."""
    backoff = Backoff()
    pauses = []
    now = 0.0
    for _ in range(10):
        backoff.died(now)
        pauses.append(backoff.pause)
        now = max(now, backoff.until) + 0.01
    assert pauses == [0, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST, LONGEST]


def test_three_deaths_in_more_than_ten_seconds_cost_nothing() -> None:
    """Only a quick succession is a crash loop."""
    assert deaths(Backoff(), [0.0, 6.0, 12.0]) == [0, 0, 0]


def test_a_long_pause_does_not_pass_for_calm() -> None:
    """While Workers die right after each pause the pauses stay long, though fewer die in ten seconds."""
    backoff = Backoff(pause=LONGEST, until=100.0)
    assert deaths(backoff, [100.1, 105.2, 110.3]) == [LONGEST] * 3


def test_calm_forgets_the_pauses() -> None:
    """After ten quiet seconds a death is a first one again."""
    backoff = Backoff()
    deaths(backoff, [0.0, 0.1, 0.2, 0.4])
    assert deaths(backoff, [20.0, 20.1, 20.2]) == [0, 0, 0.1]


def test_each_longer_pause_is_news_once() -> None:
    """The user reads of a crash loop when it gets worse, not at every start."""
    backoff = Backoff()
    news = []
    now = 0.0
    for _ in range(12):
        news.append(backoff.died(now))
        now = backoff.until
    assert news == [False, False, *[True] * 7, False, False, False]
