"""What can be said in figures about the results of a trader: functions of them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate

Results = Sequence[Decimal]
"""Profit or loss of each trade, oldest first; at least one."""

DIGIT = Decimal("0.0001")
"""The last digit a figure is given to."""


def win_rate(results: Results) -> Decimal:
    """Part of the trades that brought a profit, 0 to 1."""
    return Decimal(sum(result > 0 for result in results)) / len(results)


def average_result(results: Results) -> Decimal:
    """What a trade brought on average."""
    return sum(results, Decimal(0)) / len(results)


def max_drawdown(results: Results) -> Decimal:
    """Deepest fall of the account from a peak; 0 when it only ever rose."""
    balance = list(accumulate(results, initial=Decimal(0)))
    peaks = accumulate(balance, max)
    return max(peak - after for peak, after in zip(peaks, balance, strict=True))


METRICS: Mapping[str, Callable[[Results], Decimal]] = {
    "win_rate": win_rate,
    "average_result": average_result,
    "max_drawdown": max_drawdown,
}
"""Every metric by the name it is said under."""


def calculated(metric: str, results: Results) -> Decimal:
    """The figure to four decimal places. Raises KeyError for a metric nobody defined."""
    return METRICS[metric](results).quantize(DIGIT, ROUND_HALF_EVEN)
