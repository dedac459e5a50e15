"""A chain: the tree, what every group did, what failed and what is missing."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from events import Event, Reject, Retry
from events.envelope import now
from events.groups import groups
from events.models import HandledEvent, StoredEvent
from events.operations import Actor, replay_dead_letters
from events.queries import chain
from events.queries.chain import Chain
from events.queries.chain_json import as_json
from events.queries.chain_steps import Step
from events.queries.outcomes import GRACE_S
from events.queries.recorded import Recorded
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus

OPERATOR = Actor("olga", "console", may_operate=True)


def shown(event: Event, *unfold: str) -> Chain:
    found = chain.load(event.correlation_id, frozenset(unfold))
    assert found is not None
    return found


def step(found: Chain, name: str) -> Step:
    """The only row of an event type or group."""
    (row,) = (row for row in found.steps if row.event_type.endswith(name))
    return row


def later(event: Event, seconds: float) -> Chain:
    """The chain as it would look if nothing happened for a while."""
    rows = StoredEvent.objects.filter(correlation_id=event.correlation_id).order_by("seq")
    recorded = [Recorded.of(row) for row in rows]
    return chain.build(recorded, now() + timedelta(seconds=seconds), frozenset(), len(recorded))


def test_a_handled_trade_is_a_complete_tree_of_what_followed(bus: Bus) -> None:
    event = trade("1500.00")
    bus.publish(event)
    bus.drain()

    found = shown(event)

    assert (found.title, found.status.words) == ("Trade by user 123", "complete")
    assert found.complete
    assert found.refresh_s is None
    assert found.steps[0].event_type == "Trading.TradeExecuted"
    influence = step(found, "InfluenceUpdated")
    assert influence.record is not None
    assert influence.record.event.causation_id == step(found, "SocialInteraction").record.id  # type: ignore[union-attr]
    assert (influence.says, influence.group) == ("+5", "influence_calculators")
    assert influence.branch.endswith(("├─ ", "└─ "))
    assert len(influence.branch) == 9


def test_every_event_stands_below_the_one_that_caused_it(bus: Bus) -> None:
    event = trade("5000.00")
    bus.publish(event)
    bus.drain()

    steps = shown(event).steps

    above: list[Step] = []
    for row in steps:
        depth = len(row.branch) // 3
        del above[depth:]
        if row.record is not None and above:
            assert above[-1].record is not None
            assert row.record.event.causation_id == above[-1].record.id
        above.append(row)


def test_before_anybody_handled_it_the_chain_is_in_progress_and_looks_again(bus: Bus) -> None:
    event = trade()
    bus.publish(event)

    found = shown(event)

    assert found.status.kind == "info"
    assert found.status.words.startswith("in progress")
    assert found.refresh_s == 1
    assert {outcome.state for outcome in found.steps[0].reads} == {"waiting"}


def test_an_event_that_is_stored_but_not_on_the_bus_waits_for_it(bus: Bus) -> None:
    event = trade()
    with no_bus(bus):
        bus.publish(event)

    found = shown(event)

    assert found.steps[0].status.words == "waits for the bus"
    assert {o.because for o in found.steps[0].reads} == {"it is stored, and not on the bus yet"}


def test_the_way_of_a_root_to_the_bus_is_drawn_as_waiting_and_what_a_group_said_as_handled(
    bus: Bus,
) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()
    found = shown(event)

    root, said = found.steps[0].bar, step(found, "RevenueRecorded").bar

    assert root is not None
    assert said is not None
    assert (root.style, said.style) == ("waiting", "done")


def test_without_the_bus_what_is_not_handled_is_unknown_and_the_reason_is_said(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    with no_bus(bus):
        found = shown(event)

    assert "connection refused" in found.bus_reason
    assert found.status.kind == "warn"
    assert {outcome.state for outcome in found.steps[0].reads} == {"unknown"}


def test_a_group_that_fails_stands_for_the_event_it_always_says(bus: Bus, broken: Break) -> None:
    broken("influence_calculators", Reject("no such influence"))
    event = trade()
    bus.publish(event)
    bus.drain(groups())

    found = shown(event)

    missing = step(found, "InfluenceUpdated")
    assert (missing.kind, missing.status.words) == ("expected", "dead letter")
    assert missing.bar is not None
    assert missing.bar.style == "failing"
    assert found.status.words == f"1 of {len(found.steps)} steps failed"
    assert found.refresh_s == 5
    assert "no such influence" in missing.says


def test_a_failing_group_that_promises_nothing_has_a_row_of_its_own(
    bus: Bus, broken: Break
) -> None:
    broken("metrics_collectors", Reject("no"))
    event = Event.new("Challenge.Completed", CHALLENGE)
    bus.publish(event)
    bus.drain([group for group in groups() if group.name == "metrics_collectors"])

    row = step(shown(event), "metrics_collectors")

    assert (row.kind, row.group) == ("work", "metrics_collectors")


def test_a_retry_says_which_it_is_and_when(bus: Bus, broken: Break) -> None:
    broken("influence_calculators", Retry("busy", delay_s=40))
    event = trade()
    bus.publish(event)
    bus.drain(groups())

    found = shown(event)

    waiting = step(found, "InfluenceUpdated")
    assert waiting.status.kind == "bad"
    assert waiting.status.words.startswith("retry 1 in ")
    assert "retrying" in found.status.words
    assert waiting.made is not None
    assert "busy" in waiting.made.error


def test_after_a_replay_that_was_handled_the_chain_is_complete(bus: Bus, broken: Break) -> None:
    mend = broken("influence_calculators", Reject("no"))
    event = trade()
    bus.publish(event)
    bus.drain(groups())
    mend()
    replay_dead_letters(OPERATOR, [bus.dead_letters()[0].pk], "mended")
    assert shown(event).status.words.endswith("being replayed")
    bus.drain(groups())

    found = shown(event)

    assert found.complete
    assert step(found, "InfluenceUpdated").status.words.endswith(", replayed")


def test_a_delivery_nobody_knows_of_any_more_is_overdue(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()
    HandledEvent.objects.filter(group__name="revenue_trackers").delete()
    StoredEvent.objects.filter(event_type="Financial.RevenueRecorded").delete()

    found = later(event, GRACE_S + 1)

    missing = step(found, "RevenueRecorded")
    assert missing.status.kind == "warn"
    assert missing.status.words.startswith("overdue ")
    assert missing.bar is not None
    assert missing.bar.style == "missing"
    assert found.status.words == f"1 of {len(found.steps)} steps overdue"
    assert not found.complete


def test_within_the_grace_time_the_same_is_only_waiting(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()
    HandledEvent.objects.filter(group__name="revenue_trackers").delete()
    StoredEvent.objects.filter(event_type="Financial.RevenueRecorded").delete()

    assert step(later(event, 0), "RevenueRecorded").status.words == "waiting"


def test_a_handler_that_did_not_say_what_it_always_says_is_found_out(
    bus: Bus, broken: Break
) -> None:
    broken("influence_calculators", silently=True)
    event = trade()
    bus.publish(event)
    bus.drain(groups())

    missing = step(shown(event), "InfluenceUpdated")

    assert (missing.kind, missing.status.words) == ("expected", "never came")


def test_many_siblings_of_one_type_are_one_row_that_says_how_many(bus: Bus) -> None:
    event = trade("1.00")
    bus.publish(event, *(like(event) for _ in range(9)))
    bus.drain()

    found = shown(event)

    row = step(found, "SocialInteraction")
    assert (row.kind, row.folded) == ("fold", 9)
    assert row.says.startswith("\u00d7 9, ")
    unfolded = shown(event, row.unfold)
    assert sum(s.event_type == "Social.SocialInteraction" for s in unfolded.steps) == 9


def test_a_fold_says_how_many_below_it_failed(bus: Bus, broken: Break) -> None:
    broken("influence_calculators", Reject("no"))
    event = trade("1.00")
    bus.publish(event, *(like(event) for _ in range(9)))
    bus.drain(groups())

    row = step(shown(event), "SocialInteraction")

    assert (row.folded_failing, row.status.words) == (9, "9 failed")


def test_events_that_cause_each_other_are_all_shown(bus: Bus) -> None:
    first, second = uuid4(), uuid4()
    one = trade(event_id=first, causation_id=second, correlation_id=first)
    two = trade(event_id=second, causation_id=first, correlation_id=first)
    bus.publish(one, two)

    found = shown(one)

    assert {row.record.id for row in found.steps if row.record} == {first, second}


def test_an_event_whose_cause_is_not_stored_is_a_root(bus: Bus) -> None:
    event = trade(causation_id=uuid4())
    bus.publish(event)

    assert shown(event).steps[0].branch == ""


def test_an_unknown_id_is_no_chain(bus: Bus) -> None:
    assert chain.load(uuid4()) is None


def test_where_the_time_went_adds_up_to_the_time_of_the_last_event(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()

    found = shown(event)

    assert found.shares.total_s == pytest.approx(found.took_s, abs=0.001)
    assert sum(percent for _, percent in found.shares.percent()) == pytest.approx(100, abs=1)


def test_what_is_shown_has_a_fingerprint_that_changes_with_it(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    before = shown(event).fingerprint
    assert shown(event).fingerprint == before

    bus.drain()

    assert shown(event).fingerprint != before


def test_the_json_has_every_event_with_what_its_groups_did_and_masks_what_is_personal(
    bus: Bus,
) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    event = Event.new("User.UserRegistered", data)
    bus.publish(event)
    bus.drain()

    said = as_json(shown(event))

    root = said["events"][0]
    assert said["complete"] is True
    assert {group["state"] for group in root["groups"]} == {"handled"}
    assert root["data"]["username"] == "ada"
    assert "ada@example.org" not in str(said)


def test_one_chain_costs_the_same_few_statements_whatever_its_size(
    bus: Bus, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    event = trade("5000.00")
    bus.publish(event)
    bus.drain()

    with django_assert_max_num_queries(4):  # type: ignore[operator]
        shown(event)


CHALLENGE = {"challenge_id": "c-1", "user_id": 123, "name": "First", "reward_xp": 0}


def like(cause: Event) -> Event:
    return cause.caused("Social.SocialInteraction", {"user_id": 9, "kind": "like"})
