"""The user is called when the state turns."""

from __future__ import annotations

from io import StringIO

import pytest

from devserver.common.console_settings import Notify
from devserver.console.headline import Headline
from devserver.console.notification import Notification

GOOD, BAD = Headline(mood="good", mark="✓", state="LIVE"), Headline(mood="bad", mark="✗", state="NOT LIVE")
WAITING = Headline(mood="waiting", mark="…", state="starting")


@pytest.mark.parametrize(
    ("how", "heard"),
    [("off", ""), ("bell", "\a"), ("osc9", "\x1b]9;✗ NOT LIVE\a\x1b]9;✓ LIVE\a")],
)
def test_a_change_for_the_worse_is_announced_once(how: Notify, heard: str) -> None:
    """Not each save, and not the first code that is live; OSC 9 also says when it is good again."""
    file = StringIO()
    notification = Notification(file, how)
    for line in (GOOD, WAITING, GOOD, WAITING, BAD, WAITING, BAD, GOOD, GOOD):
        notification.update(line)
    assert file.getvalue() == heard
