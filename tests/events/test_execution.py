"""What becomes of a delivery: handled, retried, dead, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError

from events import Context, Event, Reject, Retry, execution, lane, runner
from events.dead_letters import Burial, bury
from events.envelope import new_event_id
from events.groups import Group, Says
from events.models import ConsumerGroup, DeadLetter, HandledEvent, StoredEvent
from events.operations import Actor, replay_dead_letters
from events.transport.base import Append, Delivery
from tests.bus_fixture import Bus
from tests.events.conftest import trade

GroupOf = Callable[..., Group]
OPERATOR = Actor("olga", "console", may_operate=True)
XP = {"user_id": 123, "xp": 15, "source": "trade", "reason": "test"}


def seen_by(seen: list[UUID]) -> Callable[[Event, Context], None]:
    def note(event: Event, context: Context) -> None:
        seen.append(event.event_id)

    return note


def test_effects_mark_and_said_events_are_there_together(bus: Bus, group_of: GroupOf) -> None:
    def says(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)

    event = trade()
    bus.publish(event)
    bus.drain([group_of(says)])

    mark = HandledEvent.objects.get(group__name="testers")
    assert (mark.event_id, mark.attempts, mark.ignored) == (event.event_id, 1, False)
    (said,) = bus.events("Gamification.XPGained")
    assert (said.causation_id, said.producer.partition("@")[0]) == (event.event_id, "testers")
    assert StoredEvent.objects.filter(relayed_at=None).count() == 0


def test_a_type_that_is_said_and_not_declared_is_told_once(
    bus: Bus, group_of: GroupOf, caplog: pytest.LogCaptureFixture
) -> None:
    def says(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)

    bus.publish(trade(), trade())
    bus.drain([group_of(says)])
    bus.drain([group_of(says, name="frank", says=(Says("Gamification.XPGained"),))])

    assert len(bus.events("Gamification.XPGained")) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "group testers says Gamification.XPGained, which none of its handlers declares: "
        "add it to their `says`"
    ]


def test_an_idempotent_handler_that_says_something_is_refused(bus: Bus, group_of: GroupOf) -> None:
    """It keeps no mark, so that a second delivery would say it again."""

    def says(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)

    bus.publish(trade())
    bus.drain([group_of(says, idempotent=True)])

    (letter,) = bus.dead_letters()
    assert (letter.kind, bus.events("Gamification.XPGained")) == ("permanent", [])
    assert letter.message.startswith("an idempotent handler says Gamification.XPGained; delivered")


def test_a_failing_handler_leaves_neither_effects_nor_said_events(
    bus: Bus, group_of: GroupOf
) -> None:
    def half_done(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)
        HandledEvent.objects.create(
            group_id=1, event_id=event.event_id, handled_at=event.occurred_at, duration_us=0,
            attempts=1,
        )  # fmt: skip
        raise Reject("no")

    bus.publish(trade())
    bus.drain([group_of(half_done)])

    assert bus.events("Gamification.XPGained") == []
    assert HandledEvent.objects.count() == 0
    assert DeadLetter.objects.count() == 1


def test_an_event_delivered_again_is_not_handled_again(bus: Bus, group_of: GroupOf) -> None:
    seen: list[UUID] = []
    group = group_of(seen_by(seen))
    event = trade()
    bus.publish(event)
    bus.drain([group])
    bus.memory._seen.clear()
    stream = event.get_stream_name()
    bus.transport.streams.append([Append(stream, event.event_id, event.to_json())])

    bus.drain([group])

    assert seen == [event.event_id]


def test_twins_in_one_batch_are_handled_once(bus: Bus, group_of: GroupOf) -> None:
    seen: list[UUID] = []
    group = group_of(seen_by(seen))
    event = trade()
    for _ in range(2):
        bus.memory._seen.clear()
        stream = event.get_stream_name()
        bus.transport.streams.append([Append(stream, event.event_id, event.to_json())])

    bus.drain([group])

    assert seen == [event.event_id]
    assert HandledEvent.objects.filter(group__name="testers").count() == 1


def test_only_the_guilty_event_of_a_batch_suffers(bus: Bus, group_of: GroupOf) -> None:
    def picky(event: Event, context: Context) -> None:
        if event.data["user_id"] == 13:
            raise Reject("unlucky")

    group = group_of(picky)
    bus.publish(*(trade(user_id=user_id) for user_id in range(10, 16)))
    bus.drain([group])

    (letter,) = bus.dead_letters()
    assert letter.message == "unlucky"
    assert HandledEvent.objects.filter(group__name="testers").count() == 5


def test_what_a_batch_said_before_it_was_undone_is_not_said_twice(
    bus: Bus, group_of: GroupOf
) -> None:
    def says(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)
        if event.data["user_id"] == 13:
            raise Reject("unlucky")

    bus.publish(*(trade(user_id=user_id) for user_id in range(11, 15)))
    bus.drain([group_of(says)])

    said = [event.causation_id for event in bus.events("Gamification.XPGained")]
    assert len(said) == len(set(said)) == 3


def test_all_handlers_of_a_group_commit_together(bus: Bus, group_of: GroupOf) -> None:
    def says(event: Event, context: Context) -> None:
        context.caused("Gamification.XPGained", XP)

    def fails(event: Event, context: Context) -> None:
        raise Reject("the second handler does not like it")

    bus.publish(trade())
    bus.drain([group_of(says, fails)])

    assert bus.events("Gamification.XPGained") == []
    assert len(bus.dead_letters()) == 1


def test_one_groups_failure_is_not_anothers(bus: Bus, group_of: GroupOf) -> None:
    seen: list[UUID] = []

    def fails(event: Event, context: Context) -> None:
        raise Reject("no")

    bus.publish(trade())
    bus.drain([group_of(fails, name="ill"), group_of(seen_by(seen), name="well")])

    assert [letter.group_name for letter in bus.dead_letters()] == ["ill"]
    assert len(seen) == 1


def test_a_bug_is_retried_by_policy_and_then_set_aside(bus: Bus, group_of: GroupOf) -> None:
    attempts: list[int] = []

    def buggy(event: Event, context: Context) -> None:
        attempts.append(context.attempt)
        raise ZeroDivisionError("oops")

    group = group_of(buggy, max_retries=2)
    bus.publish(trade())
    drain_with_retries(bus, group)

    assert attempts == [1, 2, 3]
    (letter,) = bus.dead_letters()
    assert (letter.kind, letter.error_class, letter.message) == (
        "exhausted", "ZeroDivisionError", "oops",
    )  # fmt: skip
    assert [attempt["error"] for attempt in letter.attempts] == ["ZeroDivisionError"] * 3
    assert "buggy" in letter.traceback
    assert bytes(letter.body) == bus.events()[0].to_json()


def test_a_transient_failure_heals_by_a_retry(bus: Bus, group_of: GroupOf) -> None:
    def late(event: Event, context: Context) -> None:
        if context.attempt == 1:
            raise Retry("not yet", delay_s=0)

    bus.publish(trade())
    drain_with_retries(bus, group_of(late))

    assert bus.dead_letters() == []
    assert HandledEvent.objects.get(group__name="testers").attempts == 2


def test_a_waiting_retry_blocks_no_later_event(bus: Bus, group_of: GroupOf) -> None:
    seen: list[UUID] = []

    def first_waits(event: Event, context: Context) -> None:
        if event.data["user_id"] == 1:
            raise Retry(delay_s=3_600)
        seen.append(event.event_id)

    bus.publish(trade(user_id=1), trade(user_id=2))
    bus.drain([group_of(first_waits)])

    assert len(seen) == 1
    waiting = bus.transport.inspector.retries([("astra.trading.tradeexecuted.v1", "testers")])
    assert [info.waiting for info in waiting.values()] == [1]


def test_an_event_no_handler_wants_counts_as_handled_and_ignored(
    bus: Bus, group_of: GroupOf
) -> None:
    seen: list[UUID] = []
    group = group_of(seen_by(seen), only={"symbol": ("BTC",)})
    bus.publish(trade())
    bus.drain([group])

    assert seen == []
    assert HandledEvent.objects.get(group__name="testers").ignored is True


def test_a_batch_handler_gets_all_events_of_the_batch_at_once(bus: Bus, group_of: GroupOf) -> None:
    calls: list[int] = []

    def together(events: Sequence[Event], contexts: Sequence[Context]) -> None:
        calls.append(len(events))

    bus.publish(*(trade() for _ in range(7)))
    bus.drain([group_of(together, batch=True)])

    assert calls == [7]


def test_an_external_handler_runs_outside_any_transaction(bus: Bus, group_of: GroupOf) -> None:
    from django.db import connection

    inside: list[bool] = []

    def calls_out(event: Event, context: Context) -> None:
        inside.append(connection.in_atomic_block)

    bus.publish(trade(), trade())
    bus.drain([group_of(calls_out, external=True)])

    assert inside == [False, False]


def test_the_outside_is_not_called_for_what_was_done_before(bus: Bus, group_of: GroupOf) -> None:
    calls: list[UUID] = []
    group, event = group_of(seen_by(calls), external=True), trade()
    bus.publish(event)
    bus.drain([group])
    bus.memory._seen.clear()
    stream = event.get_stream_name()
    bus.transport.streams.append([Append(stream, event.event_id, event.to_json())])

    bus.drain([group])

    assert calls == [event.event_id]


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"\xff not json", "poison"), (b"{}", "poison"), (b"", "poison")],
)
def test_bytes_that_are_no_event_become_a_dead_letter_with_their_bytes(
    bus: Bus, group_of: GroupOf, body: bytes, kind: str
) -> None:
    group = group_of(seen_by([]))
    stream = "astra.trading.tradeexecuted.v1"
    bus.transport.streams.append([Append(stream, trade().event_id, body)])
    bus.publish(trade())

    bus.drain([group])

    (letter,) = bus.dead_letters()
    assert (letter.kind, bytes(letter.body)) == (kind, body)
    assert HandledEvent.objects.filter(group__name="testers").count() == 1


def test_a_payload_that_does_not_validate_is_set_aside_with_its_field(
    bus: Bus, group_of: GroupOf
) -> None:
    event = trade()
    raw = event.to_json().replace(b'"1500.00"', b'"a lot"')
    bus.transport.streams.append([Append(event.get_stream_name(), event.event_id, raw)])

    bus.drain([group_of(seen_by([]))])

    (letter,) = bus.dead_letters()
    assert letter.kind == "permanent"
    assert "data.value" in letter.message


def test_an_event_under_an_alias_finds_its_handlers(bus: Bus, group_of: GroupOf) -> None:
    seen: list[UUID] = []
    group, event = group_of(seen_by(seen)), trade()
    raw = event.to_json().replace(b"Trading.TradeExecuted", b"Trading.Trade.Executed")
    bus.transport.streams.append([Append(event.get_stream_name(), event.event_id, raw)])

    bus.drain([group])

    assert seen == [event.event_id]


def test_what_the_database_refuses_at_the_commit_is_the_events_own_failure(
    bus: Bus, group_of: GroupOf
) -> None:
    def breaks_a_foreign_key(event: Event, context: Context) -> None:
        HandledEvent.objects.create(
            group_id=999,
            event_id=event.event_id,
            handled_at=event.occurred_at,
            duration_us=0,
            attempts=1,
        )

    bus.publish(trade())
    bus.drain([group_of(breaks_a_foreign_key, max_retries=0)])

    (letter,) = bus.dead_letters()
    assert letter.error_class == "IntegrityError"


def test_an_entry_that_kills_its_worker_is_set_aside_after_three_starts(
    bus: Bus, group_of: GroupOf
) -> None:
    seen: list[UUID] = []
    group = group_of(seen_by(seen))
    bus.publish(trade())
    (delivery,) = read(bus, group, "dead")
    for name in ("dead-2", "dead-3"):
        (claimed,) = bus.transport.streams.reclaim(delivery.stream, group.name, name, 0)
        bus.transport.streams.begin(group.name, name, claimed)

    reclaim_and_run(bus, group)

    (letter,) = bus.dead_letters()
    assert (letter.kind, letter.error_class) == ("poison", "Poison")
    assert seen == []


def test_a_dead_workers_entry_is_handled_by_another(bus: Bus, group_of: GroupOf) -> None:
    seen: list[UUID] = []
    group = group_of(seen_by(seen))
    bus.publish(trade())
    read(bus, group, "dead")
    bus.drain([group])
    assert seen == []

    reclaim_and_run(bus, group)

    assert len(seen) == 1


def test_a_chain_that_never_ends_is_cut(bus: Bus, group_of: GroupOf) -> None:
    def again(event: Event, context: Context) -> None:
        context.caused("Trading.TradeExecuted", event.data)

    bus.publish(trade())
    bus.drain([group_of(again)])

    (letter,) = bus.dead_letters()
    assert "taken for a loop" in letter.message
    assert len(bus.events()) == 33


def test_a_replay_runs_in_the_failed_group_alone_and_resolves(bus: Bus, group_of: GroupOf) -> None:
    ill, seen = [True], []

    def recovers(event: Event, context: Context) -> None:
        if ill[0]:
            raise Reject("still ill")

    failing, well = group_of(recovers, name="ill"), group_of(seen_by(seen), name="well")
    bus.publish(trade())
    bus.drain([failing, well])
    ill[0] = False
    (letter,) = bus.dead_letters()

    replay_dead_letters(OPERATOR, [letter.pk], "the cause is gone")
    bus.drain([failing, well])

    letter.refresh_from_db()
    assert letter.state == "resolved"
    assert HandledEvent.objects.filter(group__name="ill").count() == 1
    assert len(seen) == 1


def test_a_replay_that_fails_again_opens_the_same_letter_again(bus: Bus, group_of: GroupOf) -> None:
    def ill(event: Event, context: Context) -> None:
        raise Reject("still ill")

    group = group_of(ill)
    bus.publish(trade())
    bus.drain([group])
    replay_dead_letters(OPERATOR, [bus.dead_letters()[0].pk], "try")
    bus.drain([group])

    (letter,) = bus.dead_letters()
    assert (letter.state, len(letter.attempts)) == ("new", 2)


def test_a_traceback_is_the_handlers_own(bus: Bus, group_of: GroupOf) -> None:
    def ill(event: Event, context: Context) -> None:
        raise Reject("ill")

    group = group_of(ill)
    bus.publish(trade(), trade())
    bus.drain([group])

    assert [letter.traceback.count("Traceback") for letter in bus.dead_letters()] == [1, 1]


def test_a_dead_letters_entry_delivered_again_stays_dead(bus: Bus, group_of: GroupOf) -> None:
    attempts: list[int] = []

    def ill(event: Event, context: Context) -> None:
        attempts.append(1)
        raise Reject("ill")

    group, event = group_of(ill), trade()
    bus.publish(event)
    bus.drain([group])
    bus.memory._seen.clear()
    stream = event.get_stream_name()
    bus.transport.streams.append([Append(stream, event.event_id, event.to_json())])

    bus.drain([group])

    assert attempts == [1]
    assert len(bus.dead_letters()) == 1


def read(bus: Bus, group: Group, consumer: str) -> list[Delivery]:
    return bus.transport.streams.read(group.name, consumer, group.streams, 10, 0)


def reclaim_and_run(bus: Bus, group: Group) -> None:
    """Let the lease end and another worker's sweep come round."""
    bus.clock.advance(3_600)
    bus.drain([group])


def drain_with_retries(bus: Bus, group: Group) -> None:
    """Drain, letting the time of every retry come."""
    stream = "astra.trading.tradeexecuted.v1"
    for _ in range(10):
        bus.drain([group])
        bus.transport.streams.promote(stream, group.name, bus.clock.now() + 3_600)


def test_the_context_tells_payload_attempt_and_deadline(bus: Bus, group_of: GroupOf) -> None:
    given: list[Any] = []

    def look(event: Event, context: Context) -> None:
        given.append(
            (context.payload.value, context.attempt, context.deadline_at > event.occurred_at)
        )

    bus.publish(trade())
    bus.drain([group_of(look)])

    from decimal import Decimal

    assert given == [(Decimal("1500.00"), 1, True)]


def test_an_async_handler_runs_in_the_transaction_of_its_event(bus: Bus, group_of: GroupOf) -> None:
    other = ConsumerGroup.objects.create(name="other")

    async def says_and_fails(event: Event, context: Context) -> None:
        await asyncio.sleep(0)
        context.caused("Gamification.XPGained", XP)
        await sync_to_async(HandledEvent.objects.create)(
            group=other,
            event_id=new_event_id(),
            handled_at=event.occurred_at,
            duration_us=0,
            attempts=1,
        )
        if event.data["user_id"] == 13:
            raise Reject("unlucky")

    bus.publish(trade(user_id=12), trade(user_id=13))
    bus.drain([group_of(says_and_fails)])

    assert HandledEvent.objects.filter(group__name="testers").count() == 1
    assert HandledEvent.objects.count() == 2
    assert len(bus.events("Gamification.XPGained")) == 1
    assert [letter.message for letter in bus.dead_letters()] == ["unlucky"]


def test_an_idempotent_group_keeps_no_marks_and_runs_what_comes_again(
    bus: Bus, group_of: GroupOf
) -> None:
    seen: list[UUID] = []
    group, event = group_of(seen_by(seen), idempotent=True), trade()
    bus.publish(event)
    bus.drain([group])
    bus.memory._seen.clear()
    stream = event.get_stream_name()
    bus.transport.streams.append([Append(stream, event.event_id, event.to_json())])

    bus.drain([group])

    assert seen == [event.event_id] * 2
    assert HandledEvent.objects.count() == 0


def test_what_was_done_before_its_worker_died_four_times_is_no_poison(
    bus: Bus, group_of: GroupOf
) -> None:
    seen: list[UUID] = []
    group, event = group_of(seen_by(seen)), trade()
    bus.publish(event)
    bus.drain([group])
    bus.memory._seen.clear()
    bus.transport.streams.append([Append(event.get_stream_name(), event.event_id, event.to_json())])
    (delivery,) = read(bus, group, "dies")
    for _ in range(4):
        delivery = bus.transport.streams.begin(group.name, "dies", delivery) or delivery

    reclaim_and_run(bus, group)

    assert seen == [event.event_id]
    assert bus.dead_letters() == []


def test_sql_that_is_in_the_way_for_ever_is_an_attempt_in_the_end(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BACKOFF_S", (0.0,))
    attempts: list[int] = []

    def always_locked(event: Event, context: Context) -> None:
        attempts.append(context.attempt)
        raise OperationalError("database is locked")

    bus.publish(trade(), trade())
    bus.drain([group_of(always_locked, max_retries=0)])

    assert len(bus.dead_letters()) == 2
    assert attempts == [1] * len(attempts)


def test_sql_that_is_away_for_long_costs_no_attempt(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a handler that always finds it locked would be repeated."""
    monkeypatch.setattr(runner, "BACKOFF_S", (0.0,))
    attempts: list[int] = []
    refusals: list[int] = []
    look_up = lane.look_up

    def away(work: Any) -> None:
        if len(refusals) < 3 * execution.MOST_REPEATS:
            refusals.append(len(refusals))
            raise OperationalError("the connection is lost") from Lost()
        look_up(work)

    class Lost(Exception):
        sqlstate = "08006"

    def note(event: Event, context: Context) -> None:
        attempts.append(context.attempt)

    monkeypatch.setattr(lane, "look_up", away)
    bus.publish(trade())
    bus.drain([group_of(note, max_retries=0)])

    assert (attempts, bus.dead_letters()) == ([1], [])
    assert len(refusals) == 3 * execution.MOST_REPEATS


@pytest.mark.parametrize("where", ["record", "commit"])
def test_a_connection_that_a_handler_loses_is_that_events_failure(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It is told by a statement of ours, or by the commit, as if the server were away."""
    monkeypatch.setattr(runner, "BACKOFF_S", (0.0,))
    well, ill = trade(), trade(user_id=13)
    lost: list[UUID] = []

    def handle(event: Event, context: Context) -> None:
        if event.data["user_id"] == 13:
            lost.append(event.event_id)

    def refuse() -> None:
        if lost:
            lost.clear()
            raise InterfaceError("the connection is closed")

    record, writing = lane.record, lane.writing

    def recorded(units: Any) -> Any:
        refuse()
        return record(units)

    @contextmanager
    def committed() -> Iterator[None]:
        with writing():
            yield
            refuse()

    monkeypatch.setattr(lane, "record", recorded if where == "record" else record)
    monkeypatch.setattr(lane, "writing", committed if where == "commit" else writing)
    bus.publish(ill, well)
    bus.drain([group_of(handle, max_retries=0)])

    assert [letter.event_id for letter in bus.dead_letters()] == [ill.event_id]
    assert HandledEvent.objects.get(group__name="testers").event_id == well.event_id


def test_the_outside_is_called_once_while_sql_cannot_be_written(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BACKOFF_S", (0.0,))
    calls: list[int] = []
    refusals: list[int] = []
    record = lane.record

    def full(units: Any) -> Any:
        if len(refusals) < 3 * execution.MOST_REPEATS:
            refusals.append(len(refusals))
            raise OperationalError("database or disk is full")
        return record(units)

    monkeypatch.setattr(lane, "record", full)
    bus.publish(trade())
    bus.drain([group_of(lambda event, context: calls.append(context.attempt), external=True)])

    assert (calls, bus.dead_letters()) == ([1], [])
    assert HandledEvent.objects.filter(group__name="testers").count() == 1


def test_of_events_that_find_sql_locked_together_only_the_guilty_one_is_set_aside(
    bus: Bus, group_of: GroupOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BACKOFF_S", (0.0,))

    def locked(event: Event, context: Context) -> None:
        if event.data["user_id"] == 13:
            raise OperationalError("database is locked")

    well, ill = trade(), trade(user_id=13)
    bus.publish(well, ill)
    bus.drain([group_of(locked, max_retries=0)])

    assert [letter.event_id for letter in bus.dead_letters()] == [ill.event_id]
    assert HandledEvent.objects.get(group__name="testers").event_id == well.event_id


def test_bytes_without_an_id_make_one_letter_however_often_their_entry_comes(
    bus: Bus, group_of: GroupOf
) -> None:
    group = group_of(seen_by([]))
    stream = "astra.trading.tradeexecuted.v1"
    bus.transport.streams.append([Append(stream, new_event_id(), b"{")])
    entry = next(iter(bus.memory._streams[stream].entries))
    nameless = Delivery(stream, f"{entry[0]}-{entry[1]}", "", b"{")
    bus.memory._streams[stream].entries[entry] = nameless

    bus.drain([group])
    bus.memory._streams[stream].groups[group.name].last = (0, 0)
    bus.drain([group])

    assert len(bus.dead_letters()) == 1


def test_a_discarded_letter_stays_discarded_when_its_event_comes_again(
    bus: Bus, group_of: GroupOf
) -> None:
    group, event = group_of(seen_by([])), trade()
    body = event.to_json().replace(b'"1500.00"', b'"-1"')
    append = Append(event.get_stream_name(), event.event_id, body)
    bus.transport.streams.append([append])
    bus.drain([group])
    DeadLetter.objects.update(state="discarded")
    bus.memory._seen.clear()
    bus.transport.streams.append([append])

    bus.drain([group])

    (letter,) = bus.dead_letters()
    assert (letter.state, len(letter.attempts)) == ("discarded", 1)


def test_what_another_worker_has_handled_meanwhile_is_not_set_aside(
    bus: Bus, group_of: GroupOf
) -> None:
    group, event = group_of(seen_by([])), trade()
    bus.publish(event)
    (delivery,) = read(bus, group, "slow")
    HandledEvent.objects.create(
        group=ConsumerGroup.objects.get_or_create(name="testers")[0],
        event_id=event.event_id,
        handled_at=event.occurred_at,
        duration_us=0,
        attempts=1,
    )

    written = bury(
        Burial(group.name, delivery, event, "permanent", "Reject", "no", "", "f", [], [], "w")
    )

    assert not written
    assert bus.dead_letters() == []
