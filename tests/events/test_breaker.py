"""The breaker: the decision alone, and a group that leaves what fails alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from pytest_django import Settings

from events import Context, Event, Reject
from events.breaker import Breaker, BreakerPolicy, Breakers
from events.groups import Group
from events.models import DeadLetter, HandledEvent
from events.worker import Worker
from tests.bus_fixture import Bus
from tests.events.conftest import Started, trade
from tests.events.test_worker import pending
from tests.waiting import eventually

GroupOf = Callable[..., Group]

POLICY = BreakerPolicy(window_s=30, least_calls=4, share=0.5, rest_s=5, most_rest_s=12)


def after(*calls: bool, at: float = 100.0) -> Breaker:
    breaker = Breaker(POLICY)
    for ok in calls:
        breaker.note(ok, at)
    return breaker


@pytest.mark.parametrize(
    ("calls", "closed"),
    [
        ((False, False, False), True),  # too few to say
        ((True, True, True, False), True),
        ((True, True, False, False), False),
        ((False, False, False, False), False),
    ],
)
def test_it_opens_when_enough_of_enough_calls_fail(calls: Sequence[bool], closed: bool) -> None:
    breaker = after(*calls)

    assert breaker.is_closed is closed
    assert (breaker.rests_until == 105.0) is not closed


def test_calls_of_long_ago_are_not_judged() -> None:
    breaker = after(False, False, False)

    assert not breaker.note(False, 130.1)
    assert breaker.is_closed


def test_a_probe_that_fails_doubles_the_rest_up_to_a_limit() -> None:
    breaker, rests = after(False, False, False, False), []
    for _ in range(3):
        at = breaker.rests_until
        assert breaker.note(False, at)
        rests.append(breaker.rests_until - at)

    assert rests == [10, 12, 12]


def test_a_call_that_was_under_way_when_it_opened_does_not_prolong_the_rest() -> None:
    breaker = after(False, False, False, False)

    assert not breaker.note(False, 103)
    assert breaker.rests_until == 105


def test_a_success_closes_it_and_the_next_rest_is_short_again() -> None:
    breaker = after(False, False, False, False)
    breaker.note(False, 105)

    assert breaker.note(True, 115)
    assert breaker.is_closed
    assert [breaker.note(False, 116) for _ in range(4)] == [False, False, False, True]
    assert breaker.rests_until == 121


def test_a_group_rests_while_any_of_its_dependencies_does() -> None:
    breakers = Breakers(["sms", "mail"], POLICY)
    said = [breakers.note("mail", False, 100) for _ in range(4)]
    breakers.note("sms", True, 100)

    assert said[:3] == ["", "", ""]
    assert said[3] == (
        "mail fails again and again: the group leaves it alone for 5 s, then tries one event"
    )
    assert (breakers.open, breakers.rests_until) == (("mail",), 105)
    assert breakers.note("mail", True, 106) == "mail answers again: the group goes on"
    assert breakers.open == ()


# --- in a worker ------------------------------------------------------------------------------


class Mail:
    """Something outside that can be away."""

    def __init__(self) -> None:
        self.away = True
        self.attempts: list[int] = []

    def send(self, event: Event, context: Context) -> None:
        self.attempts.append(context.attempt)
        if self.away:
            raise ConnectionError("the mail server does not answer")

    def send_all(self, events: Sequence[Event], contexts: Sequence[Context]) -> None:
        for event, context in zip(events, contexts, strict=True):
            self.send(event, context)


@pytest.fixture
def mail() -> Mail:
    return Mail()


@pytest.fixture
def rests(brisk: None, settings: Settings) -> None:
    """A breaker that opens at five calls and rests for a moment."""
    settings.ASTRA = {**settings.ASTRA, "breaker_least_calls": 5, "breaker_rest_s": 0.1}


def told(bus: Bus) -> list[dict[str, tuple[str, ...]]]:
    """What each worker says it leaves alone."""
    return [dict(worker.breakers) for worker in bus.transport.presence.alive()]


@pytest.mark.parametrize(
    ("handler", "declared"),
    [
        ("send", {"external": True}),
        ("send", {}),
        ("send_all", {"batch": True}),
    ],
    ids=["external", "single", "batch"],
)
def test_while_it_is_away_events_wait_and_no_attempt_is_burnt(
    bus: Bus,
    group_of: GroupOf,
    started: Started,
    rests: None,
    mail: Mail,
    handler: str,
    declared: dict[str, bool],
) -> None:
    group = group_of(getattr(mail, handler), depends_on="mail", **declared)
    bus.publish(*(trade() for _ in range(40)))
    worker = started(group)

    eventually(lambda: told(bus) == [{"testers": ("mail",)}], what="mail is left alone")
    eventually(lambda: len(mail.attempts) >= 7, what="it has been probed twice")
    assert len(mail.attempts) < 20
    assert sum(r.counters.retried for r in worker._runners) <= len(mail.attempts)

    mail.away = False
    bus.clock.advance(400.0)  # the retries of those that failed are due
    eventually(lambda: told(bus) == [{}], what="it says that mail answers again")
    eventually(lambda: HandledEvent.objects.count() == 40, what="all are handled")
    eventually(lambda: pending(bus) == {}, what="nothing is left")
    assert not DeadLetter.objects.exists()
    # What never was tried while it was away comes as a first attempt.
    assert mail.attempts[-40:].count(1) >= 40 - len(mail.attempts[:-40])


def test_a_refusal_of_the_event_itself_is_an_answer(
    bus: Bus,
    group_of: GroupOf,
    rests: None,
) -> None:
    def refuses(event: Event, context: Context) -> None:
        raise Reject("no such address")

    group = group_of(refuses, depends_on="mail", external=True)
    bus.publish(*(trade() for _ in range(10)))

    bus.drain([group])

    assert DeadLetter.objects.count() == 10


def test_one_who_works_off_what_is_there_ends_when_a_dependency_rests(
    bus: Bus, group_of: GroupOf, rests: None, mail: Mail
) -> None:
    group = group_of(mail.send, depends_on="mail", external=True)
    bus.publish(*(trade() for _ in range(20)))
    worker = Worker([group])

    worker.run_once()

    assert len(mail.attempts) == 5
    assert worker._runners[0].in_flight == 0
