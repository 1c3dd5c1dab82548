"""Charts of sweeps and of runs over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from playground.bodies import Run
from playground.measured import INDEX_BYTES
from playground.pareto import front
from playground.standings import Standing

LABELS: Mapping[str, str] = {
    "tokens": "Tokens per answer",
    "latency_ms": "Milliseconds per answer, here in memory",
    INDEX_BYTES: "Index size in megabytes",
}
BETTER, WORSE, SAME, COMPARED, DROPPED = "#1a7f5a", "#b3423a", "#7a8699", "#2f5fd0", "#c8ced8"
COLOURS = {
    "better": BETTER,
    "worse": WORSE,
    "no clear difference": SAME,
    "compared with": COMPARED,
    "dropped on a sample": DROPPED,
}
HEIGHT = 320
Drawn = alt.LayerChart | alt.FacetChart


def pareto(found: Sequence[Standing], *, star: str, price: str) -> Drawn:
    """Quality against a price, a point for each candidate measured on everything.

    Bars are 95 % intervals of the difference to the candidate compared with, by paired bootstrap;
    the line joins those that nobody beats.
    """
    settled = [one for one in found if one.measured.settled]
    reference = next(one for one in settled if one.difference is None).measured.figures[star]
    rows = [_point(one, star=star, price=price, reference=reference) for one in settled]
    best = {one.name for one in front([one.measured for one in settled], star=star, price=price)}
    x = alt.X("price:Q", title=LABELS[price], scale=alt.Scale(zero=False))
    y = alt.Y("quality:Q", title=star, scale=alt.Scale(zero=False))
    verdict = alt.Color(
        "verdict:N",
        title=None,
        scale=alt.Scale(domain=list(COLOURS)[:-1], range=list(COLOURS.values())[:-1]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=2, labelLimit=0),
    )
    told = [
        alt.Tooltip("name:N", title="Setting"),
        alt.Tooltip("quality:Q", title=star, format=".4f"),
        alt.Tooltip("told:N", title="Difference"),
        alt.Tooltip("price:Q", title=LABELS[price], format=",.1f"),
    ]
    points = alt.Chart(alt.Data(values=rows))
    line = alt.Chart(alt.Data(values=[row for row in rows if row["name"] in best]))
    return alt.layer(
        line.mark_line(color=SAME, strokeDash=[4, 4], interpolate="step-after").encode(x=x, y=y),
        points.mark_rule(opacity=0.5).encode(
            x=x, y=alt.Y("low:Q", title=star), y2="high:Q", color=verdict
        ),
        points.mark_point(filled=True, size=90).encode(x=x, y=y, color=verdict, tooltip=told),
    ).properties(width="container", height=HEIGHT)


def over_time(runs: Sequence[Run], *, star: str, threshold: float | None) -> Drawn:
    """The star metric of runs with its 95 % intervals, and the threshold as a line."""
    rows = [
        {
            "at": run.created_at.isoformat(),
            "mean": run.metrics[star].mean,
            "low": run.metrics[star].low,
            "high": run.metrics[star].high,
            "dataset": run.evaluation_dataset,
            "version": f"index version {run.index_version}",
        }
        for run in runs
        if star in run.metrics
    ]
    x = alt.X("at:T", title=None, axis=alt.Axis(format="%d %b %H:%M", tickCount=4))
    series = alt.Color(
        "dataset:N", title=None, legend=alt.Legend(orient="top", direction="horizontal")
    )
    told = [
        alt.Tooltip("at:T", title="When", format="%Y-%m-%d %H:%M"),
        alt.Tooltip("dataset:N", title="Questions"),
        alt.Tooltip("version:N", title="Asked"),
        alt.Tooltip("mean:Q", title=star, format=".4f"),
    ]
    chart = alt.Chart(alt.Data(values=rows))
    y = alt.Y("mean:Q", title=star, scale=alt.Scale(zero=False), axis=alt.Axis(format=".3f"))
    layers: list[Any] = [
        chart.mark_line(opacity=0.5).encode(x=x, y=y, color=series),
        chart.mark_rule(opacity=0.5).encode(
            x=x, y=alt.Y("low:Q", title=star), y2="high:Q", color=series
        ),
        chart.mark_point(filled=True, size=90).encode(x=x, y=y, color=series, tooltip=told),
    ]
    if threshold is not None:
        line = alt.Chart(alt.Data(values=[{"least": threshold}]))
        layers.append(line.mark_rule(color=WORSE, strokeDash=[6, 4]).encode(y="least:Q"))
    return alt.layer(*layers).properties(width="container", height=HEIGHT)


def _point(one: Standing, *, star: str, price: str, reference: float) -> dict[str, Any]:
    figures, difference = one.measured.figures, one.difference
    value = figures[price] / 1e6 if price == INDEX_BYTES else figures[price]
    return {
        "name": one.measured.name,
        "quality": figures[star],
        "price": value,
        "low": figures[star] if difference is None else reference + difference.low,
        "high": figures[star] if difference is None else reference + difference.high,
        "told": "this is compared with"
        if difference is None
        else f"{difference.mean:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})",
        "verdict": one.verdict(star),
    }
