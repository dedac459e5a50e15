"""``manage.py chain``."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from events import Event, Reject
from events.groups import groups
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import Break


def test_a_complete_chain_is_a_tree_and_exits_0(bus: Bus) -> None:
    event = trade("1500.00")
    bus.publish(event)
    bus.drain()

    ran = run("chain", str(event.correlation_id))

    assert ran.status == 0
    assert "Trade by user 123" in ran.out
    assert "complete" in ran.out
    (line,) = (line for line in ran.out.splitlines() if "Gamification.XPGained" in line)
    assert line.startswith(("├─ ", "└─ "))
    assert "+15 XP" in line
    assert "gamification_xp_processors" in line


def test_a_narrow_terminal_shows_every_column(bus: Bus, terminal: Callable[[int], None]) -> None:
    event = trade("1500.00")
    bus.publish(event)
    bus.drain()
    terminal(80)

    lines = run("chain", str(event.correlation_id)).out.splitlines()

    (headings,) = (line for line in lines if line.startswith("Event "))
    assert headings.split() == ["Event", "Says", "After", "Said", "by", "Outcome", "Groups"]
    (line,) = (line for line in lines if "Gamification.XPGained" in line)
    assert "gamification_xp_processors" in line
    assert line.split()[-1].partition("/")[1] == "/"


def test_any_event_of_a_chain_leads_to_it(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()
    (xp,) = bus.events("Gamification.XPGained")

    assert str(event.correlation_id) in run("chain", str(xp.event_id)).out


def test_the_json_is_that_of_the_page(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()

    said = run("chain", str(event.correlation_id), "--json").json

    assert said["complete"] is True
    assert {e["event_type"] for e in said["events"]} >= {"Gamification.XPGained"}


def test_the_groups_of_every_event_are_listed_on_request(bus: Bus) -> None:
    event = trade()
    bus.publish(event)
    bus.drain()

    assert "audit_trail_recorders" in run("chain", str(event.event_id), "--groups").out
    assert "audit_trail_recorders" not in run("chain", str(event.event_id)).out


def test_a_chain_in_progress_exits_2_and_a_failed_one_3(bus: Bus, broken: Break) -> None:
    broken("revenue_trackers", Reject("no"))
    event = trade()
    bus.publish(event)

    assert run("chain", str(event.event_id)).status == 2
    bus.drain(groups())
    assert run("chain", str(event.event_id)).status == 3


def test_an_unknown_id_and_no_id_exit_1_with_a_sentence(bus: Bus) -> None:
    unknown = run("chain", str(uuid4()))

    assert (unknown.status, unknown.out.startswith("There is no chain")) == (1, True)
    assert run("chain", "trade").out == "trade is not an id."


def test_what_came_with_an_event_cannot_steer_the_terminal(bus: Bus) -> None:
    root = trade()
    data = {"token_id": "t", "user_id": 1, "collection": "c", "name": "red\x9b2J\u202e"}
    bus.publish(root, root.caused("NFT.NFTMinted", data))

    out = run("chain", str(root.event_id)).out + run("chain", str(root.event_id), "--json").out

    assert "\x9b" not in out
    assert "\u202e" not in out


def test_what_is_personal_is_masked(bus: Bus) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    event = Event.new("User.UserRegistered", data)
    bus.publish(event)

    for flags in ((), ("--json",)):
        assert "ada@example.org" not in run("chain", str(event.event_id), *flags).out
