from __future__ import annotations

from typing import Any

import pytest

from events import Event, Says, every, handles
from events import groups as declarations
from events.errors import ConfigurationError
from events.groups import Group, Handler, group, groups, jobs, readers, set_up
from events.registry import registry
from events.transport.base import Start
from tests.bus_fixture import Bus
from tests.events.conftest import TRADE, trade

XP = "Gamification.XPGained"
STREAM = "astra.trading.tradeexecuted.v1"


def nothing(event: Event, context: object) -> None: ...


def handler(*reads: str, **declared: Any) -> Handler:
    return Handler(nothing, "testers", "trading", reads or (TRADE,), **declared)


def group_with(*handlers: Handler, domain: str = "trading") -> Group:
    return Group("testers", domain, handlers)


@pytest.fixture
def nothing_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """No groups and no jobs but those the test declares."""
    monkeypatch.setattr(declarations, "_handlers", {})
    monkeypatch.setattr(declarations, "_jobs", {})


@pytest.mark.parametrize(
    ("domain", "reads", "kind"),
    [
        ("trading", [TRADE], "D"),
        ("trading", [TRADE, "Trading.Order.Placed"], "D"),
        ("trading", [TRADE, XP], "X"),
        ("gamification", [TRADE], "X"),
        ("trading", ["*"], "X"),
        ("analytics", ["*"], "A"),
        ("analytics", [TRADE], "A"),
    ],
)
def test_the_kind_follows_from_what_a_group_reads(domain: str, reads: list[str], kind: str) -> None:
    assert group_with(handler(*reads), domain=domain).kind == kind


def test_a_group_reads_what_any_of_its_handlers_reads() -> None:
    testers = group_with(handler(XP), handler(TRADE, XP))

    assert testers.reads == (XP, TRADE)
    assert testers.streams == ("astra.gamification.xpgained.v1", STREAM)


def test_a_star_reads_every_type_there_is() -> None:
    testers = group_with(handler("*"))

    assert testers.reads == tuple(dict.fromkeys(entry.name for entry in registry.all()))
    assert testers.streams == tuple(entry.stream for entry in registry.all())
    assert handler("*").wants(trade())


def test_a_handler_wants_the_types_it_reads() -> None:
    assert handler(TRADE).wants(trade())
    assert not handler(XP).wants(trade())


@pytest.mark.parametrize(
    ("declared", "admitted"),
    [
        ({}, True),
        ({"only": {"kind": ("like", "follow")}}, True),
        ({"only": {"kind": ("share",)}}, False),
        ({"only": {"kind": ("like",), "symbol": ("BTC",)}}, False),
        ({"only": {"absent": ("like",)}}, False),
        ({"unless": {"kind": ("like",)}}, False),
        ({"unless": {"kind": ("share",), "symbol": ("STRK",)}}, False),
        ({"unless": {"absent": ("like",)}}, True),
        ({"only": {"kind": ("like",)}, "unless": {"symbol": ("STRK",)}}, False),
    ],
)
def test_only_and_unless_narrow_by_payload_fields(declared: dict[str, Any], admitted: bool) -> None:
    assert handler(**declared).admits({"kind": "like", "symbol": "STRK"}) is admitted


@pytest.mark.parametrize(
    ("starts", "start"),
    [
        (["beginning"], "beginning"),
        (["now"], "now"),
        (["now", "now"], "now"),
        (["now", "beginning"], "beginning"),
    ],
)
def test_a_group_starts_now_only_if_all_its_handlers_do(starts: list[Start], start: Start) -> None:
    assert group_with(*(handler(start=each) for each in starts)).start == start


def test_a_declared_handler_is_found_with_what_it_declares(nothing_declared: None) -> None:
    handles(TRADE, group="testers", says=[XP], max_retries=7, retry_delay_s=2.0)(nothing)

    (testers,) = groups()
    (declared,) = testers.handlers
    assert declared.name == f"{__name__}.nothing"
    assert (declared.policy.max_retries, declared.policy.base_s) == (7, 2.0)
    assert testers.says == (XP,)
    assert readers(TRADE) == (testers,)
    assert readers(XP) == ()


def test_what_is_always_said_keeps_the_fields_it_is_said_with(nothing_declared: None) -> None:
    says = Says("Social.SocialInteraction", kind="trade_share")

    handles(TRADE, group="testers", says=[says], always_says=[says.event_type, XP])(nothing)

    ((declared,),) = [testers.handlers for testers in groups()]
    assert declared.says == (says, Says(XP))
    assert declared.always_says == (says.event_type, XP)


def test_groups_come_by_name(nothing_declared: None) -> None:
    def other(event: Event, context: object) -> None: ...

    handles(TRADE, group="zebras")(nothing)
    handles(TRADE, group="apes")(other)

    assert [declared.name for declared in groups()] == ["apes", "zebras"]


def test_a_group_nobody_declared_is_refused_with_those_there_are(nothing_declared: None) -> None:
    handles(TRADE, group="testers")(nothing)

    assert group("testers").name == "testers"
    with pytest.raises(ConfigurationError, match="no group is called 'tester'.*are testers"):
        group("tester")


def test_reading_a_type_nobody_registered_is_refused(nothing_declared: None) -> None:
    handles("Trading.TradeExecutd", group="testers")(nothing)

    with pytest.raises(ConfigurationError, match=r"nothing.*mean Trading\.TradeExecuted"):
        groups()


def test_saying_a_type_nobody_registered_is_refused(nothing_declared: None) -> None:
    handles(TRADE, group="testers", says=["Trading.Nothing"])(nothing)

    with pytest.raises(ConfigurationError, match=r"'Trading\.Nothing'"):
        groups()


def test_an_alias_is_refused_with_the_name_to_write(nothing_declared: None) -> None:
    handles("Trading.Trade.Executed", group="testers")(nothing)

    with pytest.raises(ConfigurationError, match=r"write 'Trading\.TradeExecuted'"):
        groups()


def test_an_external_handler_of_batches_is_refused(nothing_declared: None) -> None:
    with pytest.raises(ConfigurationError, match="one event at a time"):
        handles(TRADE, group="testers", batch=True, external=True)(nothing)

    assert groups() == ()


def test_periodic_work_has_the_name_it_is_given_or_its_functions(nothing_declared: None) -> None:
    def tidy() -> None: ...

    every(60, name="sweep")(tidy)
    every(5)(tidy)

    assert [(job.name, job.seconds) for job in jobs()] == [
        ("sweep", 60),
        (f"{__name__}.{tidy.__qualname__}", 5),
    ]


def test_setting_up_creates_what_is_missing_and_counts_it(bus: Bus) -> None:
    testers = group_with(handler(TRADE, XP))

    assert set_up(bus.transport.streams, [testers]) == 2
    assert set_up(bus.transport.streams, [testers]) == 0
    assert "testers" in {member.name for member in on_the_stream(bus)}


def test_setting_up_everything_takes_every_declared_group(bus: Bus) -> None:
    bus.memory._streams.clear()

    created = set_up(bus.transport.streams)

    assert created == sum(len(declared.streams) for declared in groups())
    assert {member.name for member in on_the_stream(bus)} == {
        declared.name for declared in readers(TRADE)
    }


@pytest.mark.parametrize(("start", "seen"), [("beginning", 1), ("now", 0)])
def test_a_group_new_to_an_old_stream_begins_where_it_declares(
    bus: Bus, start: Start, seen: int
) -> None:
    bus.publish(trade())
    testers = group_with(handler(start=start))

    set_up(bus.transport.streams, [testers])

    found = bus.transport.streams.read("testers", "one", testers.streams, 10, 0)
    assert len(found) == seen


def on_the_stream(bus: Bus) -> Any:
    return bus.transport.inspector.streams([STREAM])[STREAM].groups


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"linger_ms": 5}, "linger_ms is for batch handlers"),
        ({"linger_ms": -1, "batch": True}, "linger_ms is from 0"),
        ({"timeout_s": 0.0}, "timeout_s must be more than 0"),
        ({"idempotent": True, "says": [XP]}, "said again"),
        ({"idempotent": True, "external": True}, "cannot be idempotent"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    nothing_declared: None, declared: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        handles(TRADE, group="testers", **declared)(nothing)

    assert groups() == ()


def test_a_group_lingers_only_where_all_its_handlers_take_batches(nothing_declared: None) -> None:
    def other(event: Event, context: object) -> None: ...

    handles(TRADE, group="testers", batch=True, linger_ms=40)(nothing)
    assert group("testers").linger_ms == 40

    handles(TRADE, group="testers")(other)
    assert group("testers").linger_ms == 0
