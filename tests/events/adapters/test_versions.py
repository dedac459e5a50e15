"""Which version of a type a foreign event is of."""

from __future__ import annotations

from typing import Any

import pytest

from events import Event, InvalidEvent, Payload, adapt, event_type
from events.adapters import adapters
from events.legacy.astratrade import EventPublishingMixin
from events.registry import registry
from tests.bus_fixture import Bus

PAID = "Financial.PaymentCompleted"
FIRST = {"payment_id": "p-1", "user_id": 7, "amount": "29.00", "purpose": "purchase"}
SECOND = {**FIRST, "method": "card"}


def forms(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """One event in every format that may leave the version out."""
    return {
        "astra": {"event_type": name, "data": data},
        "emit-event": {"type": name, "data": data},
        "cloudevents": {
            "specversion": "1.0", "id": "1", "source": "desk", "type": name, "data": data,
        },
    }  # fmt: skip


@pytest.mark.parametrize("form", ["astra", "emit-event", "cloudevents"])
@pytest.mark.parametrize(
    ("name", "data", "version"),
    [(PAID, SECOND, 2), (PAID, FIRST, 1), (f"{PAID}.v1", FIRST, 1), (f"{PAID}.v2", SECOND, 2)],
)
def test_data_are_of_the_version_named_or_of_the_newest_that_takes_them(
    form: str, name: str, data: dict[str, Any], version: int
) -> None:
    raw = forms(name, data)[form]

    event = adapt(raw)

    assert adapters().choose(raw, {}).name == form
    assert (event.event_type, event.event_version) == (PAID, version)
    assert event.data == {**data, "currency": "USD"}


@pytest.mark.parametrize(("name", "data"), [(f"{PAID}.v1", SECOND), (f"{PAID}.v2", FIRST)])
def test_a_version_that_is_named_is_not_tried_against_another(
    name: str, data: dict[str, Any]
) -> None:
    for raw in forms(name, data).values():
        with pytest.raises(InvalidEvent, match=r"data\.method: "):
            adapt(raw)


def test_data_of_no_version_are_told_as_the_newest_sees_them() -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt({"event_type": PAID, "data": {**SECOND, "amount": 29.0, "method": "cheque"}})

    assert {one.field for one in refused.value.problems} == {"data.amount", "data.method"}


def test_our_own_code_still_says_the_newest() -> None:
    with pytest.raises(InvalidEvent, match=r"data\.method: Field required"):
        Event.new(PAID, FIRST)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "raw",
    [
        {"event_type": f"{PAID}.v9", "data": FIRST},
        {"event_type": f"{PAID}.v9", "payload": FIRST},
        {"event_type": "payment_done.v9", "data": FIRST},
    ],
)
def test_two_versions_for_one_event_are_refused(raw: dict[str, Any], version: int) -> None:
    with pytest.raises(InvalidEvent) as refused:
        adapt({**raw, "event_version": version})

    (problem,) = refused.value.problems
    assert problem.field == "event_version"
    assert problem.reason == (
        f"is {version}, but {raw['event_type']} names version 9; leave one of the two out"
    )


def test_the_same_version_named_twice_is_no_contradiction() -> None:
    raw = {"event_type": f"{PAID}.v1", "event_version": 1, "data": FIRST}

    assert adapt(raw).event_version == 1


@pytest.mark.parametrize("version", ["1", True, 0, -1, 9, [], {}, 1.5, "x"])
def test_any_version_is_one_or_is_refused(version: Any) -> None:
    raw = {"event_type": PAID, "event_version": version, "data": FIRST}
    try:
        assert adapt(raw).event_version == 1
    except InvalidEvent as error:
        assert error.problems[0].field in ("event_version", "event_type", "data.method")


def test_words_and_floats_of_tradpal_are_read_as_each_version_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for shelf in ("_types", "_names", "_latest", "_streams"):
        monkeypatch.setattr(registry, shelf, dict(getattr(registry, shelf)))
    quote = registry.resolve("market_data_update")

    class DataUpdatedV2(Payload):
        """A feed brought the newest bid and ask of a symbol."""

        symbol: str
        bid: str
        ask: str

    example = {"symbol": "BTC", "bid": "1", "ask": "2"}
    event_type(quote.name, version=2, entity="symbol", owner="market", example=example)(
        DataUpdatedV2
    )

    old = adapt({"event_type": "market_data_update", "data": {"symbol": "BTC", "price": 4.5}})
    new = adapt({"event_type": "market_data_update", "data": example})

    assert (old.event_version, old.data) == (1, {"symbol": "BTC", "price": "4.5"})
    assert (new.event_version, new.data) == (2, example)


def test_an_old_service_says_the_version_its_data_are_of(bus: Bus) -> None:
    class Payments(EventPublishingMixin):
        event_domain = "Financial"

    old = Payments().publish_event("payment_completed", FIRST)
    new = Payments().publish_event("payment_completed", SECOND)

    assert [(event.event_version, event.get_stream_name()) for event in (old, new)] == [
        (1, "astra.financial.paymentcompleted.v1"),
        (2, "astra.financial.paymentcompleted.v2"),
    ]
    with pytest.raises(InvalidEvent, match="event_version: is 1, but Financial.PaymentCompleted"):
        Payments().publish_event("payment_completed.v2", SECOND, event_version=1)
