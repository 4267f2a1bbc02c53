"""Files that only browsers show: reported, and no edit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devserver.watch import AssetsSaved
from tests.integration.watching import Reports, an_app, on_each_loop, watching


async def saved(reports: Reports, count: int) -> list[str]:
    """Return the files that were reported, once there are so many reports."""
    await reports.until(lambda: len(reports.all(AssetsSaved)) >= count or None)
    return [os.path.basename(path) for report in reports.all(AssetsSaved) for path in report.paths]


@pytest.mark.parametrize("poll", [False, True])
@on_each_loop
async def test_a_saved_style_sheet_is_reported_and_makes_no_edit(tmp_path: Path, poll: bool) -> None:
    """Once, however it is saved; not where nothing has changed."""
    sheet = tmp_path / "static" / "main.css"
    sheet.parent.mkdir()
    sheet.write_text("a {}")
    app = an_app(tmp_path)
    async with watching(tmp_path, poll=poll) as reports:
        await reports.attend(app)
        sheet.write_text("b { }")
        assert await saved(reports, 1) == ["main.css"]
        sheet.write_text("b { }")  # as it was
        other = tmp_path / "main.css.new"
        other.write_text("c { color: red }")
        other.rename(sheet)
        assert await saved(reports, 2) == ["main.css", "main.css"]
        assert reports.watch.newest_edit() == 0


@on_each_loop
async def test_many_assets_at_once_are_one_report(tmp_path: Path) -> None:
    """A build writes them all."""
    (tmp_path / "web").mkdir()
    app = an_app(tmp_path)
    async with watching(tmp_path, assets=("*.json",)) as reports:
        await reports.attend(app)
        names = [f"{number}.{kind}" for number in range(5) for kind in ("js", "json")]
        for name in names:
            (tmp_path / "web" / name).write_text(name)
        await reports.until(
            lambda: sum(len(report.paths) for report in reports.all(AssetsSaved)) >= len(names) or None
        )
        assert len(reports.all(AssetsSaved)) <= 2
        assert sorted(await saved(reports, 1)) == sorted(names)
        assert reports.watch.newest_edit() == 0
