"""How a trader is evaluated, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.domains.evaluation import services
from events.domains.evaluation.models import Evaluation, Metric
from events.domains.evaluation.services import EvaluationRefused
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept

RESULTS = [Decimal(10), Decimal(-5), Decimal(20)]


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def begun() -> str:
    """Id of an evaluation of user 7."""
    return services.begin_evaluation(7, metadata={"synthetic": True}).entity_id


def test_an_evaluation_is_kept_and_its_beginning_said(bus: Bus) -> None:
    evaluation_id = begun()

    (said,) = bus.events()
    told = {"evaluation_id": evaluation_id, "user_id": 7, "status": "in_progress"}
    assert (said.event_type, said.data, said.synthetic) == (
        "Evaluation.Status.Changed",
        told,
        True,
    )
    row = Evaluation.objects.get(pk=evaluation_id)
    assert (row.user_id, row.status, row.as_of) == (7, "in_progress", said.occurred_at)


def test_a_suspended_evaluation_may_be_taken_up_again(bus: Bus) -> None:
    evaluation_id = begun()
    services.change_status(evaluation_id, "suspended", "On holiday")

    said = services.change_status(evaluation_id, "in_progress")

    assert (said.data["previous"], said.data["status"]) == ("suspended", "in_progress")
    assert Evaluation.objects.get().status == "in_progress"


@pytest.mark.parametrize("end", ["passed", "failed"])
def test_an_evaluation_that_has_ended_stays_so(bus: Bus, end: str) -> None:
    evaluation_id = begun()
    services.change_status(evaluation_id, end, "Judged")  # type: ignore[arg-type]

    with pytest.raises(EvaluationRefused, match=f"is {end}: it cannot be in_progress"):
        services.change_status(evaluation_id, "in_progress")

    assert Evaluation.objects.get().status == end
    assert len(bus.events()) == 2


def test_violations_are_said_and_counted(bus: Bus) -> None:
    evaluation_id = begun()
    services.record_violation(evaluation_id, "daily_loss", Decimal(5200), Decimal(5000))

    said = services.record_violation(evaluation_id, "open_positions", Decimal(6), Decimal(5))

    assert (said.data["rule"], said.data["value"], said.data["maximum"]) == (
        "open_positions",
        "6",
        "5",
    )
    assert Evaluation.objects.get().violations == 2


def test_what_a_rule_allows_is_no_violation(bus: Bus) -> None:
    evaluation_id = begun()

    with pytest.raises(EvaluationRefused, match="5000 is within the 5000 that daily_loss allows"):
        services.record_violation(evaluation_id, "daily_loss", Decimal(5000), Decimal(5000))

    assert Evaluation.objects.get().violations == 0
    assert bus.events("Evaluation.Rule.Violated") == []


def test_a_figure_replaces_the_one_before(bus: Bus) -> None:
    evaluation_id = begun()
    services.calculate_metric(evaluation_id, "win_rate", RESULTS[:1])

    said = services.calculate_metric(evaluation_id, "win_rate", RESULTS)

    assert (said.data["metric"], said.data["value"], said.data["trades"]) == (
        "win_rate",
        "0.6667",
        3,
    )
    row = Metric.objects.get()
    assert (row.value, row.trades) == (Decimal("0.6667"), 3)


@pytest.mark.parametrize(
    ("metric", "results", "why"),
    [("luck", RESULTS, "no metric is called 'luck'"), ("win_rate", [], "needs the result")],
)
def test_a_figure_needs_a_definition_and_a_result(
    bus: Bus, metric: str, results: list[Decimal], why: str
) -> None:
    evaluation_id = begun()

    with pytest.raises(EvaluationRefused, match=why):
        services.calculate_metric(evaluation_id, metric, results)

    assert not Metric.objects.exists()
    assert bus.events("Evaluation.Metric.Calculated") == []


def test_a_report_says_how_the_evaluation_stands(bus: Bus) -> None:
    evaluation_id = begun()
    services.calculate_metric(evaluation_id, "win_rate", RESULTS)
    services.calculate_metric(evaluation_id, "max_drawdown", RESULTS)
    services.record_violation(evaluation_id, "daily_loss", Decimal(2), Decimal(1))
    services.change_status(evaluation_id, "failed")

    said = services.generate_report(evaluation_id)

    assert (said.data["status"], said.data["metrics"], said.data["violations"]) == ("failed", 2, 1)
    assert Evaluation.objects.get().reported_at == said.occurred_at


def test_a_report_without_figures_is_refused(bus: Bus) -> None:
    evaluation_id = begun()

    with pytest.raises(EvaluationRefused, match="has no figures yet"):
        services.generate_report(evaluation_id)

    assert Evaluation.objects.get().reported_at is None
    assert bus.events("Evaluation.Report.Generated") == []


def test_a_suspended_evaluation_is_neither_measured_nor_violated(bus: Bus) -> None:
    evaluation_id = begun()
    services.change_status(evaluation_id, "suspended")

    with pytest.raises(EvaluationRefused, match="is suspended, not in progress"):
        services.calculate_metric(evaluation_id, "win_rate", RESULTS)
    with pytest.raises(EvaluationRefused, match="is suspended, not in progress"):
        services.record_violation(evaluation_id, "daily_loss", Decimal(2), Decimal(1))

    assert len(bus.events()) == 2


@pytest.mark.parametrize(
    "step",
    [
        lambda: services.change_status("evaluation-x", "passed"),
        lambda: services.record_violation("evaluation-x", "loss", Decimal(2), Decimal(1)),
        lambda: services.calculate_metric("evaluation-x", "win_rate", RESULTS),
        lambda: services.generate_report("evaluation-x"),
    ],
)
def test_an_evaluation_nobody_knows_is_refused(bus: Bus, step: Callable[[], Event]) -> None:
    with pytest.raises(EvaluationRefused, match="evaluation-x"):
        step()

    assert bus.events() == []


@pytest.mark.parametrize(
    "refused",
    [
        lambda _: services.begin_evaluation(0),
        lambda known: services.change_status(known, "passed", "two\nlines"),
        lambda known: services.record_violation(known, "Loss!", Decimal(2), Decimal(1)),
    ],
)
def test_what_cannot_be_said_is_not_done(bus: Bus, refused: Callable[[str], Event]) -> None:
    evaluation_id = begun()
    before = kept("evaluation")

    with pytest.raises(InvalidEvent, match=r"data\."):
        refused(evaluation_id)

    assert kept("evaluation") == before
    assert len(bus.events()) == 1


@pytest.mark.parametrize(
    "step",
    [
        lambda _: services.begin_evaluation(8),
        lambda known: services.change_status(known, "passed"),
        lambda known: services.record_violation(known, "loss", Decimal(2), Decimal(1)),
        lambda known: services.calculate_metric(known, "max_drawdown", RESULTS),
        services.generate_report,
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, step: Callable[[str], Event]
) -> None:
    evaluation_id = begun()
    services.calculate_metric(evaluation_id, "win_rate", RESULTS)
    before = kept("evaluation")
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        step(evaluation_id)

    assert kept("evaluation") == before
