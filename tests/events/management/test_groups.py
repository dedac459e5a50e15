"""``manage.py groups``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.models import AuditEntry
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import no_bus


def test_every_group_is_listed_with_what_waits(bus: Bus) -> None:
    bus.publish(trade(), trade())

    ran = run("groups")

    assert ran.status == 0
    (line,) = (line for line in ran.out.splitlines() if line.startswith("revenue_trackers"))
    assert line.split()[-5:] == ["2", "0", "0", "0", "0"]


def test_a_narrow_terminal_shows_every_figure(bus: Bus, terminal: Callable[[int], None]) -> None:
    bus.publish(trade(), trade())
    terminal(80)

    lines = run("groups").out.splitlines()

    assert " Lag  Pending  Retries  Dead letters  Workers" in lines[0]
    (line,) = (line for line in lines if line.startswith("revenue_trackers"))
    assert line.split()[-5:] == ["2", "0", "0", "0", "0"]


def test_the_json_has_the_same_figures(bus: Bus) -> None:
    bus.publish(trade())

    said = {group["name"]: group for group in run("groups", "--json").json}

    assert (said["revenue_trackers"]["lag"], said["clan_battle_processors"]["lag"]) == (1, 0)


def test_one_group_shows_its_handlers_and_streams(bus: Bus) -> None:
    ran = run("groups", "revenue_trackers")

    assert "astra.trading.tradeexecuted.v1" in ran.out
    assert "events.domains.financial.handlers" in ran.out
    assert run("groups", "revenue_trackers", "--json").json["domain"] == "financial"


def test_an_unknown_group_exits_1_and_names_those_there_are(bus: Bus) -> None:
    ran = run("groups", "nobody")

    assert (ran.status, "revenue_trackers" in ran.out) == (1, True)


def test_without_the_bus_it_says_unknown_and_exits_2(bus: Bus) -> None:
    with no_bus(bus):
        ran = run("groups")

    assert ran.status == 2
    assert "The bus cannot be reached" in ran.out
    (line,) = (line for line in ran.out.splitlines() if line.startswith("revenue_trackers"))
    assert line.split()[2:6] == ["-", "-", "-", "-"]


def test_a_group_is_paused_and_resumed_and_says_so(bus: Bus) -> None:
    assert run("groups", "pause", "revenue_trackers").status == 1  # no reason

    paused = run("groups", "pause", "revenue_trackers", "--reason", "mending", "--json")

    assert (paused.status, paused.json["paused"]) == (0, True)
    assert AuditEntry.objects.get().actor.startswith("command line")
    assert "mending; 0 of 0 workers still finish" in run("groups", "show", "revenue_trackers").out
    (line,) = (
        group
        for group in run("groups", "list", "--json").json
        if group["name"] == "revenue_trackers"
    )
    assert line["paused"]["reason"] == "mending"
    again = run("groups", "pause", "revenue_trackers", "--reason", "mending")
    assert (again.status, "is paused already" in again.out) == (1, True)
    assert run("groups", "resume", "revenue_trackers", "--reason", "mended").status == 0
    assert "paused" not in run("groups", "revenue_trackers").out


@pytest.mark.parametrize(
    "words", [("pause",), ("fly", "revenue_trackers"), ("pause", "nobody", "--reason", "x")]
)
def test_what_cannot_be_meant_exits_1(bus: Bus, words: tuple[str, ...]) -> None:
    assert run("groups", *words).status == 1


def test_a_move_is_shown_done_and_undone(bus: Bus) -> None:
    bus.publish(trade(), trade())
    name, stream = "revenue_trackers", "astra.trading.tradeexecuted.v1"
    shown = run("groups", "move", name, "--to", "end", "--stream", stream, "--dry-run")
    assert "revenue_trackers to end: 2 skipped, 0 delivered again" in shown.out
    assert "is not paused" in shown.out
    assert run("groups", "move", name, "--to", "end", "--reason", "x").status == 1
    run("groups", "pause", name, "--reason", "to move it")

    moved = run("groups", "move", name, "--to", "end", "--reason", "not wanted", "--json")

    assert moved.status == 0
    lag = {group["name"]: group["lag"] for group in run("groups", "--json").json}
    assert lag[name] == 0
    number = str(moved.json["operation"])
    assert f"stands where it stood before operation {number}" in (
        run("groups", "undo", number, "--reason", "wanted").out
    )
    assert {group["name"]: group["lag"] for group in run("groups", "--json").json}[name] == 2
    assert run("groups", "undo", number, "--reason", "wanted").status == 1
    assert run("groups", "move", name, "--to", "tomorrow").status == 1
    assert run("groups", "undo", "x", "--reason", "y").status == 1


def test_a_group_nobody_declares_is_detached_by_its_name_and_what_waits(bus: Bus) -> None:
    bus.transport.streams.ensure_group("astra.trading.tradeexecuted.v1", "leavers")
    bus.publish(trade())
    given = ("groups", "detach", "leavers", "--reason", "gone")
    asked = run(*given)
    assert (asked.status, "Say --expected 1" in asked.out) == (1, True)
    assert run("groups", "detach", "leavers", "--dry-run", "--json").json["waiting"] == 1
    assert run(*given, "--expected", "1").status == 1

    detached = run(*given, "--expected", "1", "--confirm", "leavers", "--json")

    assert (detached.status, detached.json["name"]) == (0, "leavers")
    assert run(*given, "--expected", "1", "--confirm", "leavers").status == 1
