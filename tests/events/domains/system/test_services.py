"""What the machinery can report, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.domains.system import services
from events.domains.system.models import Backtest, PredictionModel, ServiceHealth
from events.domains.system.services import ReportRefused
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
SPRING = date(2025, 3, 1), date(2025, 5, 31)


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def tried(backtest_id: str = "backtest-1") -> Event:
    return services.complete_backtest(
        "momentum",
        "STRK",
        SPRING,
        184,
        Decimal("-12.40"),
        max_drawdown=0.12,
        backtest_id=backtest_id,
        metadata={"synthetic": True},
    )


def test_a_report_of_health_is_kept_and_said_together(bus: Bus) -> None:
    said = services.report_health(
        "price-feed", "degraded", latency_ms=840, detail="Slow", metadata={"synthetic": True}
    )

    assert bus.events() == [said]
    assert said.data == {
        "service": "price-feed",
        "status": "degraded",
        "latency_ms": 840,
        "detail": "Slow",
    }
    assert said.synthetic
    row = ServiceHealth.objects.get(pk="price-feed")
    assert (row.status, row.since, row.as_of) == ("degraded", said.occurred_at, said.occurred_at)


def test_a_status_lasts_from_the_first_report_that_gave_it(bus: Bus) -> None:
    services.report_health("price-feed", "healthy", observed_at=NOON)

    services.report_health("price-feed", "healthy", observed_at=NOON + timedelta(minutes=1))

    row = ServiceHealth.objects.get()
    assert (row.since, row.as_of) == (NOON, NOON + timedelta(minutes=1))


def test_a_report_older_than_the_newest_is_refused(bus: Bus) -> None:
    services.report_health("price-feed", "healthy", observed_at=NOON)

    with pytest.raises(ReportRefused, match="has a newer report"):
        services.report_health("price-feed", "down", observed_at=NOON - timedelta(seconds=1))

    assert ServiceHealth.objects.get().status == "healthy"
    assert len(bus.events()) == 1


def test_a_model_gets_the_next_version_unless_it_brings_one(bus: Bus) -> None:
    services.update_model("momentum", 11)

    said = services.update_model("momentum", accuracy=0.63, metadata={"synthetic": True})

    assert said.data == {"model": "momentum", "version": 12, "accuracy": 0.63}
    assert said.synthetic
    row = PredictionModel.objects.get()
    assert (row.version, row.accuracy, row.as_of) == (12, 0.63, said.occurred_at)


@pytest.mark.parametrize("version", [11, 10])
def test_a_version_that_is_not_newer_is_refused(bus: Bus, version: int) -> None:
    services.update_model("momentum", 11)

    with pytest.raises(ReportRefused, match=f"v11 is in use: v{version} is not newer"):
        services.update_model("momentum", version)

    assert PredictionModel.objects.get().version == 11
    assert len(bus.events()) == 1


def test_a_backtest_is_kept_and_said_together(bus: Bus) -> None:
    said = tried()

    assert bus.events() == [said]
    assert (said.data["first_day"], said.data["last_day"]) == ("2025-03-01", "2025-05-31")
    assert (said.data["profit"], said.data["max_drawdown"]) == ("-12.40", 0.12)
    row = Backtest.objects.get(pk="backtest-1")
    assert (row.strategy, row.trades, row.profit) == ("momentum", 184, Decimal("-12.40"))
    assert said.synthetic


def test_a_backtest_is_reported_once(bus: Bus) -> None:
    tried()

    with pytest.raises(ReportRefused, match="backtest-1 has been reported"):
        tried()

    assert Backtest.objects.count() == len(bus.events()) == 1


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (lambda: services.report_health("price feed", "down"), "service"),
        (lambda: services.report_health("price-feed", "down", latency_ms=-1), "latency_ms"),
        (lambda: services.update_model("momentum", 0), "version"),
        (lambda: services.update_model("momentum", accuracy=1.5), "accuracy"),
        (
            lambda: services.complete_backtest("m", "STRK", SPRING[::-1], 1, Decimal(1)),
            "last_day: lies before the first day",
        ),
        (lambda: services.complete_backtest("m", "STRK", SPRING, -1, Decimal(1)), "trades"),
    ],
)
def test_what_cannot_be_said_is_not_done(
    bus: Bus, refused: Callable[[], Event], field: str
) -> None:
    with pytest.raises(InvalidEvent, match=rf"data\.{field}"):
        refused()

    assert not any(kept("system").values())
    assert bus.events() == []


@pytest.mark.parametrize(
    "service",
    [
        lambda: services.report_health("price-feed", "down"),
        lambda: services.update_model("momentum"),
        tried,
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, service: Callable[[], Event]
) -> None:
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        service()

    assert not any(kept("system").values())
