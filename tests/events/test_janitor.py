from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from events import Context, Event, janitor, publish
from events.dead_letters import kept_closed
from events.envelope import new_event_id, now
from events.groups import Group
from events.janitor import (
    close_letters_of_the_handled,
    forget_consumers,
    remove_old_rows,
    trim_streams,
)
from events.models import (
    ConsumerGroup,
    DeadLetter,
    HandledEvent,
    Operation,
    OperationItem,
    SeenType,
    StoredEvent,
)
from events.operations import Actor, propose_replay
from events.operations.proposals import DRAFT_KEPT
from events.queries.letter_filter import LetterFilter
from events.queries.operation_counts import counts
from events.registry import registry
from events.seen import note_seen
from events.transport.base import RELEASED, ServerInfo
from tests.bus_fixture import Bus
from tests.events.conftest import trade

KeptFor = Callable[[int | None], None]

TRADE = "Trading.TradeExecuted"
STREAM = "astra.trading.tradeexecuted.v1"
TWO_DAYS_S = 2 * 24 * 3_600


def days_ago(days: float) -> datetime:
    return now() - timedelta(days=days)


def marks(count: int, age_days: float) -> None:
    """Inbox marks of that age."""
    group, _ = ConsumerGroup.objects.get_or_create(name="testers")
    HandledEvent.objects.bulk_create(
        HandledEvent(
            group=group,
            event_id=new_event_id(),
            handled_at=days_ago(age_days),
            duration_us=1,
            attempts=1,
        )
        for _ in range(count)
    )


def letter(**changes: Any) -> int:
    facts: dict[str, Any] = {
        "group_name": "testers",
        "event_id": new_event_id(),
        "stream": STREAM,
        "body": b"{}",
        "first_failed_at": days_ago(1_000),
        "last_failed_at": days_ago(1_000),
    }
    return DeadLetter.objects.create(**{**facts, **changes}).pk


@pytest.fixture(autouse=True)
def nothing_special(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every type be kept as long as the settings say, whatever it declares."""
    for entry in registry.all():
        usual = replace(entry, retention_days=None)
        monkeypatch.setitem(registry._types, (entry.name, entry.version), usual)


@pytest.fixture
def kept_for(nothing_special: None, monkeypatch: pytest.MonkeyPatch) -> KeptFor:
    """Let trades have a retention of their own."""

    def keep(days: int | None) -> None:
        entry = replace(registry.resolve(TRADE), retention_days=days)
        monkeypatch.setitem(registry._types, (entry.name, entry.version), entry)

    return keep


@pytest.fixture
def one_old_event(bus: Bus) -> StoredEvent:
    """Stored and relayed 31 days ago."""
    publish(trade())
    StoredEvent.objects.update(stored_at=days_ago(31), relayed_at=days_ago(31))
    return StoredEvent.objects.get()


def test_events_and_marks_go_when_they_have_outlived_their_retention(
    one_old_event: StoredEvent,
) -> None:
    publish(trade())
    marks(2, age_days=31)
    marks(3, age_days=29)

    remove_old_rows()

    assert one_old_event not in StoredEvent.objects.all()
    assert StoredEvent.objects.count() == 1
    assert HandledEvent.objects.count() == 3


def test_an_event_that_was_never_relayed_is_never_removed(one_old_event: StoredEvent) -> None:
    StoredEvent.objects.update(relayed_at=None, stored_at=days_ago(3_000))

    remove_old_rows()

    assert StoredEvent.objects.get() == one_old_event


def test_a_retention_of_nought_keeps_everything(
    one_old_event: StoredEvent, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "retention_days": 0}
    marks(1, age_days=3_000)
    letter(state="resolved", resolved_at=days_ago(3_000))

    remove_old_rows()

    counts = [model.objects.count() for model in (StoredEvent, HandledEvent, DeadLetter)]
    assert counts == [1, 1, 1]


def test_a_shorter_retention_removes_more(one_old_event: StoredEvent, settings: Settings) -> None:
    settings.ASTRA = {**settings.ASTRA, "retention_days": 3}
    marks(1, age_days=4)
    marks(1, age_days=2)

    remove_old_rows()

    assert (StoredEvent.objects.count(), HandledEvent.objects.count()) == (0, 1)


def handled(event: StoredEvent, age_days: float) -> None:
    group, _ = ConsumerGroup.objects.get_or_create(name="testers")
    HandledEvent.objects.create(
        group=group,
        event_id=event.event_id,
        handled_at=days_ago(age_days),
        duration_us=1,
        attempts=1,
    )


@pytest.mark.parametrize(
    ("own_days", "kept"), [(None, False), (30, False), (32, True), (0, True), (1, False)]
)
def test_a_type_may_be_kept_for_longer_or_shorter(
    one_old_event: StoredEvent, kept_for: KeptFor, own_days: int | None, kept: bool
) -> None:
    kept_for(own_days)
    handled(one_old_event, 31)

    remove_old_rows()

    left = (StoredEvent.objects.count(), HandledEvent.objects.count())
    assert left == ((1, 1) if kept else (0, 0))


def test_each_version_of_a_type_is_kept_by_its_own_word(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "Financial.PaymentCompleted"
    older = replace(registry.resolve(name, 1), retention_days=365)
    monkeypatch.setitem(registry._types, (name, 1), older)
    for version in (1, 2):
        publish(Event.new(f"{name}.v{version}", registry.resolve(name, version).example))
    StoredEvent.objects.update(stored_at=days_ago(60), relayed_at=days_ago(60))

    remove_old_rows()

    assert list(StoredEvent.objects.values_list("event_version", flat=True)) == [1]


def test_a_type_that_is_kept_for_ever_keeps_no_letters(db: None, kept_for: KeptFor) -> None:
    kept_for(0)
    letter(state="resolved", resolved_at=days_ago(30 + 91))

    remove_old_rows()

    assert not DeadLetter.objects.exists()


def test_other_types_go_by_the_settings(one_old_event: StoredEvent, kept_for: KeptFor) -> None:
    kept_for(0)
    StoredEvent.objects.update(event_type="Nobody.KnowsThis")

    remove_old_rows()

    assert not StoredEvent.objects.exists()


def test_a_mark_outlives_a_retention_shorter_than_the_bus_may_deliver(
    one_old_event: StoredEvent, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "retention_days": 1}
    StoredEvent.objects.update(stored_at=days_ago(1.5))
    handled(one_old_event, 1.5)
    marks(1, age_days=1.5)
    marks(1, age_days=2.5)

    remove_old_rows()

    assert (StoredEvent.objects.count(), HandledEvent.objects.count()) == (0, 2)


@pytest.mark.parametrize("state", ["new", "investigating", "replaying"])
def test_a_letter_that_is_open_is_never_removed(db: None, state: str) -> None:
    letter(state=state, resolved_at=days_ago(1_000))

    remove_old_rows()

    assert DeadLetter.objects.count() == 1


def test_a_resolved_letter_stays_for_ninety_days_more(db: None) -> None:
    letter(state="resolved", resolved_at=days_ago(30 + 91))
    kept = letter(state="resolved", resolved_at=days_ago(30 + 89))

    remove_old_rows()

    assert [left.pk for left in DeadLetter.objects.all()] == [kept]


def test_a_discarded_letter_stays_as_long_and_as_long_as_its_event_is_stored(
    bus: Bus,
) -> None:
    event = trade()
    bus.publish(event)
    letter(state="discarded", resolved_at=days_ago(30 + 91))
    young = letter(state="discarded", resolved_at=days_ago(30 + 89))
    stored = letter(state="discarded", resolved_at=days_ago(1_000), event_id=event.event_id)

    remove_old_rows()

    assert {left.pk for left in DeadLetter.objects.all()} == {young, stored}


def test_rows_are_removed_in_bounded_batches(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "BATCH", 10)
    marks(25, age_days=31)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        remove_old_rows()

    deletes = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    begins = [query for query in queries if query["sql"].startswith(("BEGIN", "SAVEPOINT"))]
    assert [sql.count(",") + 1 for sql in deletes] == [10, 10, 5]
    assert len(begins) == 3
    assert HandledEvent.objects.count() == 0


def test_entries_go_when_they_are_old_and_everybody_has_finished_them(bus: Bus) -> None:
    old_entries(bus, 3)
    bus.drain()
    bus.clock.advance(TWO_DAYS_S)
    publish(trade())
    bus.drain()

    trim_streams()

    (left,) = bus.transport.inspector.tail({STREAM: "0-0"}, 10, 0)
    assert left.event_id == str(bus.events("Trading.TradeExecuted")[-1].event_id)


def test_young_entries_stay(bus: Bus) -> None:
    publish(trade(), trade())
    bus.drain()

    trim_streams()

    assert length(bus) == 2


def test_what_one_group_has_not_read_stays(bus: Bus, group_of: Callable[..., Group]) -> None:
    def note(event: Event, context: Context) -> None: ...

    group_of(note, name="absent")
    old_entries(bus, 3)
    bus.drain()
    bus.clock.advance(TWO_DAYS_S)

    trim_streams()

    assert length(bus) == 3


def test_what_one_group_has_not_finished_stays(bus: Bus, group_of: Callable[..., Group]) -> None:
    def note(event: Event, context: Context) -> None: ...

    group_of(note, name="slow")
    old_entries(bus, 3)
    bus.drain()
    bus.transport.streams.read("slow", "one", [STREAM], 10, 0)
    bus.clock.advance(TWO_DAYS_S)

    trim_streams()

    assert length(bus) == 3


def old_entries(bus: Bus, count: int) -> None:
    """Entries of two days ago; the clock stays there."""
    bus.clock.advance(-TWO_DAYS_S)
    publish(*(trade() for _ in range(count)))


def length(bus: Bus) -> int:
    return bus.transport.inspector.streams([STREAM])[STREAM].length


def test_when_memory_runs_short_what_all_have_finished_goes_whatever_its_age(
    bus: Bus, group_of: Callable[..., Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(event: Event, context: Context) -> None: ...

    slow = group_of(nothing, name="slow")
    quick = [group for group in bus.groups if TRADE in group.reads]
    bus.publish(trade(), trade())
    bus.drain([*quick, slow])
    bus.publish(trade())
    bus.drain(quick)
    trim_streams()
    assert bus.transport.inspector.streams([STREAM])[STREAM].length == 3

    short = ServerInfo("memory", "1", 71, 100, 0, "noeviction")
    monkeypatch.setattr(bus.memory, "server", lambda: short)
    in_a_second = bus.clock.now() + 1
    monkeypatch.setattr(janitor.time, "time", lambda: in_a_second)
    trim_streams()

    # The third is still to be read by the slow group: it stays however full the server is.
    assert bus.transport.inspector.streams([STREAM])[STREAM].length <= 2
    assert bus.transport.inspector.last_ids([STREAM])[STREAM] != "0-0"
    bus.drain([slow])
    assert HandledEvent.objects.filter(group__name="slow").count() == 3


@pytest.mark.parametrize(
    ("used", "limit", "short"), [(70, 100, False), (71, 100, True), (10**9, 0, False)]
)
def test_memory_is_short_above_seventy_percent_of_a_limit(
    used: int, limit: int, short: bool
) -> None:
    server = ServerInfo("Valkey", "9.0.1", used, limit, 0, "noeviction")

    assert janitor.memory_is_short(server) is short


def test_consumers_of_the_gone_are_forgotten_unless_they_hold_something(bus: Bus) -> None:
    (group, *_) = [group for group in bus.groups if TRADE in group.reads]
    bus.publish(trade())
    bus.transport.streams.read(group.name, "empty-handed", [STREAM], 0, 0)
    bus.transport.streams.read(group.name, "holding", [STREAM], 10, 0)
    bus.transport.streams.read(group.name, RELEASED, [STREAM], 0, 0)

    removed = forget_consumers()

    names = {one.name for one in bus.transport.inspector.consumers([(STREAM, group.name)])}
    assert removed == 1
    assert names == {"holding", RELEASED}


def test_an_event_that_was_handled_after_all_has_no_open_letter(bus: Bus) -> None:
    group, _ = ConsumerGroup.objects.get_or_create(name="testers")
    done, open_still = new_event_id(), new_event_id()
    HandledEvent.objects.create(
        group=group, event_id=done, handled_at=now(), duration_us=1, attempts=1
    )
    closed = letter(event_id=done)
    letter(event_id=open_still)

    close_letters_of_the_handled()

    resolved = DeadLetter.objects.filter(state="resolved").values_list("pk", flat=True)
    assert list(resolved) == [closed]


def test_a_producer_that_said_nothing_for_long_is_forgotten(db: None) -> None:
    note_seen([trade(producer="old@1"), trade(producer="new@1")])
    SeenType.objects.filter(producer="old@1").update(last_at=days_ago(91))

    remove_old_rows()

    assert list(SeenType.objects.values_list("producer", flat=True)) == ["new@1"]


def test_a_draft_nobody_has_begun_goes_with_its_set_and_nothing_else_does(bus: Bus) -> None:
    pk = letter()
    olga = Actor("olga", "console", may_operate=True)
    old, fresh, begun = (propose_replay(olga, LetterFilter(group="testers")) for _ in range(3))
    Operation.objects.filter(pk__in=[old.pk, begun.pk]).update(
        created_at=now() - DRAFT_KEPT - timedelta(minutes=1)
    )
    Operation.objects.filter(pk=begun.pk).update(state=Operation.State.RUNNING)

    remove_old_rows()

    assert set(Operation.objects.values_list("pk", flat=True)) == {fresh.pk, begun.pk}
    operations = OperationItem.objects.values_list("operation", flat=True)
    assert set(operations) == {fresh.pk, begun.pk}
    assert DeadLetter.objects.filter(pk=pk).exists()


def test_what_became_of_each_event_of_an_operation_goes_and_how_many_stays(
    bus: Bus, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "retention_days": 1}
    for _ in range(3):
        letter()
    olga = Actor("olga", "console", may_operate=True)
    old, late, fresh = (propose_replay(olga, LetterFilter(group="testers")) for _ in range(3))
    long_ago = now() - (kept_closed() or timedelta())
    for operation in (old, late, fresh):
        operation.items.update(state="handled", sent_at=now(), ended_at=now())
    Operation.objects.update(state="done", ended_at=long_ago - timedelta(days=1))
    Operation.objects.filter(pk=late.pk).update(state="cancelled")
    late.items.filter(pk=late.items.order_by("pk")[1].pk).update(state="sent")
    Operation.objects.filter(pk=fresh.pk).update(ended_at=long_ago + timedelta(days=1))

    remove_old_rows()

    kept = {one.pk: one.items.count() for one in Operation.objects.all()}
    assert kept == {old.pk: 0, late.pk: 2, fresh.pk: 3}
    told = counts(list(Operation.objects.all()))
    assert (told[old.pk].handled, told[late.pk].handled, told[fresh.pk].handled) == (3, 2, 3)
    assert (told[old.pk].waiting, told[late.pk].sent) == (0, 1)
