"""What a price feed can do, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.domains.market import services
from events.domains.market.models import Quote
from events.domains.market.services import OutdatedQuote
from tests.bus_fixture import Bus

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def test_a_price_is_kept_and_said_together(bus: Bus) -> None:
    said = services.update_market(
        "BTC/USDT", Decimal("45000.00"), Decimal("1234.56"), metadata={"synthetic": True}
    )

    assert bus.events() == [said]
    assert said.data == {"symbol": "BTC/USDT", "price": "45000.00", "volume": "1234.56"}
    assert (said.entity_id, said.synthetic) == ("BTC/USDT", True)
    row = Quote.objects.get(pk="BTC/USDT")
    assert (row.price, row.volume) == (Decimal(45000), Decimal("1234.56"))
    assert row.as_of == said.occurred_at


def test_the_newest_price_stays_however_late_others_arrive(bus: Bus) -> None:
    services.update_market("STRK", Decimal("1.25"), observed_at=NOON)

    with pytest.raises(OutdatedQuote, match="2026-01-14T12:00:00"):
        services.update_market("STRK", Decimal("1.10"), observed_at=NOON - timedelta(seconds=1))
    later = services.update_market("STRK", Decimal("1.30"), observed_at=NOON + timedelta(seconds=1))

    assert Quote.objects.get().price == Decimal("1.30")
    assert [event.data["price"] for event in bus.events()] == ["1.25", "1.30"]
    assert later.occurred_at == NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (lambda: services.update_market("STRK", Decimal(0)), "price"),
        (lambda: services.update_market("STRK", 1.25), "price"),  # type: ignore[arg-type]
        (lambda: services.update_market("STRK", Decimal(1), Decimal(-1)), "volume"),
        (lambda: services.update_market("x" * 33, Decimal(1)), "symbol"),
    ],
)
def test_what_cannot_be_said_is_not_done(
    bus: Bus, refused: Callable[[], Event], field: str
) -> None:
    with pytest.raises(InvalidEvent, match=rf"data\.{field}"):
        refused()

    assert not Quote.objects.exists()
    assert bus.events() == []


def test_a_price_that_cannot_be_published_is_not_kept(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        services.update_market("STRK", Decimal("1.25"))

    assert not Quote.objects.exists()
