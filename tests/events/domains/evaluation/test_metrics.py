"""Figures about the results of a trader."""

from __future__ import annotations

from decimal import Decimal

import pytest

from events.domains.evaluation.metrics import calculated


@pytest.mark.parametrize(
    ("metric", "results", "figure"),
    [
        ("win_rate", "10 -5 20", "0.6667"),
        ("win_rate", "0", "0"),
        ("average_result", "10 -5 20", "8.3333"),
        ("average_result", "-0.10 -0.20", "-0.15"),
        ("max_drawdown", "10 20 5", "0"),
        ("max_drawdown", "10 -5 20 -30 10", "30"),
        ("max_drawdown", "-40 10 -15", "45"),
    ],
)
def test_a_figure_is_exact_to_four_places(metric: str, results: str, figure: str) -> None:
    assert calculated(metric, [Decimal(result) for result in results.split()]) == Decimal(figure)


def test_a_figure_nobody_defined_is_an_error() -> None:
    with pytest.raises(KeyError, match="luck"):
        calculated("luck", [Decimal(1)])
