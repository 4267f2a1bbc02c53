"""Draws bars and lines as SVG, by hand, light and dark as the reader has it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 720
_COLOURS = ("#2f7ed8", "#e07b39", "#4a9c5d", "#8e5bb5")
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.faint { fill: #656d76; font-size: 12px }
.grid { stroke: #d0d7de; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #8d96a0 } .grid { stroke: #3d444d }
}"""
Points = Sequence[tuple[float, float]]


def bars(title: str, rows: Sequence[tuple[str, float, float]], unit: str) -> str:
    """Draw one bar a row on a logarithmic scale: label, median, and the maximum as a thin line."""
    left, right, top, step = 130, 110, 58, 30
    low = 10 ** math.floor(math.log10(max(min(row[1] for row in rows), 0.01)))
    high = max(low * 10, *(row[2] for row in rows))
    scale = (WIDTH - left - right) / math.log10(high / low)

    def at(value: float) -> float:
        return left + scale * max(math.log10(value / low), 0)

    bottom = top + step * len(rows)
    parts = [
        _text(16, 24, title, "title"),
        _text(16, 42, f"{unit}, logarithmic; the line is the maximum", "faint"),
    ]
    tick = low
    while tick <= high:
        parts.append(f'<line class="grid" x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="{top}" y2="{bottom}"/>')
        parts.append(_text(at(tick), bottom + 16, f"{tick:g}", "faint", "middle"))
        tick *= 10
    for number, (label, median, longest) in enumerate(rows):
        y = top + step * number + 5
        colour = _COLOURS[0 if label.startswith("devserver") else 1]
        parts.append(_text(left - 8, y + 14, label, anchor="end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{at(median) - left:.1f}" height="20" rx="2" fill="{colour}"/>'
        )
        parts.append(
            f'<line x1="{at(median):.1f}" x2="{at(longest):.1f}" y1="{y + 10}" y2="{y + 10}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(_text(at(longest) + 8, y + 14, f"{median:.0f} {unit}"))
    return _svg(parts, bottom + 28)


def lines(title: str, across: str, series: Mapping[str, Points]) -> str:
    """Draw values over a quantity that grows, in even steps: one line a series, its values written beside."""
    left, right, top, bottom = 60, 90, 60, 270
    stops = sorted({x for points in series.values() for x, _ in points})
    high = _round_up(max(y for points in series.values() for _, y in points))
    width = (WIDTH - left - right) / max(len(stops) - 1, 1)
    parts = [_text(16, 24, title, "title")]
    for part in range(5):
        y = bottom - (bottom - top) * part / 4
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(left - 8, y + 4, f"{high * part / 4:g}", "faint", "end"))
    for number, stop in enumerate(stops):
        parts.append(_text(left + width * number, bottom + 18, f"{stop:,.0f}", "faint", "middle"))
    parts.append(_text((left + WIDTH - right) / 2, bottom + 36, f"{across}, not to scale", "faint", "middle"))
    key = 16
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<rect x="{key}" y="34" width="10" height="10" rx="2" fill="{colour}"/>')
        parts.append(_text(key + 15, 43, name, "faint"))
        key += 40 + 7 * len(name)
        spots = [(left + width * stops.index(x), bottom - (bottom - top) * y / high, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, value in spots:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
            parts.append(_text(x + 6, y - 7, f"{value:.0f}", "faint"))
    return _svg(parts, bottom + 50)


def _round_up(value: float) -> float:
    """Return the next 1, 2, 4 or 8 times a power of ten."""
    power: float = 10 ** math.floor(math.log10(max(value, 1e-9)))
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


def _svg(parts: Sequence[str], height: int) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])
