# SPDX-License-Identifier: Apache-2.0
"""How a figure is made: ours and its reference are measured in the same run, one after the other,
alternating who goes first, and what counts is the ratio of the medians; the smallest and largest
ratio of a single round say how far the machine's noise went."""

import statistics
import sys
from dataclasses import dataclass, field


def note(text):
    """Progress, for whoever watches; results go to standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Figure:
    """One line of the table. `bound` is a least ratio, or a greatest value with `at_most`."""

    name: str
    what: str
    unit: str
    ours: list
    reference: list
    reference_name: str
    bound: float | None = None
    at_most: bool = False
    notes: dict = field(default_factory=dict)

    def value(self):
        """What is held against the bound: the ratio, or for a greatest value ours alone."""
        ours = statistics.median(self.ours)
        if self.at_most or not self.reference:
            return ours
        return ours / statistics.median(self.reference)

    def met(self):
        if self.bound is None:
            return None
        return self.value() <= self.bound if self.at_most else self.value() >= self.bound

    def spread(self):
        if self.at_most or not self.reference:
            return min(self.ours), max(self.ours)
        ratios = [ours / other for ours, other in zip(self.ours, self.reference)]
        return min(ratios), max(ratios)

    def as_json(self):
        low, high = self.spread()
        return {
            "name": self.name, "what": self.what, "unit": self.unit,
            "ours": self.ours, "ours_median": statistics.median(self.ours),
            "reference": self.reference, "reference_name": self.reference_name,
            "reference_median": statistics.median(self.reference) if self.reference else None,
            "value": self.value(), "min": low, "max": high, "bound": self.bound,
            "at_most": self.at_most, "met": self.met(), "notes": self.notes,
        }


def alternate(rounds, ours, reference):
    """Runs both `rounds` times, each first in every other round; returns the two lists."""
    results = ([], [])
    for number in range(rounds):
        pair = [(0, ours), (1, reference)]
        for side, run in pair if number % 2 == 0 else reversed(pair):
            results[side].append(run(number))
    return results


def number(value):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(figures):
    """The figures as a Markdown table, which is also readable as it is."""
    rows = [("figure", "Calotype", "reference", "ratio (min–max)", "bound", "")]
    for figure in figures:
        low, high = figure.spread()
        ours = f"{number(statistics.median(figure.ours))} {figure.unit}"
        other = figure.reference_name
        if figure.reference:
            other = f"{number(statistics.median(figure.reference))} ({figure.reference_name})"
        ratio = f"{number(figure.value())} ({number(low)}–{number(high)})"
        bound = ""
        if figure.bound is not None:
            bound = f"{'≤' if figure.at_most else '≥'} {number(figure.bound)}"
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met()]
        rows.append((figure.what, ours, other, ratio, bound, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
