"""What an operator mends by hand: retries that wait, entries that are held, consumers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from events import Context, Event
from events.audit import first_broken
from events.dead_letters import resolve_handled
from events.envelope import new_event_id
from events.groups import Group
from events.models import AuditEntry, ConsumerGroup, DeadLetter, HandledEvent
from events.operations import (
    Actor,
    Held,
    Refused,
    bury_pending,
    consumers,
    give_up_retries,
    hand_back,
    pending,
    remove_consumer,
    repair_dangling,
    replay_dead_letters,
    run_retries_now,
    waiting,
)
from events.presence import Heartbeat
from events.transport.base import Append, Handled
from tests.bus_fixture import Bus
from tests.events.conftest import trade

STREAM = "astra.trading.tradeexecuted.v1"
PAIR = (STREAM, "testers")
OLGA = Actor("olga", "console", may_operate=True)
VICTOR = Actor("victor", "console")


class Patient:
    """A handler that fails for the moment until it is well."""

    def __init__(self) -> None:
        self.ill = True
        self.seen: list[Event] = []

    def handle(self, event: Event, context: Context) -> None:
        if self.ill:
            raise TimeoutError("no answer")
        self.seen.append(event)


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def group(patient: Patient, group_of: Callable[..., Group]) -> Group:
    return group_of(patient.handle)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retry is drawn so soon that it is due while the test still makes ready."""
    monkeypatch.setattr("events.retry.random", SimpleNamespace(random=lambda: 0.9))


@pytest.fixture
def waits(bus: Bus, group: Group, late: None) -> list[str]:
    """Two events that wait for their second attempt, long enough."""
    events = [trade(), trade()]
    bus.publish(*events)
    bus.drain([group])
    for due in bus.memory._due[PAIR].values():
        due.due_at = time.time() + 600
    return [str(event.event_id) for event in events]


@pytest.fixture
def lies(bus: Bus, group: Group) -> list[Held]:
    """Two entries with a consumer that is gone."""
    bus.publish(trade(), trade())
    taken = bus.transport.streams.read("testers", "gone:1:a", [STREAM], 10, 0)
    return [Held(one.stream, one.entry_id, "gone:1:a") for one in taken]


def still_waiting(bus: Bus) -> list[str]:
    found = bus.transport.inspector.waiting_retries([PAIR], 10)
    return [retry.event_id for retry in found]


def still_held(bus: Bus) -> list[tuple[str, str]]:
    found = bus.transport.inspector.pending_entries([PAIR], 10)
    return [(entry.held.entry_id, entry.held.consumer) for entry in found]


def lose(bus: Bus, held: Held) -> None:
    ms, _, sequence = held.entry_id.partition("-")
    del bus.memory._streams[STREAM].entries[int(ms), int(sequence)]


def letters() -> list[tuple[str, str]]:
    return list(DeadLetter.objects.order_by("pk").values_list("kind", "state"))


def audited() -> tuple[str, str, str]:
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, first_broken()) == ("olga", "console", None)
    return entry.action, entry.target, entry.reason


def broken_bus(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> None:
    """The bus goes away just as `name` is called."""

    def down(*_: object, **__: object) -> None:
        where.down = "gone just now"
        where.streams(["any"])  # raises, as every call does then

    monkeypatch.setattr(where, name, down)


def test_a_retry_that_is_run_now_is_handled_by_the_next_who_looks(
    bus: Bus, group: Group, patient: Patient, waits: list[str]
) -> None:
    patient.ill = False
    bus.drain([group])
    assert patient.seen == []

    mended = run_retries_now(OLGA, "testers", [waits[0], waits[0], "nobody"])
    bus.drain([group])

    assert (mended.done, mended.left) == ((waits[0],), ("nobody",))
    assert [str(event.event_id) for event in patient.seen] == [waits[0]]
    assert still_waiting(bus) == [waits[1]]
    assert audited() == ("retries.run", f"{waits[0]} of testers", "")
    with pytest.raises(Refused, match="None of these waits"):
        run_retries_now(OLGA, "testers", [waits[0]])
    assert AuditEntry.objects.count() == 1


def test_a_retry_is_woken_at_once_only_where_a_worker_is_alive(
    bus: Bus, group: Group, waits: list[str]
) -> None:
    run_retries_now(OLGA, "testers", waits[:1])
    assert bus.transport.inspector.retries([PAIR])[PAIR].woken == 0

    Heartbeat("worker", ["testers"]).beat_if_due()
    run_retries_now(OLGA, "testers", waits[:1])

    assert bus.transport.inspector.retries([PAIR])[PAIR].woken == 1
    assert still_waiting(bus) == [waits[1]]


def test_a_retry_that_is_given_up_becomes_a_dead_letter_and_is_run_no_more(
    bus: Bus, group: Group, patient: Patient, waits: list[str]
) -> None:
    patient.ill = False

    mended = give_up_retries(OLGA, "testers", [waits[0], "nobody"], " it will never answer ")

    assert (mended.done, mended.left) == ((waits[0],), ("nobody",))
    letter = DeadLetter.objects.get()
    assert (str(letter.event_id), letter.stream) == (waits[0], STREAM)
    assert (letter.error_class, letter.message) == ("TimeoutError", "no answer")
    assert (letter.kind, letter.state, len(letter.attempts)) == ("exhausted", "new", 1)
    assert letter.handlers.endswith("Patient.handle")
    assert letter.note == "given up by olga: it will never answer"
    assert still_waiting(bus) == [waits[1]]
    assert audited() == ("retries.give-up", f"{waits[0]} of testers", "it will never answer")
    bus.clock.advance(1_000)
    bus.memory.promote(STREAM, "testers", time.time() + 1_000)
    bus.drain([group])
    assert [str(event.event_id) for event in patient.seen] == [waits[1]]

    replay_dead_letters(OLGA, [letter.pk], "it answers now")
    bus.drain([group])
    assert [str(event.event_id) for event in patient.seen] == [waits[1], waits[0]]
    assert letters() == [("exhausted", "resolved")]


def test_a_crash_before_the_retry_is_taken_away_neither_loses_nor_doubles_it(
    bus: Bus,
    group: Group,
    patient: Patient,
    waits: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient.ill = False
    with monkeypatch.context() as patched:
        broken_bus(patched, bus.memory, "take_away")
        give_up_retries(OLGA, "testers", waits[:1], "no")
    bus.memory.down = ""
    assert set(still_waiting(bus)) == set(waits)

    give_up_retries(OLGA, "testers", waits[:1], "no, again")
    assert letters() == [("exhausted", "new")]
    with monkeypatch.context() as patched:
        broken_bus(patched, bus.memory, "take_away")
        give_up_retries(OLGA, "testers", waits[1:], "no")
    bus.memory.down = ""
    bus.memory.promote(STREAM, "testers", time.time() + 1_000)
    bus.drain([group])

    assert patient.seen == []
    assert letters() == [("exhausted", "new")] * 2
    assert DeadLetter.objects.values_list("event_id").distinct().count() == 2


def test_a_replay_that_is_given_up_opens_its_letter_again(
    bus: Bus, group: Group, waits: list[str]
) -> None:
    give_up_retries(OLGA, "testers", waits[:1], "no")
    replay_dead_letters(OLGA, [DeadLetter.objects.get().pk], "try")
    bus.drain([group])
    assert letters() == [("exhausted", "replaying")]

    give_up_retries(OLGA, "testers", waits[:1], "still not")

    letter = DeadLetter.objects.get()
    assert (letter.state, len(letter.attempts)) == ("new", 2)
    assert still_waiting(bus) == [waits[1]]


def test_an_event_handled_meanwhile_gets_no_letter(
    bus: Bus, group: Group, waits: list[str]
) -> None:
    handled(group, waits[0])

    give_up_retries(OLGA, "testers", waits[:1], "no")

    assert letters() == []
    assert still_waiting(bus) == [waits[1]]


def handled(group: Group, event_id: str) -> None:
    """Its worker was taken for dead, and commits now."""
    row, _ = ConsumerGroup.objects.get_or_create(name=group.name)
    HandledEvent.objects.create(
        group=row, event_id=event_id, handled_at=trade().occurred_at, duration_us=1, attempts=1
    )


def test_an_entry_that_is_handed_back_is_taken_over_by_the_next_sweep(
    bus: Bus, group: Group, patient: Patient, lies: list[Held]
) -> None:
    patient.ill = False
    stranger = with_consumer(lies[1], "somebody")

    mended = hand_back(OLGA, "testers", [lies[0], stranger], "its host is gone")

    assert (mended.done, mended.left) == ((lies[0].key,), (stranger.key,))
    assert [who for _, who in still_held(bus)] == ["_released", "gone:1:a"]
    assert audited() == (
        "pending.hand-back", f"{lies[0].entry_id} of testers", "its host is gone",
    )  # fmt: skip
    bus.drain([group])
    assert len(patient.seen) == 1
    assert still_held(bus) == [(lies[1].entry_id, "gone:1:a")]
    with pytest.raises(Refused, match="None of these is held by that consumer of testers any more"):
        hand_back(OLGA, "testers", lies[:1], "its host is gone")


def with_consumer(held: Held, consumer: str) -> Held:
    return Held(held.stream, held.entry_id, consumer, held.retry)


def test_a_held_entry_that_is_set_aside_is_a_dead_letter_and_run_no_more(
    bus: Bus, group: Group, patient: Patient, lies: list[Held]
) -> None:
    patient.ill = False

    mended = bury_pending(OLGA, "testers", lies[:1], "it kills every worker")

    assert mended.done == (lies[0].key,)
    letter = DeadLetter.objects.get()
    assert (letter.kind, letter.state, letter.error_class) == ("poison", "new", "SetAside")
    assert letter.message == (
        "set aside by olga while gone:1:a held it, begun 1 time: it kills every worker"
    )
    assert (letter.entry_id, letter.worker) == (lies[0].entry_id, "gone:1:a")
    assert [entry for entry, _ in still_held(bus)] == [lies[1].entry_id]
    assert audited()[0] == "pending.dead-letter"
    bus.clock.advance(100)
    bus.drain([group])
    assert len(patient.seen) == 1
    assert still_held(bus) == []


def test_a_crash_before_an_entry_is_acknowledged_neither_loses_nor_doubles_it(
    bus: Bus,
    group: Group,
    patient: Patient,
    lies: list[Held],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient.ill = False
    with monkeypatch.context() as patched:
        broken_bus(patched, bus.memory, "settle")
        bury_pending(OLGA, "testers", lies[:1], "no")
    bus.memory.down = ""
    assert len(still_held(bus)) == 2

    bus.clock.advance(100)
    bus.drain([group])

    assert len(patient.seen) == 1
    assert letters() == [("poison", "new")]
    assert still_held(bus) == []


def test_what_a_slow_worker_commits_after_all_closes_the_letter(
    bus: Bus, group: Group, lies: list[Held]
) -> None:
    bury_pending(OLGA, "testers", lies[:1], "stuck")
    handled(group, str(DeadLetter.objects.get().event_id))

    resolve_handled()

    assert letters() == [("poison", "resolved")]


def test_what_is_gone_is_given_back_from_the_store_or_noted_as_lost(
    bus: Bus, group: Group, patient: Patient, lies: list[Held]
) -> None:
    patient.ill = False
    # Appended by others: the store has never seen it.
    (stranger,) = bus.transport.streams.append([Append(STREAM, new_event_id(), b"{}")])
    bus.transport.streams.read("testers", "gone:1:a", [STREAM], 10, 0)
    foreign = Held(STREAM, str(stranger.entry_id), "gone:1:a")
    for held in (lies[0], foreign):
        lose(bus, held)

    mended = repair_dangling(OLGA, "testers", [lies[0], foreign, lies[1]], "trimmed by hand")

    assert (mended.done, mended.left) == ((lies[0].key, foreign.key), (lies[1].key,))
    assert [entry for entry, _ in still_held(bus)] == [lies[1].entry_id]
    first = bus.events()[0]
    details = AuditEntry.objects.get().details
    assert audited()[0] == "pending.repair"
    assert (details["put_back"], details["lost"]) == ([str(first.event_id)], [foreign.key])
    bus.drain([group])
    assert patient.seen == [first]
    with pytest.raises(Refused, match="held by testers and gone from its stream"):
        repair_dangling(OLGA, "testers", [lies[0], lies[1]], "again")


def test_what_is_gone_and_was_handled_is_only_acknowledged(
    bus: Bus, group: Group, lies: list[Held]
) -> None:
    handled(group, str(bus.events()[0].event_id))
    lose(bus, lies[0])

    repair_dangling(OLGA, "testers", lies[:1], "trimmed by hand")

    details = AuditEntry.objects.get().details
    assert (details["put_back"], details["lost"]) == ([], [])
    assert bus.transport.inspector.retries([PAIR])[PAIR].waiting == 0
    assert [entry for entry, _ in still_held(bus)] == [lies[1].entry_id]


def test_a_loss_is_in_the_audit_even_where_the_bus_goes_away_before_it_is_repaired(
    bus: Bus, group: Group, lies: list[Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(bus, lies[0])
    broken_bus(monkeypatch, bus.memory, "drop_lost")

    with pytest.raises(Refused, match="The loss is in the audit, but not repaired"):
        repair_dangling(OLGA, "testers", lies[:1], "trimmed by hand")

    assert audited()[0] == "pending.repair"


def test_a_consumer_is_removed_once_it_holds_nothing_and_its_process_is_gone(
    bus: Bus, group: Group, lies: list[Held]
) -> None:
    beat = Heartbeat("worker", ["testers"])
    beat.beat_if_due()
    bus.transport.streams.read("testers", beat.name, [STREAM], 10, 0)
    for consumer, why in {
        "gone:1:a": "still holds 2 of the group's entries",
        beat.name: "is alive: stop it",
        "nobody": "has no consumer nobody",
        "_released": "is no process",
    }.items():
        with pytest.raises(Refused, match=why):
            remove_consumer(OLGA, "testers", consumer, "clean up")
    assert AuditEntry.objects.count() == 0

    bury_pending(OLGA, "testers", lies, "no")
    AuditEntry.objects.all().delete()
    remove_consumer(OLGA, "testers", "gone:1:a", "clean up")

    names = {one.name for one in bus.transport.inspector.consumers([PAIR])}
    assert names == {beat.name}
    assert audited() == ("groups.remove-consumer", "gone:1:a", "clean up")
    with pytest.raises(Refused, match="has no consumer gone:1:a"):
        remove_consumer(OLGA, "testers", "gone:1:a", "clean up")


ACTS: dict[str, Callable[[Actor, str, list[str], list[Held], str], object]] = {
    "run": lambda actor, group, ids, _, __: run_retries_now(actor, group, ids),
    "give up": lambda actor, group, ids, _, why: give_up_retries(actor, group, ids, why),
    "hand back": lambda actor, group, _, held, why: hand_back(actor, group, held, why),
    "set aside": lambda actor, group, _, held, why: bury_pending(actor, group, held, why),
    "repair": lambda actor, group, _, held, why: repair_dangling(actor, group, held, why),
    "remove": lambda actor, group, _, held, why: remove_consumer(actor, group, "gone:1:a", why),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_is_not_allowed_is_refused_and_changes_nothing(
    bus: Bus, group: Group, waits: list[str], lies: list[Held], act: str, settings: Settings
) -> None:
    def refused(
        why: str, actor: Actor = OLGA, name: str = "testers", times: int = 1, reason: str = "why"
    ) -> None:
        ids = [*waits, *(str(new_event_id()) for _ in range(2, times))][:times] if times else []
        held = [replace_entry(lies[0], number) for number in range(times)]
        with pytest.raises(Refused, match=why):
            ACTS[act](actor, name, ids, held, reason)

    refused("victor may look but not", VICTOR)
    refused("No installed app declares the group nobody", name="nobody")
    if act != "run":
        refused("Say why", reason=" \t")
    if act != "remove":
        refused("0 (retries|entries) were chosen", times=0)
        refused("Give your password again", times=101)
        refused("1001 (retries|entries) were chosen", replace(OLGA, stepped_up=True), times=1_001)
    bus.memory.down = "test"
    refused("Nothing was changed, the bus is needed")
    bus.memory.down = ""
    settings.ASTRA = {**settings.ASTRA, "read_only": True}
    refused("The console is read-only")

    assert set(still_waiting(bus)) == set(waits)
    assert still_held(bus) == [(held.entry_id, "gone:1:a") for held in lies]
    assert (AuditEntry.objects.count(), letters()) == (0, [])


def replace_entry(held: Held, number: int) -> Held:
    """The same place, or one beside it."""
    ms, _, sequence = held.entry_id.partition("-")
    return Held(held.stream, f"{int(ms)}-{int(sequence) + number}", held.consumer)


@pytest.mark.parametrize("act", ACTS)
def test_what_cannot_be_audited_does_not_happen(
    bus: Bus,
    group: Group,
    waits: list[str],
    lies: list[Held],
    act: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on the audit's disk")

    if act == "repair":
        lose(bus, lies[0])
    if act == "remove":
        bus.transport.streams.settle("testers", handled_settlements(bus, lies))
    before = still_held(bus)
    for module in (consumers, pending, waiting):
        monkeypatch.setattr(module, "record", full)

    with pytest.raises(OSError, match="no space"):
        ACTS[act](OLGA, "testers", waits, lies, "why")

    assert set(still_waiting(bus)) == set(waits)
    assert still_held(bus) == before
    assert letters() == []
    assert "gone:1:a" in {one.name for one in bus.transport.inspector.consumers([PAIR])}


def handled_settlements(bus: Bus, lies: Sequence[Held]) -> list[Any]:
    found = bus.transport.inspector.pending_at("testers", lies)
    return [Handled(entry.delivery) for entry in found if entry and entry.delivery]
