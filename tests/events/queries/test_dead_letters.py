"""Dead letters, singly and in pages, and what a replay would do."""

from __future__ import annotations

from uuid import uuid4

from events import Event, Reject
from events.groups import groups
from events.models import DeadLetter
from events.operations import Actor, replay_dead_letters
from events.privacy import MASK
from events.queries import dead_letter, dead_letters
from events.queries.letter_filter import LetterFilter
from events.transport.base import Append
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break

OPERATOR = Actor("olga", "console", may_operate=True)


def fail(bus: Bus, broken: Break, *events: Event, group: str = "revenue_trackers") -> list[int]:
    """Dead letters of one group, by number."""
    mend = broken(group, Reject("the ledger is closed"))
    bus.publish(*events)
    bus.drain(groups())
    mend()
    return [letter.pk for letter in bus.dead_letters() if letter.group_name == group]


def test_the_totals_count_what_was_closed_lately(bus: Bus, broken: Break) -> None:
    first, _ = fail(bus, broken, trade(), trade())
    DeadLetter.objects.filter(pk=first).update(state="resolved")

    totals = dead_letters.totals()

    assert (totals.resolved, totals.discarded) == (1, 0)


def test_the_letters_of_a_failure_come_in_pages(bus: Bus, broken: Break) -> None:
    ids = fail(bus, broken, *(trade() for _ in range(5)))
    alike = LetterFilter(fingerprint=bus.dead_letters()[0].fingerprint)

    first = dead_letters.letters("open", alike, size=3)
    second = dead_letters.letters("open", alike, older_than=first.older_than, size=3)

    assert [letter.id for letter in (*first.rows, *second.rows)] == sorted(ids, reverse=True)
    assert second.older_than is None


def test_one_dead_letter_shows_error_attempts_and_what_the_others_did(
    bus: Bus, broken: Break
) -> None:
    event = trade()
    (pk,) = fail(bus, broken, event)

    view = dead_letter.load(pk)

    assert view is not None
    assert view.event == event
    assert [attempt.message for attempt in view.attempts] == ["the ledger is closed"]
    assert "Reject" in view.traceback
    assert {group.outcome.state for group in view.others} == {"handled"}
    assert "revenue_trackers" not in {group.outcome.group for group in view.others}


def test_personal_values_are_masked_wherever_they_occur(bus: Bus, broken: Break) -> None:
    broken("user_profile_updaters", Reject("no mailbox ada@example.org"))
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    bus.publish(Event.new("User.UserRegistered", data))
    bus.drain(groups())

    view = dead_letter.load(bus.dead_letters()[0].pk)

    assert view is not None
    assert view.data["email"] == MASK
    assert "ada@example.org" not in repr((view.letter, view.traceback, view.attempts, view.data))


def test_bytes_that_are_no_event_are_shown_as_they_came(bus: Bus) -> None:
    stream = "astra.trading.tradeexecuted.v1"
    bus.transport.streams.append([Append(stream, uuid4(), b"{not json")])
    bus.drain()

    view = dead_letter.load(bus.dead_letters()[0].pk)

    assert view is not None
    assert (view.event, view.raw, view.letter.kind) == (None, "{not json", "poison")
    assert (view.data, view.others) == ({}, ())


def test_an_unknown_number_is_none(bus: Bus) -> None:
    assert dead_letter.load(404) is None


def test_a_plan_states_the_number_the_group_and_who_sees_nothing(bus: Bus, broken: Break) -> None:
    ids = fail(bus, broken, trade(), trade())

    plan = dead_letter.plan([*ids, ids[0]])

    assert (len(plan.letters), plan.group, plan.runs) == (2, "revenue_trackers", 2)
    assert plan.refused == ()
    assert plan.types == ("Trading.TradeExecuted",)
    assert [handler.name.rpartition(".")[0] for handler in plan.handlers]
    assert "trading_internal" in plan.other_groups
    assert "revenue_trackers" not in plan.other_groups


def test_a_plan_refuses_letters_of_two_groups(bus: Bus, broken: Break) -> None:
    ids = fail(bus, broken, trade())
    ids += fail(bus, broken, trade(), group="trading_risk_management")

    assert "one group" in dead_letter.plan(ids).refused[0]


def test_a_plan_refuses_what_is_gone_already_resolved_or_nothing(bus: Bus, broken: Break) -> None:
    (pk,) = fail(bus, broken, trade())
    DeadLetter.objects.filter(pk=pk).update(state="resolved")

    assert "is resolved" in dead_letter.plan([pk]).refused[0]
    assert "no dead letter 404" in dead_letter.plan([404]).refused[0]
    assert "Nothing was selected" in dead_letter.plan([]).refused[0]
    assert "at most 100" in dead_letter.plan(range(1, 102)).refused[0]


def test_the_operations_a_letter_was_part_of_are_named(bus: Bus, broken: Break) -> None:
    (pk,) = fail(bus, broken, trade())
    operation = replay_dead_letters(OPERATOR, [pk], "the ledger is open again")

    view = dead_letter.load(pk)

    assert view is not None
    assert view.operations == (operation.pk,)
