from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from events import BusUnavailable, Context, Event, Reject
from events.audit import first_broken
from events.envelope import new_event_id, now
from events.groups import Group
from events.models import AuditEntry, DeadLetter, HandledEvent, Operation
from events.operations import (
    DISCARD,
    RESTORE,
    Actor,
    Refused,
    decide,
    redeliver_waiting,
    redelivery,
    replay_dead_letters,
    replays,
)
from events.transport.base import Delivery
from tests.bus_fixture import Bus
from tests.events.conftest import trade

STREAM = "astra.trading.tradeexecuted.v1"
OLGA = Actor("olga", "console", may_operate=True)
AGAIN = Actor("olga", "console", may_operate=True, stepped_up=True)
VICTOR = Actor("victor", "console", may_operate=False)


class Patient:
    """A handler that rejects everything until it is well."""

    def __init__(self) -> None:
        self.ill = True
        self.seen: list[Event] = []

    def handle(self, event: Event, context: Context) -> None:
        self.seen.append(event)
        if self.ill:
            raise Reject("still ill")


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def group(patient: Patient, group_of: Callable[..., Group]) -> Group:
    return group_of(patient.handle)


def fail(bus: Bus, group: Group, *events: Event) -> list[int]:
    """Publish events the group will reject; numbers of their dead letters, in that order."""
    bus.publish(*events)
    bus.drain([group])
    by_event = {letter.event_id: letter.pk for letter in bus.dead_letters()}
    return [by_event[event.event_id] for event in events]


def letter(**changes: Any) -> int:
    """The number of a dead letter as the bus would have written it."""
    facts = {"group_name": "testers", "event_id": new_event_id(), "stream": STREAM, "body": b"{}"}
    moments = {"first_failed_at": now(), "last_failed_at": now()}
    return DeadLetter.objects.create(**{**facts, **moments, **changes}).pk


def states() -> dict[int, str]:
    return dict(DeadLetter.objects.values_list("pk", "state"))


def on_their_way(bus: Bus) -> int:
    """Redeliveries the group has not been given yet."""
    return bus.transport.inspector.retries([(STREAM, "testers")])[STREAM, "testers"].waiting


def given_again(bus: Bus) -> list[Delivery]:
    return bus.transport.streams.read("testers", "one", [STREAM], 1_000, 0)


def test_a_replay_puts_right_what_failed(bus: Bus, group: Group, patient: Patient) -> None:
    first, second = trade(), trade()
    ids = fail(bus, group, first, second)
    patient.ill = False
    patient.seen.clear()

    replay_dead_letters(OLGA, ids, "the cause is gone")
    bus.drain([group])

    assert set(states().values()) == {"resolved"}
    assert patient.seen == [first, second]
    assert HandledEvent.objects.filter(group__name="testers").count() == 2
    assert all(dead.resolved_at and dead.redelivered_at for dead in bus.dead_letters())


def test_a_replay_takes_exactly_the_letters_it_was_given(bus: Bus, group: Group) -> None:
    ids = fail(bus, group, *(trade() for _ in range(4)))

    operation = replay_dead_letters(OLGA, [ids[2], ids[0], ids[2]], "two of four")

    items = operation.items.order_by("pk").values_list("letter", flat=True)
    assert (operation.total, list(items)) == (2, [ids[0], ids[2]])
    assert [states()[pk] for pk in ids] == ["replaying", "new", "replaying", "new"]
    bodies = DeadLetter.objects.filter(pk__in=[ids[0], ids[2]]).values_list("body", flat=True)
    assert [given.body for given in given_again(bus)] == [bytes(body) for body in bodies]


def test_an_operation_and_its_audit_row_say_who_what_and_why(bus: Bus, group: Group) -> None:
    event = trade()
    (pk,) = fail(bus, group, event)

    operation = replay_dead_letters(OLGA, [pk], "  the cause is gone ")

    assert (operation.kind, operation.group_name) == ("replay", "testers")
    assert (operation.actor, operation.via) == ("olga", "console")
    assert operation.reason == "the cause is gone"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == ("olga", "dead-letters.replay")
    assert (entry.target, entry.reason) == (f"operation {operation.pk}", "the cause is gone")
    assert entry.details == {
        "group": "testers", "dead_letters": [pk], "events": [str(event.event_id)],
    }  # fmt: skip
    assert first_broken() is None


def test_a_letter_under_investigation_can_be_replayed(bus: Bus, group: Group) -> None:
    pk = letter(state="investigating")

    replay_dead_letters(OLGA, [pk], "looked into")

    assert states() == {pk: "replaying"}


def test_a_hundred_letters_are_replayed_at_once(bus: Bus, group: Group) -> None:
    ids = [letter() for _ in range(100)]

    replay_dead_letters(OLGA, ids, "all of them")

    assert on_their_way(bus) == 100


@pytest.mark.parametrize(
    ("actor", "count", "reason", "sentence"),
    [
        (VICTOR, 1, "let me", "victor may look but not replay: that needs the role operator."),
        (OLGA, 1, "", "Say why"),
        (OLGA, 1, " \n\t", "Say why"),
        (OLGA, 0, "nothing", "0 dead letters were chosen; a replay takes 1 to 1,000"),
        (OLGA, 101, "too many", "Give your password again to replay more than 100 events"),
        (AGAIN, 1_001, "too many", "1001 dead letters were chosen; a replay takes 1 to 1,000"),
    ],
    ids=["no right", "no reason", "blank reason", "empty", "over 100", "over 1 000"],
)
def test_a_request_that_is_not_allowed_is_refused(
    bus: Bus, group: Group, actor: Actor, count: int, reason: str, sentence: str
) -> None:
    ids = [letter() for _ in range(count)]

    with pytest.raises(Refused, match=sentence):
        replay_dead_letters(actor, ids, reason)

    assert nothing_happened(bus)


def test_a_letter_that_does_not_exist_is_refused_with_all_others(bus: Bus, group: Group) -> None:
    pk = letter()

    with pytest.raises(Refused, match=f"There is no dead letter {pk + 1}"):
        replay_dead_letters(OLGA, [pk, pk + 1, pk + 2], "try")

    assert nothing_happened(bus)


@pytest.mark.parametrize("state", ["replaying", "resolved", "discarded"])
def test_a_letter_that_is_not_open_is_refused_with_all_others(
    bus: Bus, group: Group, state: str
) -> None:
    ids = [letter(), letter(state=state, redelivered_at=now())]

    with pytest.raises(Refused, match=f"Dead letter {ids[1]} is {state}"):
        replay_dead_letters(OLGA, ids, "try")

    assert states() == {ids[0]: "new", ids[1]: state}
    assert not Operation.objects.exists()


def test_a_group_that_no_app_declares_is_refused(bus: Bus, group: Group) -> None:
    ids = [letter(group_name="forgotten")]

    with pytest.raises(Refused, match="No installed app declares the group forgotten"):
        replay_dead_letters(OLGA, ids, "try")

    assert nothing_happened(bus)


def test_nothing_is_replayed_or_discarded_while_the_console_is_read_only(
    bus: Bus, group: Group, settings: Settings
) -> None:
    ids = [letter()]
    settings.ASTRA = {**settings.ASTRA, "read_only": True}

    with pytest.raises(Refused, match="The console is read-only: nobody may replay"):
        replay_dead_letters(OLGA, ids, "try")
    with pytest.raises(Refused, match="The console is read-only: nobody may discard"):
        decide(OLGA, ids, "try", DISCARD)

    assert nothing_happened(bus)


def test_letters_of_two_groups_are_refused(bus: Bus, group: Group) -> None:
    ids = [letter(), letter(group_name="others")]

    with pytest.raises(Refused, match="these belong to others and testers"):
        replay_dead_letters(OLGA, ids, "try")

    assert nothing_happened(bus)


def test_the_same_request_a_second_time_is_refused(bus: Bus, group: Group) -> None:
    ids = fail(bus, group, trade())
    replay_dead_letters(OLGA, ids, "try")

    with pytest.raises(Refused, match="is replaying"):
        replay_dead_letters(OLGA, ids, "try")

    assert Operation.objects.count() == AuditEntry.objects.count() == 1
    assert on_their_way(bus) == 1


def test_a_rolled_back_replay_leaves_neither_operation_nor_audit_row(
    bus: Bus, group: Group
) -> None:
    class Undone(Exception):
        pass

    ids = fail(bus, group, trade())

    def replay_and_think_again() -> None:
        with transaction.atomic():
            replay_dead_letters(OLGA, ids, "try")
            raise Undone

    with pytest.raises(Undone):
        replay_and_think_again()

    assert nothing_happened(bus)


def test_a_replay_that_cannot_be_audited_does_not_happen(
    bus: Bus, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on the audit's disk")

    ids = fail(bus, group, trade())
    monkeypatch.setattr(replays, "record", full)

    with pytest.raises(OSError, match="no space"):
        replay_dead_letters(OLGA, ids, "try")

    assert nothing_happened(bus)


def test_a_replay_while_the_bus_is_down_waits_in_sql(
    bus: Bus, group: Group, patient: Patient
) -> None:
    (pk,) = fail(bus, group, trade())
    patient.ill = False
    bus.memory.down = "test"

    replay_dead_letters(OLGA, [pk], "the bus does not matter")

    assert states() == {pk: "replaying"}
    assert DeadLetter.objects.get().redelivered_at is None
    with pytest.raises(BusUnavailable):
        redeliver_waiting()
    bus.memory.down = ""
    redeliver_waiting()
    bus.drain([group])
    assert states() == {pk: "resolved"}


def test_what_was_redelivered_is_not_redelivered_again(bus: Bus, group: Group) -> None:
    replay_dead_letters(OLGA, fail(bus, group, trade()), "try")

    redeliver_waiting()
    redeliver_waiting()

    assert on_their_way(bus) == 1


def test_two_who_redeliver_at_once_put_a_letter_on_the_bus_once(
    bus: Bus, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    redeliver = bus.memory.redeliver

    def meanwhile(*given: Any) -> None:
        redeliver_waiting()  # the job comes round while the replay is being put there
        redeliver(*given)

    monkeypatch.setattr(bus.memory, "redeliver", meanwhile)
    replay_dead_letters(OLGA, fail(bus, group, trade()), "try")

    assert on_their_way(bus) == 1
    assert bus.transport.leases.acquire(redelivery.LEASE, "next", 1.0)


def test_letters_of_several_groups_go_each_to_its_own(
    bus: Bus, group: Group, group_of: Callable[..., Group]
) -> None:
    others = group_of(Patient().handle, name="others")
    event = trade()
    bus.publish(event)
    bus.drain([group, others])
    bus.memory.down = "test"
    for dead in bus.dead_letters():
        replay_dead_letters(OLGA, [dead.pk], "try")
    bus.memory.down = ""

    redeliver_waiting()

    waiting = bus.transport.inspector.retries([(STREAM, "testers"), (STREAM, "others")])
    assert [info.waiting for info in waiting.values()] == [1, 1]
    entries = bus.transport.inspector.streams([STREAM])[STREAM].entries_added
    assert entries == 1


def test_a_group_whose_place_on_the_bus_is_gone_gets_its_replay_later(
    bus: Bus, group: Group, patient: Patient
) -> None:
    (pk,) = fail(bus, group, trade())
    patient.ill = False
    bus.memory._streams.clear()
    bus.memory._retry.clear()

    replay_dead_letters(OLGA, [pk], "after a flush")

    bus.transport.streams.ensure_group(STREAM, "testers")
    bus.drain([group])
    assert states() == {pk: "resolved"}


def test_bytes_without_an_id_that_fail_again_open_their_own_letter_again(
    bus: Bus, group: Group
) -> None:
    pk = letter(event_id=None, body=b"\xff not an event")
    letter(event_id=None, body=b"\xfe another")

    replay_dead_letters(OLGA, [pk], "try")
    bus.drain([group])

    assert DeadLetter.objects.count() == 2
    again = DeadLetter.objects.get(pk=pk)
    assert (again.state, len(again.attempts)) == ("new", 1)


def nothing_happened(bus: Bus) -> bool:
    """No letter has moved, nothing is recorded, nothing is on its way."""
    return (
        set(states().values()) <= {"new"}
        and not Operation.objects.exists()
        and not AuditEntry.objects.exists()
        and on_their_way(bus) == 0
    )


def test_discarded_letters_are_closed_audited_and_can_be_restored(bus: Bus, group: Group) -> None:
    one, other, third = fail(bus, group, trade(), trade(), trade())

    assert decide(OLGA, [one, other, one], "sent by a test", DISCARD) == 2
    assert states() == {one: "discarded", other: "discarded", third: "new"}
    assert DeadLetter.objects.filter(resolved_at=None).count() == 1

    assert decide(OLGA, [one], "by mistake", RESTORE) == 1
    assert states() == {one: "new", other: "discarded", third: "new"}
    assert DeadLetter.objects.get(pk=one).resolved_at is None
    rows = AuditEntry.objects.order_by("seq").values_list("actor", "action", "target", "reason")
    assert list(rows) == [
        ("olga", "dead-letters.discard", "2 dead letters", "sent by a test"),
        ("olga", "dead-letters.restore", f"dead letter {one}", "by mistake"),
    ]
    assert on_their_way(bus) == 0


def test_a_restored_letter_can_be_replayed(bus: Bus, group: Group, patient: Patient) -> None:
    (pk,) = fail(bus, group, trade())
    decide(OLGA, [pk], "no", DISCARD)
    with pytest.raises(Refused, match="is discarded: there is nothing to replay"):
        replay_dead_letters(OLGA, [pk], "mended")
    decide(OLGA, [pk], "yes", RESTORE)
    patient.ill = False

    replay_dead_letters(OLGA, [pk], "mended")
    bus.drain([group])

    assert states() == {pk: "resolved"}


@pytest.mark.parametrize(
    ("actor", "chosen", "reason", "sentence"),
    [
        (VICTOR, "new", "no", "victor may look but not discard"),
        (OLGA, "new", " ", "a discard needs a reason"),
        (OLGA, "none", "no", "a discard takes 1 to 1,000"),
        (OLGA, "replaying", "no", "is replaying: there is nothing to discard"),
        (OLGA, "absent", "no", "There is no dead letter"),
    ],
)
def test_a_discard_that_is_not_allowed_changes_nothing(
    bus: Bus, actor: Actor, chosen: str, reason: str, sentence: str
) -> None:
    well, ill = letter(), letter(state="replaying")
    ids = {"new": [well], "none": [], "replaying": [well, ill], "absent": [well, 10**9]}[chosen]

    with pytest.raises(Refused, match=sentence):
        decide(actor, ids, reason, DISCARD)

    assert states() == {well: "new", ill: "replaying"}
    assert AuditEntry.objects.count() == 0


def test_only_discarded_letters_are_restored(bus: Bus) -> None:
    pk = letter()

    with pytest.raises(Refused, match=f"Dead letter {pk} is new: there is nothing to restore"):
        decide(OLGA, [pk], "no", RESTORE)
