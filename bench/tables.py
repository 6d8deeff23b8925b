"""Tables for people: aligned text on standard output, with the figures behind them reckoned here."""

import math
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value; NaN when there is none."""
    return statistics.median(values) if values else math.nan


def p95(values: Sequence[float]) -> float:
    """The smallest value that at least 95 % do not exceed; NaN when there is none."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else math.nan


def spread(values: Sequence[float], digits: int = 1) -> str:
    """`5.1` for one value, `5.1 (4.9-5.6)` for several: their median, least and greatest; `-` for none."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    middle = f"{median(known):.{digits}f}"
    return middle if len(known) == 1 else f"{middle} ({min(known):.{digits}f}-{max(known):.{digits}f})"


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    shown = [_line(line, widths) for line in lines]
    return "\n".join([title, "", shown[0], "  ".join("-" * width for width in widths), *shown[1:], ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def verdict(goal: str, value: float, most: float) -> str:
    """`median 5.1 <= 8: met`."""
    return f"{goal}: {'met' if value <= most else 'MISSED'}"
