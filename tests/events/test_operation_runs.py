"""Operations: what is frozen, what is sent when, and when they stop by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from pytest_django import Settings

from events import BusUnavailable, Context, Event, Reject
from events.envelope import now
from events.groups import Group
from events.models import AuditEntry, DeadLetter, HandledEvent, Operation, OperationItem
from events.operations import (
    DISCARD,
    RESTORE,
    Actor,
    Manner,
    Refused,
    advance_operations,
    begin,
    cancel,
    decide,
    pause,
    propose_replay,
    redeliver_waiting,
    replay_dead_letters,
    resume,
    running,
    withdraw,
)
from events.operations.running import MOST_IN_FLIGHT, may_send
from events.queries import operation_counts
from events.queries.letter_filter import LetterFilter
from events.queries.operation_counts import Counts
from tests.bus_fixture import Bus
from tests.events.conftest import trade

OLGA = Actor("olga", "console", may_operate=True)
AGAIN = Actor("olga", "console", may_operate=True, stepped_up=True)
VICTOR = Actor("victor", "console")
GROUP = "testers"
OF_TESTERS = LetterFilter(group=GROUP)
AT_ONCE = Manner(ramp=False)


class Patient:
    """A handler that rejects everything until it is well."""

    def __init__(self) -> None:
        self.ill = True
        self.seen = 0

    def handle(self, event: Event, context: Context) -> None:
        self.seen += 1
        if self.ill:
            raise Reject("still ill")


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def group(patient: Patient, group_of: Callable[..., Group]) -> Group:
    return group_of(patient.handle)


@pytest.fixture
def fail(bus: Bus, group: Group, patient: Patient) -> Callable[[int], list[int]]:
    """Let so many events fail; the numbers of all dead letters there are now."""

    def fail(count: int) -> list[int]:
        was, patient.ill = patient.ill, True
        bus.publish(*(trade() for _ in range(count)))
        bus.drain([group])
        patient.ill, patient.seen = was, 0
        return list(DeadLetter.objects.order_by("pk").values_list("pk", flat=True))

    return fail


def in_set(operation: Operation) -> list[int | None]:
    return list(operation.items.order_by("pk").values_list("letter", flat=True))


def counts(operation: Operation) -> dict[str, int]:
    """Items in each state, which is what a look at the operation says of it."""
    states = list(operation.items.values_list("state", flat=True))
    told = operation_counts.counts([Operation.objects.get(pk=operation.pk)])[operation.pk]
    found = {state: states.count(state) for state in sorted(set(states))}
    assert found == {
        name: getattr(told, name)
        for name in sorted(OperationItem.State.values)
        if getattr(told, name)
    }
    return found


def step(bus: Bus, group: Group) -> None:
    """What the jobs and a worker do in half a second."""
    advance_operations()
    redeliver_waiting()
    bus.drain([group])


def run(bus: Bus, group: Group, operation: Operation, steps: int = 20) -> Operation:
    """Let it run until nothing moves any more."""
    for _ in range(steps):
        step(bus, group)
    operation.refresh_from_db()
    return operation


def test_the_set_is_what_was_shown_and_not_what_came_after(
    bus: Bus, fail: Callable[[int], list[int]]
) -> None:
    shown = fail(3)
    as_of = now()
    fail(2)

    operation = propose_replay(OLGA, OF_TESTERS, as_of)
    fail(2)
    begin(OLGA, operation.pk, "mended", AT_ONCE)

    assert (operation.total, operation.not_included) == (3, 2)
    assert in_set(operation) == shown
    replaying = DeadLetter.objects.filter(state="replaying").order_by("pk")
    assert list(replaying.values_list("pk", flat=True)) == shown


def test_a_letter_that_was_opened_again_after_it_was_shown_is_not_in_the_set(
    bus: Bus, group: Group, fail: Callable[[int], list[int]]
) -> None:
    first, second, third = fail(3)
    decide(OLGA, [second], "no", DISCARD)
    as_of = now()
    decide(OLGA, [second], "yes", RESTORE)
    replay_dead_letters(OLGA, [third], "try")
    bus.drain([group])

    operation = propose_replay(OLGA, OF_TESTERS, as_of)

    assert in_set(operation) == [first]
    assert operation.not_included == 2


def test_a_draft_does_nothing_and_can_be_thrown_away(
    bus: Bus, group: Group, fail: Callable[[int], list[int]]
) -> None:
    fail(2)
    operation = propose_replay(OLGA, OF_TESTERS)

    run(bus, group, operation, steps=2)

    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}
    assert AuditEntry.objects.count() == 0
    withdraw(OLGA, operation.pk)
    assert not Operation.objects.exists()


def test_a_ramp_goes_on_to_the_rest_when_all_goes_well(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(130)
    patient.ill = False
    operation = propose_replay(AGAIN, OF_TESTERS)
    begin(AGAIN, operation.pk, "mended", Manner())
    tried = []

    for _ in range(6):
        tried.append(operation.items.exclude(sent_at=None).count())
        redeliver_waiting()
        bus.drain([group])
        advance_operations()

    operation.refresh_from_db()
    assert tried == [1, 11, 111, 130, 130, 130]
    assert (operation.state, counts(operation)) == ("done", {"handled": 130})
    assert operation.ended_at
    assert HandledEvent.objects.filter(group__name=GROUP).count() == 130
    assert patient.seen == 130


def test_of_a_thousand_that_still_fail_a_ramp_tries_eleven_at_most(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(1)
    (first,) = DeadLetter.objects.all()
    events = [trade() for _ in range(999)]
    DeadLetter.objects.bulk_create(
        DeadLetter(
            group_name=GROUP,
            event_id=event.event_id,
            stream=first.stream,
            body=event.to_json(),
            first_failed_at=now(),
            last_failed_at=now(),
        )
        for event in events
    )
    operation = propose_replay(AGAIN, OF_TESTERS)
    begin(AGAIN, operation.pk, "try", Manner())

    run(bus, group, operation)

    assert 1 <= patient.seen <= 11
    assert operation.state == "stopped"
    assert operation.state_reason == "1 of 1 failed again, more than 10 %; 999 were not tried"
    assert counts(operation) == {"failed": 1, "waiting": 999}
    last = AuditEntry.objects.order_by("-seq")[0]
    assert (last.actor, last.action) == ("operations", "operation.stop")


def test_what_failed_before_it_was_resumed_is_not_held_against_the_rest(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(40)
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "try", Manner())
    run(bus, group, operation)
    patient.ill = False

    resume(OLGA, operation.pk, "now it is mended")
    run(bus, group, operation)

    assert (operation.state, counts(operation)) == ("done", {"failed": 1, "handled": 39})


def test_what_has_ended_is_counted_once(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    """Its items are taken away behind its back: nothing looks at them any more."""
    fail(30)
    patient.ill = False
    operation = propose_replay(OLGA, OF_TESTERS)
    decide(OLGA, [operation.items.all()[3].letter_id or 0], "not this", DISCARD)
    begin(OLGA, operation.pk, "mended", Manner())
    run(bus, group, operation, steps=2)
    pause(OLGA, operation.pk, "look")
    advance_operations()
    assert counts(operation) == {"handled": 10, "skipped": 1, "waiting": 19}

    operation.items.filter(state__in=("handled", "skipped")).delete()

    told = operation_counts.counts([Operation.objects.get(pk=operation.pk)])[operation.pk]
    assert told == Counts(waiting=19, sent=0, handled=10, failed=0, skipped=1, tried=10)
    resume(OLGA, operation.pk)
    run(bus, group, operation)
    told = operation_counts.counts([operation])[operation.pk]
    assert told == Counts(waiting=0, sent=0, handled=29, failed=0, skipped=1, tried=29)


@pytest.mark.parametrize("share", [10, 9])
def test_a_share_that_is_allowed_stops_nothing(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]], share: int
) -> None:
    """One of eleven is 9.1 per cent."""
    fail(20)
    tenth = DeadLetter.objects.order_by("pk")[10]

    def all_but_one(event: Event, context: Context) -> None:
        if event.event_id == tenth.event_id:
            raise Reject("this one")

    object.__setattr__(group.handlers[0], "function", all_but_one)
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "try", Manner(stop_percent=share))

    run(bus, group, operation)

    if share == 10:
        assert (operation.state, counts(operation)) == ("done", {"failed": 1, "handled": 19})
    else:
        assert operation.state_reason.startswith("1 of 11 failed again, more than 9 %")


def test_beginning_twice_is_one_operation(bus: Bus, fail: Callable[[int], list[int]]) -> None:
    fail(3)
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "mended", AT_ONCE)

    again = begin(OLGA, operation.pk, "a second click", Manner(stop_percent=1))

    assert again.pk == operation.pk
    assert (again.reason, again.stop_percent) == ("mended", 10)
    assert AuditEntry.objects.count() == 1


def test_a_second_draft_of_the_same_set_is_refused_while_the_first_is_under_way(
    bus: Bus, group: Group, fail: Callable[[int], list[int]]
) -> None:
    fail(3)
    first, second = propose_replay(OLGA, OF_TESTERS), propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, first.pk, "one tab", Manner())

    with pytest.raises(Refused, match=f"3 of these are part of operation {first.pk}"):
        begin(OLGA, second.pk, "another tab", Manner())

    second.refresh_from_db()
    assert second.state == "draft"
    assert AuditEntry.objects.count() == 1


def test_what_was_closed_or_taken_meanwhile_is_skipped_and_says_why(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    ids = fail(4)
    operation = propose_replay(OLGA, OF_TESTERS)
    decide(OLGA, ids[:1], "no", DISCARD)
    DeadLetter.objects.filter(pk=ids[1]).update(state="resolved")
    DeadLetter.objects.filter(pk=ids[2]).delete()
    patient.ill = False

    begin(OLGA, operation.pk, "mended", AT_ONCE)
    run(bus, group, operation, steps=3)

    told = operation.items.filter(state="skipped").order_by("pk").values_list("told", flat=True)
    assert counts(operation) == {"handled": 1, "skipped": 3}
    assert list(told) == ["it is discarded meanwhile", "it is resolved meanwhile", "it was removed"]


def test_an_operation_that_failed_keeps_that_outcome_when_the_next_takes_its_letters(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(2)
    first = replay_dead_letters(OLGA, in_set(propose_replay(OLGA, OF_TESTERS)), "too early")  # type: ignore[arg-type]
    bus.drain([group])
    patient.ill = False
    second = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, second.pk, "mended", AT_ONCE)

    run(bus, group, second, steps=2)

    assert counts(first) == {"failed": 2}
    assert counts(second) == {"handled": 2}


def test_paused_it_sends_nothing_and_what_is_with_the_group_goes_on(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(30)
    patient.ill = False
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "mended", Manner())
    pause(OLGA, operation.pk, "lunch")

    run(bus, group, operation, steps=5)

    assert (operation.state, operation.state_reason) == ("paused", "paused by olga: lunch")
    assert counts(operation) == {"handled": 1, "waiting": 29}
    resume(OLGA, operation.pk)
    run(bus, group, operation)
    assert counts(operation) == {"handled": 30}
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["operation.replay", "operation.pause", "operation.resume"]


def test_cancelled_it_sends_nothing_more_for_good(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(30)
    patient.ill = False
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "mended", Manner())

    cancel(OLGA, operation.pk, "not these")
    run(bus, group, operation, steps=5)

    assert (operation.state, counts(operation)) == ("cancelled", {"handled": 1, "skipped": 29})
    assert DeadLetter.objects.filter(state="new").count() == 29
    with pytest.raises(Refused, match="is cancelled: there is nothing to resume"):
        resume(OLGA, operation.pk)


def test_a_rate_is_kept(
    bus: Bus,
    group: Group,
    patient: Patient,
    fail: Callable[[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail(60)
    patient.ill = False
    at = [now()]
    monkeypatch.setattr(running, "now", lambda: at[0])
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "slowly", Manner(ramp=False, rate_per_s=5.0))
    sent = []

    for _ in range(8):
        at[0] += timedelta(seconds=0.5)
        advance_operations()
        sent.append(operation.items.exclude(sent_at=None).count())

    assert sent[-1] - sent[1] == 15, "six half seconds at five a second"
    assert max(after - before for before, after in pairwise(sent)) <= 3


@pytest.mark.parametrize("rate", [0.18, 0.47, 0.73, 0.95, 7.0])
def test_no_rate_lets_it_stand_still(
    bus: Bus, fail: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    fail(10)
    at = [now()]
    monkeypatch.setattr(running, "now", lambda: at[0])
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "slowly", Manner(ramp=False, rate_per_s=rate))

    for _ in range(3):
        at[0] += timedelta(seconds=max(1 / rate, 1.0) + 0.5)
        advance_operations()

    assert operation.items.exclude(sent_at=None).count() >= 4


def test_without_a_ramp_it_stops_too_once_enough_have_failed(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(40)
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "try", Manner(ramp=False, rate_per_s=20.0))

    run(bus, group, operation)

    assert operation.state == "stopped"
    ended = counts(operation)["failed"]
    assert 10 <= ended < 40
    assert operation.state_reason.startswith(f"{ended} of {ended} failed again")


def test_what_has_nothing_left_to_send_is_done_and_not_stopped(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(1)
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "try", Manner())

    run(bus, group, operation)

    assert (operation.state, counts(operation)) == ("done", {"failed": 1})


def test_while_the_console_is_read_only_nothing_more_is_sent(
    bus: Bus,
    group: Group,
    patient: Patient,
    fail: Callable[[int], list[int]],
    settings: Settings,
) -> None:
    fail(5)
    patient.ill = False
    operation = propose_replay(OLGA, OF_TESTERS)
    bus.memory.down = "test"
    begin(OLGA, operation.pk, "mended", Manner())
    bus.memory.down = ""
    writable = settings.ASTRA
    settings.ASTRA = {**writable, "read_only": True}

    run(bus, group, operation, steps=3)

    assert (patient.seen, operation.state) == (0, "running")
    settings.ASTRA = writable
    run(bus, group, operation)
    assert counts(operation) == {"handled": 5}


def test_cancelled_what_waits_for_the_bus_is_taken_back(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    ids = fail(3)
    patient.ill = False
    bus.memory.down = "test"
    operation = replay_dead_letters(OLGA, ids, "mended")

    cancel(OLGA, operation.pk, "not now")
    bus.memory.down = ""
    run(bus, group, operation, steps=3)

    assert patient.seen == 0
    assert counts(operation) == {"skipped": 3}
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}


def test_a_letter_that_was_opened_again_keeps_its_replay_from_running(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    """Whoever sets an event aside after its replay was sent does not have it run."""
    ids = fail(1)
    patient.ill = False
    replay_dead_letters(OLGA, ids, "mended")
    DeadLetter.objects.update(state="new")

    bus.drain([group])

    assert patient.seen == 0
    assert DeadLetter.objects.get().state == "new"


def test_without_a_bus_it_waits_and_loses_nothing(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(3)
    patient.ill = False
    operation = propose_replay(OLGA, OF_TESTERS)
    bus.memory.down = "test"
    begin(OLGA, operation.pk, "mended", AT_ONCE)
    with pytest.raises(BusUnavailable):
        advance_operations()
    bus.memory.down = ""

    run(bus, group, operation, steps=3)

    assert (operation.state, counts(operation)) == ("done", {"handled": 3})


@pytest.mark.parametrize(
    ("actor", "count", "reason", "sentence"),
    [
        (VICTOR, 1, "let me", "victor may look but not begin operations"),
        (OLGA, 1, " ", "Say why: a replay needs a reason"),
        (OLGA, 101, "many", "Give your password again to replay more than 100 events"),
    ],
)
def test_a_draft_that_may_not_be_begun_stays_one(
    bus: Bus,
    fail: Callable[[int], list[int]],
    actor: Actor,
    count: int,
    reason: str,
    sentence: str,
) -> None:
    fail(count)
    operation = propose_replay(OLGA, OF_TESTERS)

    with pytest.raises(Refused, match=sentence):
        begin(actor, operation.pk, reason, Manner())

    operation.refresh_from_db()
    assert operation.state == "draft"
    assert (AuditEntry.objects.count(), DeadLetter.objects.filter(state="new").count()) == (
        0,
        count,
    )


@pytest.mark.parametrize(
    ("filter_", "as_of", "sentence"),
    [
        (LetterFilter(group="nobody"), None, "No open dead letter is like that any more"),
        (OF_TESTERS, datetime.fromisoformat("2020-01-01T00:00:00+00:00"), "No open dead letter"),
        (LetterFilter(), None, "these belong to others and testers. Choose one."),
    ],
)
def test_a_set_that_is_none_is_refused(
    bus: Bus,
    group_of: Callable[..., Group],
    group: Group,
    patient: Patient,
    filter_: LetterFilter,
    as_of: datetime | None,
    sentence: str,
) -> None:
    bus.publish(trade())
    bus.drain([group, group_of(patient.handle, name="others")])

    with pytest.raises(Refused, match=sentence):
        propose_replay(OLGA, filter_, as_of)

    assert not Operation.objects.exists()


def test_a_viewer_proposes_nothing_and_moves_nothing(
    bus: Bus, fail: Callable[[int], list[int]]
) -> None:
    fail(1)
    with pytest.raises(Refused, match="victor may look but not replay"):
        propose_replay(VICTOR, OF_TESTERS)
    operation = propose_replay(OLGA, OF_TESTERS)
    for act in (pause, resume, cancel):
        with pytest.raises(Refused, match="victor may look but not"):
            act(VICTOR, operation.pk)
    with pytest.raises(Refused, match="victor may look but not"):
        withdraw(VICTOR, operation.pk)
    assert Operation.objects.get().state == "draft"


def test_a_manner_nobody_can_mean_is_refused(bus: Bus, fail: Callable[[int], list[int]]) -> None:
    fail(1)
    operation = propose_replay(OLGA, OF_TESTERS)
    for manner, sentence in (
        (Manner(stop_percent=101), "a share from 0 to 100"),
        (Manner(rate_per_s=0.0), "a rate from 0.1 to 10 000"),
    ):
        with pytest.raises(Refused, match=sentence):
            begin(OLGA, operation.pk, "try", manner)


def progress(tried: int, sent: int = 0) -> Counts:
    return Counts(waiting=10_000, sent=sent, handled=tried - sent, failed=0, skipped=0, tried=tried)


@pytest.mark.parametrize(
    ("tried", "sent", "ramp", "expected"),
    [
        (0, 0, True, 1),
        (1, 1, True, 0),
        (1, 0, True, 10),
        (5, 4, True, 6),
        (11, 3, True, 0),
        (11, 0, True, 100),
        (111, 0, True, MOST_IN_FLIGHT),
        (500, 400, True, MOST_IN_FLIGHT - 400),
        (0, 0, False, MOST_IN_FLIGHT),
        (5_000, MOST_IN_FLIGHT, False, 0),
    ],
)
def test_each_step_of_a_ramp_waits_for_the_one_before(
    tried: int, sent: int, ramp: bool, expected: int
) -> None:
    assert may_send(progress(tried, sent), ramp=ramp) == expected


def test_it_is_not_moved_by_two_at_once(
    bus: Bus, group: Group, fail: Callable[[int], list[int]], settings: Settings
) -> None:
    fail(3)
    operation = propose_replay(OLGA, OF_TESTERS)
    leases = bus.transport.leases
    assert leases.acquire(running.LEASE, "another", 10.0)

    begin(OLGA, operation.pk, "mended", AT_ONCE)

    assert counts(operation) == {"waiting": 3}
    leases.drop(running.LEASE, "another")
    advance_operations()
    assert counts(operation) == {"sent": 3}


def test_counts_stay_right_when_it_moves_on_between_two_looks(
    bus: Bus, group: Group, patient: Patient, fail: Callable[[int], list[int]]
) -> None:
    fail(12)
    patient.ill = False
    operation = propose_replay(OLGA, OF_TESTERS)
    begin(OLGA, operation.pk, "mended", Manner())
    read_before = Operation.objects.get(pk=operation.pk)

    run(bus, group, operation, steps=2)
    settled_to = Operation.objects.get(pk=operation.pk).settled_to
    told = operation_counts.counts([read_before])[operation.pk]

    assert settled_to > read_before.settled_to
    assert told == operation_counts.counts([operation])[operation.pk]
    assert told.handled + told.sent + told.waiting == 12
