"""What became of a replay."""

from __future__ import annotations

from events import Reject
from events.groups import groups
from events.models import DeadLetter
from events.operations import Actor, replay_dead_letters
from events.queries import operations
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus

OPERATOR = Actor("olga", "console", may_operate=True)
GROUP = "revenue_trackers"


def failed(bus: Bus, count: int = 1) -> list[int]:
    bus.publish(*(trade() for _ in range(count)))
    bus.drain(groups())
    return [letter.pk for letter in bus.dead_letters()]


def test_a_replay_that_was_handled_says_so_and_how_long_it_took(bus: Bus, broken: Break) -> None:
    mend = broken(GROUP, Reject("no"))
    ids = failed(bus, 2)
    mend()
    operation = replay_dead_letters(OPERATOR, ids, "mended")
    bus.drain(groups())

    view = operations.load(operation.pk)

    assert view is not None
    assert (view.handled, view.failed, view.waiting, view.done) == (2, 0, 0, True)
    assert all(replayed.took_s is not None for replayed in view.letters)
    assert (view.actor, view.reason, view.group) == ("olga", "mended", GROUP)


def test_a_replay_that_nobody_has_read_yet_is_on_its_way(bus: Bus, broken: Break) -> None:
    broken(GROUP, Reject("no"))
    operation = replay_dead_letters(OPERATOR, failed(bus), "try again")

    view = operations.load(operation.pk)

    assert view is not None
    assert (view.waiting, view.done) == (1, False)
    assert view.letters[0].relayed


def test_a_replay_without_a_bus_waits_for_it(bus: Bus, broken: Break) -> None:
    broken(GROUP, Reject("no"))
    ids = failed(bus)
    with no_bus(bus):
        operation = replay_dead_letters(OPERATOR, ids, "try again")

    view = operations.load(operation.pk)

    assert view is not None
    assert not view.letters[0].relayed


def test_what_fails_again_says_with_which_error(bus: Bus, broken: Break) -> None:
    broken(GROUP, Reject("no"))
    operation = replay_dead_letters(OPERATOR, failed(bus), "try again")
    bus.drain(groups())

    view = operations.load(operation.pk)

    assert view is not None
    assert (view.failed, view.done) == (1, True)
    assert view.letters[0].told == "Reject"


def test_an_older_replay_keeps_its_own_outcome_when_a_later_one_helps(
    bus: Bus, broken: Break
) -> None:
    mend = broken(GROUP, Reject("no"))
    ids = failed(bus)
    first = replay_dead_letters(OPERATOR, ids, "try again")
    bus.drain(groups())
    mend()
    second = replay_dead_letters(OPERATOR, ids, "mended")
    bus.drain(groups())

    newest, older = operations.newest(5)

    assert (newest.id, newest.handled) == (second.pk, 1)
    assert (older.id, older.failed) == (first.pk, 1)


def test_a_letter_that_was_removed_since_is_gone(bus: Bus, broken: Break) -> None:
    broken(GROUP, Reject("no"))
    operation = replay_dead_letters(OPERATOR, failed(bus), "try again")
    DeadLetter.objects.all().delete()

    view = operations.load(operation.pk)

    assert view is not None
    assert view.letters[0].result == "skipped"
    assert view.letters[0].told == "its dead letter was removed meanwhile"


def test_the_progress_bar_is_filled_by_what_is_done(bus: Bus, broken: Break) -> None:
    mend = broken(GROUP, Reject("no"))
    ids = failed(bus, 4)
    mend()
    operation = replay_dead_letters(OPERATOR, ids, "mended")
    DeadLetter.objects.filter(pk__in=ids[:1]).update(state="resolved")

    view = operations.load(operation.pk)

    assert view is not None
    assert [(part.kind, part.x, part.width) for part in view.parts] == [
        ("handled", 0.0, 25.0),
        ("failed", 25.0, 0.0),
        ("skipped", 25.0, 0.0),
    ]


def test_an_unknown_number_is_none(bus: Bus) -> None:
    assert operations.load(404) is None
