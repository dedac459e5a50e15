"""What risk management can do, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.domains.risk import services
from events.domains.risk.models import Alert, Standing
from events.domains.risk.services import RiskRefused
from tests.bus_fixture import Bus
from tests.events.domains.hearing import kept


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def test_an_alert_is_kept_and_said_together(bus: Bus) -> None:
    said = services.trigger_alert(
        "concentration", "high", "All in one", user_id=7, metadata={"synthetic": True}
    )

    assert bus.events() == [said]
    assert (said.data["severity"], said.data["user_id"], said.synthetic) == ("high", 7, True)
    row = Alert.objects.get(pk=said.entity_id)
    assert (row.kind, row.user_id, row.triggered_at) == ("concentration", 7, said.occurred_at)


def test_an_alert_may_be_about_a_symbol_and_nobody(bus: Bus) -> None:
    said = services.trigger_alert("volatility", "low", "STRK moves", symbol="STRK")

    assert said.data["symbol"] == "STRK"
    assert "user_id" not in said.data
    assert Alert.objects.get().user_id is None


def test_a_score_says_what_it_was_before(bus: Bus) -> None:
    first = services.update_score(7, 48, metadata={"synthetic": True})

    second = services.update_score(7, 62)

    assert first.data == {"user_id": 7, "score": 48}
    assert second.data == {"user_id": 7, "score": 62, "previous": 48}
    assert (Standing.objects.get().score, first.synthetic) == (62, True)


def test_a_score_that_stays_is_no_news(bus: Bus) -> None:
    services.update_score(7, 48)

    with pytest.raises(RiskRefused, match="is 48 already"):
        services.update_score(7, 48)

    assert len(bus.events()) == 1


def test_a_profile_says_what_changed_and_nothing_else(bus: Bus) -> None:
    services.modify_profile(7, appetite="bold", max_leverage=5, metadata={"synthetic": True})

    said = services.modify_profile(
        7, appetite="bold", max_leverage=3, daily_loss_limit=Decimal("2500.00")
    )

    assert set(said.data.pop("changed")) == {"max_leverage", "daily_loss_limit"}
    assert said.data == {"user_id": 7, "max_leverage": 3, "daily_loss_limit": "2500.00"}
    row = Standing.objects.get()
    assert (row.appetite, row.max_leverage, row.daily_loss_limit) == ("bold", 3, Decimal(2500))
    assert bus.events()[0].synthetic


@pytest.mark.parametrize("given", [{}, {"appetite": "bold", "daily_loss_limit": Decimal(100)}])
def test_a_profile_in_which_nothing_changes_is_refused(bus: Bus, given: dict[str, object]) -> None:
    services.modify_profile(7, appetite="bold", daily_loss_limit=Decimal("100.00"))

    with pytest.raises(RiskRefused, match="nothing changes"):
        services.modify_profile(7, **given)  # type: ignore[arg-type]

    assert len(bus.events()) == 1


def test_a_halt_lasts_until_it_is_lifted(bus: Bus) -> None:
    halted = services.halt_trading(7, "Lost too much", metadata={"synthetic": True})
    since = Standing.objects.get().halted_at

    resumed = services.resume_trading(7, "A new day")

    assert since == halted.occurred_at
    assert Standing.objects.get().halted_at is None
    assert resumed.data["halted_at"] == halted.occurred_at.isoformat().replace("+00:00", "Z")
    assert [event.event_type for event in bus.events()] == [
        "Risk.Trading.Halted",
        "Risk.Trading.Resumed",
    ]
    assert halted.synthetic


def test_who_is_halted_is_not_halted_again(bus: Bus) -> None:
    services.halt_trading(7, "Lost too much")

    with pytest.raises(RiskRefused, match="user 7 was halted at"):
        services.halt_trading(7, "Lost more")

    assert len(bus.events()) == 1


def test_who_may_trade_cannot_resume(bus: Bus) -> None:
    with pytest.raises(RiskRefused, match="user 7 is not halted"):
        services.resume_trading(7, "A new day")

    assert not Standing.objects.exists()
    assert bus.events() == []


@pytest.mark.parametrize(
    "refused",
    [
        lambda: services.trigger_alert("Too much!", "high", "Much"),
        lambda: services.trigger_alert("loss", "high", "two\nlines"),
        lambda: services.update_score(7, 101),
        lambda: services.modify_profile(7, daily_loss_limit=Decimal(0)),
        lambda: services.modify_profile(7, max_leverage=0),
        lambda: services.halt_trading(7, ""),
    ],
)
def test_what_cannot_be_said_is_not_done(bus: Bus, refused: Callable[[], Event]) -> None:
    with pytest.raises(InvalidEvent, match=r"data\."):
        refused()

    assert not any(kept("risk").values())
    assert bus.events() == []


@pytest.mark.parametrize(
    "service",
    [
        lambda: services.trigger_alert("loss", "high", "Much"),
        lambda: services.update_score(7, 50),
        lambda: services.modify_profile(7, appetite="bold"),
        lambda: services.halt_trading(7, "Lost too much"),
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, service: Callable[[], Event]
) -> None:
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        service()

    assert not any(kept("risk").values())


def test_a_halt_whose_end_cannot_be_published_goes_on(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.halt_trading(7, "Lost too much")
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        services.resume_trading(7, "A new day")

    assert Standing.objects.get().halted_at is not None
