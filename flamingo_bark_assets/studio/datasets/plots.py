"""Bar charts as plain geometry, from which a template writes SVG without a style of its own.

Where bars and labels stand belongs here; counting stands in `facts`, colours in the style sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.studio.datasets.facts import Distribution

WIDTH, HEIGHT = 400, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 6, 8, 26
_GAP = 0.12
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in the units of the view box.

    Attributes:
        x: left edge.
        y: top edge.
        width: of the bar.
        height: of the bar.
        series: number of its series, from 0.
        says: what it shows, in words.
    """

    x: float
    y: float
    width: float
    height: float
    series: int
    says: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A label of an axis: where, and what stands there."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A bar chart.

    Attributes:
        bars: all with a count above 0.
        across: labels below.
        up: labels at the left, with a line each.
        floor: where the bars stand.
        left: where the bars begin.
        right: where they end.
        says: the chart in one sentence, for who does not see it.
    """

    bars: tuple[Bar, ...]
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    floor: float
    left: float
    right: float
    says: str


def plot(distribution: Distribution) -> Plot:
    """Draw a distribution."""
    bins, series = distribution.bins, len(distribution.series)
    top = _round_top(max((count for each in bins for count in each.counts), default=0))
    floor, space = HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP
    step = (WIDTH - _LEFT - _RIGHT) / max(len(bins), 1)
    width = step * (1 - _GAP) / series
    bars = []
    for number, each in enumerate(bins):
        for index, count in enumerate(each.counts):
            if count:
                height = space * count / top
                x = _LEFT + number * step + step * _GAP / 2 + index * width
                called = f"{each.label} {distribution.series[index] or distribution.unit}".strip()
                bars.append(
                    Bar(
                        round(x, 2),
                        round(floor - height, 2),
                        round(width, 2),
                        round(height, 2),
                        index,
                        f"{called}: {count}",
                    )
                )
    every = 1 if series > 1 else max(1, -(-len(bins) // _LABELS))
    across = tuple(
        Mark(round(_LEFT + (number + (0.5 if series > 1 else 0)) * step, 2), _begin(each.label))
        for number, each in enumerate(bins)
        if number % every == 0 and (series > 1 or number or each.label[0] != "b")
    )
    up = tuple(
        Mark(round(floor - space * part, 2), f"{top * part:g}") for part in (0.0, 0.5, 1.0) if top * part % 1 == 0
    )
    known = sum(count for each in bins for count in each.counts)
    says = f"{distribution.name} of {known} songs" + (f", {distribution.median}" if distribution.median else "")
    return Plot(tuple(bars), across, up, floor, _LEFT, WIDTH - _RIGHT, says)


def _begin(label: str) -> str:
    return label.split(" ", maxsplit=1)[0]


def _round_top(most: int) -> int:
    """Return the next of 1, 2, 4, 6, 8, 10, 20, 40 ... that is no less."""
    power = 1
    while True:
        for each in (1, 2, 4, 6, 8):
            if each * power >= most:
                return each * power
        power *= 10
