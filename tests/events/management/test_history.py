"""``manage.py history``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events import Context, Event
from events.groups import Group
from events.models import AuditEntry, Operation, StoredEvent
from events.operations import advance_operations, advance_shadows
from tests.bus_fixture import Bus
from tests.events.conftest import TRADE, trade
from tests.events.management.commanding import run


def refuse_two(event: Event, context: Context) -> None:
    if event.data["user_id"] == 2:
        raise ValueError("no account")


@pytest.fixture
def group(bus: Bus, group_of: Callable[..., Group]) -> Group:
    """A group that has handled one of three trades."""
    made = group_of(refuse_two, repeatable=True)
    bus.publish(trade(user_id=1))
    bus.drain([made])
    bus.publish(trade(user_id=3), trade(user_id=2))
    return made


def test_a_dry_run_tells_what_it_would_do_and_leaves_nothing(group: Group) -> None:
    words = ("history", "catch-up", "testers", "--since", "1h", "--dry-run")

    ran = run(*words)
    told = run(*words, "--json").json

    assert ran.out.startswith("catch up 3 stored events to testers, and to no other group, as of")
    assert "already handled by the group: 1\n" in ran.out
    assert ran.out.endswith("Nothing has happened.\n")
    assert (told["total"], told["group"], told["mode"]) == (3, "testers", "catch up")
    assert not Operation.objects.exists()


def test_it_catches_up_and_says_how_far_it_is(bus: Bus, group: Group) -> None:
    ran = run(
        "history", "catch-up", "testers", "--entity", "user:3", "--reason", "lost", "--yes",
        "--no-ramp", "--rate", "5",
    )  # fmt: skip
    bus.drain([group])
    advance_operations()

    operation = Operation.objects.get()
    assert f"Operation {operation.pk}: 1 to testers, 0 handled, 0 failed again, 1 still" in ran.out
    assert list(operation.items.values_list("state", flat=True)) == ["handled"]
    assert (operation.ramp, operation.rate_per_s, operation.reason) == (False, 5.0, "lost")
    assert AuditEntry.objects.get().via == "command line"


def test_a_shadow_commits_nothing(bus: Bus, group: Group) -> None:
    ran = run("history", "shadow", "testers", "--type", TRADE, "--reason", "before", "--yes")
    while Operation.objects.get().state == "running":
        advance_shadows()

    assert "shadow 3 stored events in testers, committing nothing" in ran.out
    states = Operation.objects.get().items.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["handled", "handled", "failed"]


def test_to_everyone_they_go_as_new_events(bus: Bus, group: Group) -> None:
    words = ("history", "new-events", "--type", "TradeExecuted", "--reason", "lost", "--no-ramp")
    refused = run(*words, "--yes", "--typed", "4")
    assert not Operation.objects.exists()

    ran = run(*words, "--yes", "--typed", "3", "--json").json

    assert (refused.status, "Type the number of events, 3" in refused.out) == (1, True)
    assert "read by: " in refused.out
    assert (ran["total"], ran["kind"], ran["counts"]) == (3, "republish", {"with the group": 3})
    assert StoredEvent.objects.filter(producer__startswith="replay@").count() == 3
    shown = run("operations", "show", str(ran["id"]))
    assert f"operation {ran['id']}: republish of 3 to everyone, running" in shown.out


def test_what_was_proposed_can_be_begun_later_with_what_is_to_be_typed(
    bus: Bus, group: Group
) -> None:
    bus.drain([group])
    draft = run("history", "handle-again", "testers", "--entity", "user:1", "--dry-run", "--json")
    assert draft.json["total"] == 1

    ran = run(
        "history", "handle-again", "testers", "--entity", "user:1", "--reason", "once more",
        "--yes", "--typed", "testers",
    )  # fmt: skip

    assert (ran.status, "1 to testers" in ran.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["catch-up", "testers", "--reason", "x"], "Nobody is here to be asked: add --yes"),
        (["catch-up", "testers", "--yes"], "a replay needs a reason"),
        (["catch-up", "nobody", "--yes"], "No installed app declares the group nobody"),
        (["catch-up", "--yes"], "Name the group"),
        (["new-events", "testers", "--yes"], "leave testers out"),
        (["catch-up", "testers", "--since", "soon"], "--since soon is no time: write 2026-01-15"),
        (["catch-up", "testers", "--type", "Nope"], "Nope is not a registered event type"),
        (["handle-again", "testers", "--reason", "x", "--yes"], "Type the name of the group"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    bus: Bus, group: Group, words: list[str], said: str
) -> None:
    ran = run("history", *words)

    assert (ran.status, said in ran.out) == (1, True), ran.out
    assert not Operation.objects.exists()


def test_it_waits_for_the_outcome(bus: Bus, group: Group) -> None:
    ran = run(
        "history", "catch-up", "testers", "--reason", "x", "--yes", "--no-ramp", "--wait", "0.2"
    )

    assert (ran.status, "1 still to come" in ran.out or "2 still to come" in ran.out) == (2, True)
