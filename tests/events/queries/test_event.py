"""One event."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from events import Event, Reject, adapt
from events.envelope import now
from events.groups import Group, groups
from events.models import StoredEvent
from events.privacy import MASK, UNDECLARED
from events.queries import event as query
from events.queries import outcomes
from events.queries.recorded import Recorded
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break


def recorded(event: Event) -> Recorded:
    return Recorded.of(StoredEvent.objects.get(event_id=event.event_id))


def shown(event: Event) -> query.EventView:
    view = query.load(event.event_id)
    assert view is not None
    return view


def test_an_event_shows_what_every_group_that_reads_it_did(bus: Bus, broken: Break) -> None:
    broken("revenue_trackers", Reject("no"))
    event = trade()
    bus.publish(event)
    bus.drain(groups())

    view = shown(event)

    states = {group.outcome.group: group.outcome.state for group in view.groups}
    assert states["revenue_trackers"] == "dead"
    assert states["trading_internal"] == "handled"
    assert (view.handled, view.settled) == (len(view.groups) - 1, True)


def test_an_event_a_group_does_not_want_is_not_for_it(bus: Bus) -> None:
    event = Event.new("Social.SocialInteraction", {"user_id": 1, "kind": "trade_share"})
    bus.publish(event)
    bus.drain()

    outcomes = {group.outcome.group: group for group in shown(event).groups}

    assert outcomes["gamification_xp_processors"].outcome.state == "ignored"
    assert outcomes["gamification_xp_processors"].status.words == "not for it"


def test_a_group_that_keeps_no_marks_is_not_taken_for_late(
    bus: Bus, group_of: Callable[..., Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps_none = group_of(lambda event, context: None, idempotent=True)
    monkeypatch.setattr("events.queries.outcomes.groups", lambda: (keeps_none,))
    monkeypatch.setattr("events.queries.outcomes.GRACE_S", -1.0)
    event = trade()
    bus.publish(event)
    (waiting,) = outcomes.outcomes_of([recorded(event)], now()).of(event.event_id)
    bus.drain([keeps_none])

    (done,) = outcomes.outcomes_of([recorded(event)], now()).of(event.event_id)

    assert (waiting.state, done.state) == ("waiting", "unknown")
    assert "keeps no marks" in done.because


def test_an_event_knows_its_cause_and_what_it_led_to(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()
    (xp,) = bus.events("Gamification.XPGained")

    view = shown(xp)

    assert view.parent is not None
    assert view.parent.id == event.event_id
    assert {child.event.causation_id for child in view.children} == {xp.event_id}
    assert shown(event).parent is None


def test_many_children_are_cut_and_it_is_said(bus: Bus) -> None:
    event = trade()
    likes = [
        event.caused("Social.SocialInteraction", {"user_id": 1, "kind": "like"})
        for _ in range(query.CHILDREN_SHOWN + 1)
    ]
    bus.publish(event, *likes)

    view = shown(event)

    assert (len(view.children), view.more_children) == (query.CHILDREN_SHOWN, True)


def test_the_json_is_the_envelope_with_what_is_personal_masked(bus: Bus) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    event = Event.new("User.UserRegistered", data)
    bus.publish(event)

    view = shown(event)

    assert view.as_json() == {**event.to_dict(), "data": {**data, "email": MASK}}
    assert view.masked == ("email",)


def test_of_what_another_system_said_beside_the_json_has_the_names(bus: Bus) -> None:
    example = dict(registry.resolve("Challenge.Started").example)
    raw = {"event_type": "Challenge.Started.v1", "payload": example, "session": "s3cr3t"}
    event = adapt(raw)
    bus.publish(event)

    assert shown(event).as_json()["metadata"] == {"tradesense": {"session": UNDECLARED}}


def test_an_unknown_id_is_none(bus: Bus) -> None:
    assert query.load(uuid4()) is None


@pytest.mark.parametrize("claimed", ["x", 7, None, {"a": 1}])
def test_metadata_that_names_no_original_says_nothing(bus: Bus, claimed: object) -> None:
    said = trade(metadata={"replay_of": claimed, "replay_operation": 3})
    bus.publish(said)

    found = shown(said)

    assert (found.replay_of, found.operation) == (None, None)
