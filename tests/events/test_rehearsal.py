"""Running handlers on a dead letter's event without leaving a trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from events import Context, Event, Reject, groups, publish, publish_direct, relay
from events.domains.financial.models import RevenueEntry
from events.groups import Group
from events.models import AuditEntry, DeadLetter, HandledEvent, SeenType
from events.operations import Actor, Refused, rehearse_letter, stage
from tests.bus_fixture import Bus
from tests.events.conftest import trade

OLGA = Actor("olga", "console", may_operate=True)
VICTOR = Actor("victor", "console")

Handle = Callable[[Event, Context], None]


class Patient:
    """A handler that rejects everything until it is given something to do."""

    def __init__(self) -> None:
        self.act: Handle | None = None

    def handle(self, event: Event, context: Context) -> None:
        if self.act is None:
            raise Reject("still ill")
        self.act(event, context)


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def letter(bus: Bus, patient: Patient, group_of: Callable[..., Group]) -> int:
    """The dead letter of a trade."""
    bus.publish(trade())
    bus.drain([group_of(patient.handle)])
    return bus.dead_letters()[0].pk


def everything(bus: Bus) -> dict[str, list[Any]]:
    """Every row of every table but the audit, and every entry and place of the bus."""
    found: dict[str, list[Any]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table != "events_auditentry":
                cursor.execute(f'SELECT * FROM "{table}"')
                found[table] = sorted(cursor.fetchall(), key=repr)
    names = sorted(stream for group in bus.groups for stream in group.streams)
    found["bus"] = [repr(one) for one in bus.transport.inspector.streams(names).values()]
    found["marks"] = list(relay.marks._waiting)
    return found


def rehearse_event(event: Event, group: str) -> stage.Rehearsal:
    """The rehearsal of an event that is no dead letter."""
    return stage.rehearsed(
        groups.group(group), event.get_stream_name(), event.event_id, event.to_json()
    )


def do_everything(event: Event, context: Context) -> None:
    """All a handler can do to the outside of itself."""
    context.caused("Financial.RevenueRecorded", revenue())
    publish(trade())
    publish_direct(trade())
    transaction.on_commit(lambda: calls.append("committed"))
    with transaction.atomic():
        seen(3)
    SeenType.objects.filter(producer="p1").update(count=7)
    SeenType.objects.filter(producer="p2").delete()


calls: list[str] = []


def seen(count: int) -> None:
    at = trade().occurred_at
    SeenType.objects.bulk_create(
        SeenType(
            event_type="x", event_version=1, producer=f"p{n}", count=1, first_at=at, last_at=at
        )
        for n in range(count)
    )


def revenue() -> dict[str, Any]:
    return {
        "user_id": 123,
        "amount": "1.00",
        "currency": "USD",
        "source": "trading_fee",
        "reference": "r-1",
    }


def test_a_rehearsal_leaves_no_trace_and_says_all_that_would_come(
    bus: Bus, letter: int, patient: Patient
) -> None:
    patient.act = do_everything
    before = everything(bus)

    found = rehearse_letter(OLGA, letter)

    assert found.outcome == "handled", found.traceback
    assert everything(bus) == before
    assert calls == []
    assert [said.event_type for said in found.said] == [
        "Financial.RevenueRecorded", "Trading.TradeExecuted", "Trading.TradeExecuted",
    ]  # fmt: skip
    (rows,) = found.rows
    assert (rows.table, rows.inserted, rows.updated, rows.deleted) == ("events_seentype", 3, 1, 1)
    assert rows.columns == ("count",)
    assert found.statements >= 3
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == (
        "olga",
        "rehearse",
        f"dead letter {letter}",
    )
    assert entry.details["outcome"] == "handled"


def test_after_a_rehearsal_this_process_publishes_as_ever(
    bus: Bus, letter: int, patient: Patient
) -> None:
    patient.act = do_everything
    rehearse_letter(OLGA, letter)

    event = trade()
    bus.publish(event)

    assert event in bus.events()


def test_what_would_fail_again_is_told_with_its_traceback_masked(
    bus: Bus, group_of: Callable[..., Group], patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from events import groups

    group = group_of(patient.handle)
    handler = group.handlers[0].__class__(
        patient.handle, "testers", "user", ("User.UserRegistered",)
    )
    monkeypatch.setitem(groups._handlers, "testers 0", handler)
    sent = {"user_id": 71, "username": "mira", "email": "mira@example.org"}
    event = Event.new("User.UserRegistered", sent)
    bus.publish(event)

    def write_and_fail(event: Event, context: Context) -> None:
        seen(1)
        context.caused("Financial.RevenueRecorded", revenue())
        raise ValueError(f"no account of {event.data['email']}")

    patient.act = write_and_fail
    found = rehearse_event(event, "testers")

    assert (found.outcome, found.error_class, found.retried) == ("failed", "ValueError", True)
    assert "no account of" in found.message
    assert "write_and_fail" in found.traceback
    assert "mira@example.org" not in found.message + found.traceback + str(found.as_json())
    assert (found.said, found.rows) == ((), ())
    assert SeenType.objects.count() == 0


def test_what_the_database_refuses_only_at_the_commit_is_a_failure(
    bus: Bus, letter: int, patient: Patient
) -> None:
    def refer_to_nothing(event: Event, context: Context) -> None:
        HandledEvent.objects.create(
            group_id=30_000,
            event_id=event.event_id,
            handled_at=event.occurred_at,
            duration_us=1,
            attempts=1,
        )

    patient.act = refer_to_nothing
    found = rehearse_letter(OLGA, letter)

    assert (found.outcome, found.error_class) == ("failed", "IntegrityError")


def test_a_handler_that_would_commit_is_kept_from_it(
    bus: Bus, letter: int, patient: Patient
) -> None:
    def commit(event: Event, context: Context) -> None:
        seen(1)
        with connection.cursor() as cursor:
            cursor.execute("COMMIT")

    patient.act = commit
    found = rehearse_letter(OLGA, letter)

    assert (found.outcome, found.error_class) == ("failed", "EndsTransaction")
    assert SeenType.objects.count() == 0


def test_a_handler_that_runs_on_is_stopped(
    bus: Bus, letter: int, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_on(event: Event, context: Context) -> None:
        seen(1)
        while True:
            pass

    monkeypatch.setattr(stage, "LONGEST_S", 0.1)
    patient.act = run_on

    found = rehearse_letter(OLGA, letter)

    assert found.outcome == "too long"
    assert "the most a rehearsal may take" in found.message
    assert (found.said, found.rows) == ((), ())


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set in the end: what waits for it goes on, and is waited for."""
    event = threading.Event()
    yield event
    event.set()
    with stage._stage:
        pass


def test_a_handler_that_cannot_be_stopped_holds_nobody_up_and_writes_nothing(
    bus: Bus,
    letter: int,
    patient: Patient,
    released: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: list[Exception] = []

    def wait_in_c(event: Event, context: Context) -> None:
        seen(1)
        released.wait()
        try:
            seen(1)
        except DatabaseError as error:
            errors.append(error)

    monkeypatch.setattr(stage, "LONGEST_S", 0.1)
    monkeypatch.setattr(stage, "GRACE_S", 0.1)
    patient.act = wait_in_c

    found = rehearse_letter(OLGA, letter)

    assert found.outcome == "too long"
    assert AuditEntry.objects.count() == 1  # SQL was written to: no lock is held
    with pytest.raises(Refused, match="Another rehearsal is under way"):
        rehearse_letter(OLGA, letter)
    released.set()
    with stage._stage:
        assert SeenType.objects.count() == 0


def test_who_may_not_and_what_cannot_be_is_refused_and_leaves_no_audit_row(
    bus: Bus, letter: int, patient: Patient, group_of: Callable[..., Group]
) -> None:
    ran: list[Event] = []
    patient.act = lambda event, _: ran.append(event)

    def refused(actor: Actor, pk: int) -> str:
        with pytest.raises(Refused) as why:
            rehearse_letter(actor, pk)
        return str(why.value)

    assert refused(VICTOR, letter) == (
        "victor may look but not rehearse: that needs the role operator."
    )
    assert refused(OLGA, letter + 1) == f"There is no dead letter {letter + 1}."
    DeadLetter.objects.update(kind="poison")
    assert "is poison" in refused(OLGA, letter)
    DeadLetter.objects.update(kind="permanent", group_name="forgotten")
    assert "No installed app declares the group forgotten" in refused(OLGA, letter)
    DeadLetter.objects.update(group_name="testers")
    group_of(patient.handle, external=True)
    assert "calls the outside world, which cannot be rolled back" in refused(OLGA, letter)
    assert ran == []
    assert not AuditEntry.objects.exists()


def test_a_declared_group_is_rehearsed_as_its_workers_run_it(bus: Bus) -> None:
    event = trade()
    bus.publish(event)

    fresh = rehearse_event(event, "revenue_trackers")
    bus.drain()
    again = rehearse_event(event, "revenue_trackers")

    assert (fresh.outcome, fresh.already_handled) == ("handled", False)
    (said,) = fresh.said
    assert said.event_type == "Financial.RevenueRecorded"
    assert [(rows.table, rows.inserted) for rows in fresh.rows] == [
        (RevenueEntry._meta.db_table, 1)
    ]
    assert again.already_handled
