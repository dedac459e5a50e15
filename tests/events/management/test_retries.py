"""``manage.py retries``, and ``manage.py groups pending``."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from events.groups import groups
from events.models import AuditEntry, DeadLetter, HandledEvent
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import Break, no_bus

GROUP, STREAM = "revenue_trackers", "astra.trading.tradeexecuted.v1"


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retry is drawn so soon that it is due while the test still makes ready."""
    monkeypatch.setattr("events.retry.random", SimpleNamespace(random=lambda: 0.9))


@pytest.fixture
def waits(bus: Bus, broken: Break, late: None) -> list[str]:
    """Two events that wait for their second attempt, in a group that has been mended since."""
    mend = broken(GROUP, TimeoutError("the ledger\x1b[31m does not answer"))
    events = [trade(), trade()]
    bus.publish(*events)
    bus.drain(groups())
    mend()
    for number, event in enumerate(events):
        bus.memory._due[STREAM, GROUP][str(event.event_id)].due_at = time.time() + 100 * number + 90
    return [str(event.event_id) for event in events]


def test_what_waits_is_listed_and_what_is_not_shown_is_said(bus: Bus, waits: list[str]) -> None:
    all_of_it = run("retries", "list")
    first = run("retries", "list", "--group", GROUP, "--limit", "1")
    said = run("retries", "list", "--json").json

    lines = all_of_it.out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == waits
    assert "2 of 4" in lines[1]
    assert "TimeoutError" in lines[1]
    assert "\x1b" not in all_of_it.out
    assert lines[-1] == "2 retries, all listed."
    assert "2 wait, the 1 that are due first are listed" in first.out
    assert waits[1] not in first.out
    assert (said["waiting"], [one["event_id"] for one in said["retries"]]) == (2, waits)
    assert "Nothing waits" in run("retries", "list", "--group", "clan_battle_processors").out


def test_retries_are_run_and_given_up_by_the_shells_user(bus: Bus, waits: list[str]) -> None:
    ran = run("retries", "run", GROUP, waits[0], "gone")
    bus.drain(groups())
    given_up = run("retries", "give-up", GROUP, waits[1], "--reason", "switched off", "--json")

    assert (ran.status, ran.out.splitlines()) == (
        0, ["1 retry made due at once.", "Waited no more: gone."],
    )  # fmt: skip
    assert HandledEvent.objects.filter(group__name=GROUP).count() == 1
    assert given_up.json == {"done": [waits[1]], "left": []}
    assert DeadLetter.objects.get().error_class == "TimeoutError"
    rows = list(AuditEntry.objects.order_by("seq").values_list("action", "via", "reason"))
    assert rows == [
        ("retries.run", "command line", ""),
        ("retries.give-up", "command line", "switched off"),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("list", "--group", "nobody"), "there are achievement_processors"),
        (("list", "--limit", "0"), "lists nothing"),
        (("run", "nobody", "x"), "No installed app declares the group nobody"),
        (("run", GROUP, "x"), "None of these waits"),
        (("give-up", GROUP, "x", "--reason", " "), "Say why"),
    ],
)
def test_what_is_unknown_or_refused_exits_1(
    bus: Bus, words: tuple[str, ...], sentence: str
) -> None:
    ran = run("retries", *words)

    assert ran.status == 1
    assert sentence in ran.out


def test_without_the_bus_lists_exit_2(bus: Bus) -> None:
    with no_bus(bus):
        for words in (("retries", "list"), ("groups", "pending", GROUP)):
            ran = run(*words)
            assert (ran.status, "cannot be reached" in ran.out) == (2, True)


def test_what_the_consumers_of_a_group_hold_is_listed(bus: Bus) -> None:
    assert "No entry of revenue_trackers is held" in run("groups", "pending", GROUP).out
    bus.publish(trade(), trade())
    first, second = bus.transport.streams.read(GROUP, "gone:1:a", [STREAM], 10, 0)
    ms, _, sequence = first.entry_id.partition("-")
    del bus.memory._streams[STREAM].entries[int(ms), int(sequence)]

    ran = run("groups", "pending", GROUP)
    said = run("groups", "pending", GROUP, "--json").json

    lines = ran.out.splitlines()
    assert lines[1].split()[0] == first.entry_id
    assert "LOST, in the store" in lines[1]
    assert second.entry_id in lines[2]
    assert "gone:1:a" in lines[2]
    assert "2 entries held, all listed." in ran.out
    assert lines[-1].split() == ["gone:1:a", "gone", "2"]
    assert [entry["entry_id"] for entry in said["entries"]] == [second.entry_id]
    assert [entry["fate"] for entry in said["lost"]] == ["stored"]
    assert run("groups", "pending", "nobody").status == run("groups", "pending").status == 1
