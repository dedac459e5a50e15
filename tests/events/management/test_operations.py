"""``manage.py operations``."""

from __future__ import annotations

import pytest

from events import Reject
from events.audit import Actor
from events.groups import groups
from events.models import AuditEntry, Operation
from events.operations import advance_operations, propose_replay, redeliver_waiting
from events.queries.letter_filter import LetterFilter
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import Break

GROUP = "revenue_trackers"


@pytest.fixture
def draft(bus: Bus, broken: Break) -> str:
    """The number of a draft of three letters whose group has been mended since."""
    mend = broken(GROUP, Reject("the ledger is closed"))
    bus.publish(*(trade() for _ in range(3)))
    bus.drain(groups())
    mend()
    actor = Actor("olga", "console", may_operate=True)
    return str(propose_replay(actor, LetterFilter(group=GROUP)).pk)


def test_a_draft_is_begun_and_its_end_awaited(bus: Bus, draft: str) -> None:
    begun = run("operations", "begin", draft, "--reason", "mended", "--no-ramp", "--json")
    under_way = run("operations", "show", draft, "--wait", "0.01", "--json")
    redeliver_waiting()
    bus.drain(groups())
    advance_operations()
    ended = run("operations", "show", draft, "--wait", "5")

    assert (begun.status, begun.json["counts"]) == (0, {"with the group": 3})
    assert under_way.status == 2
    assert (ended.status, "3 handled, 0 failed again" in ended.out) == (0, True)
    assert AuditEntry.objects.get().actor.startswith("command line, ")


def test_it_is_paused_resumed_and_cancelled(bus: Bus, draft: str) -> None:
    run("operations", "begin", draft, "--reason", "mended")
    assert run("operations", "pause", draft, "--reason", "lunch").status == 0
    assert Operation.objects.get().state == "paused"
    assert run("operations", "resume", draft).status == 0
    assert run("operations", "cancel", draft, "--json").json["counts"]["skipped"] == 2
    again = run("operations", "resume", draft)
    assert (again.status, "is cancelled: there is nothing to resume" in again.out) == (1, True)


def test_what_failed_again_ends_with_status_3(bus: Bus, draft: str, broken: Break) -> None:
    broken(GROUP, Reject("the ledger is still closed"))
    run("operations", "begin", draft, "--reason", "mended", "--no-ramp")
    bus.drain(groups())

    assert run("operations", "show", draft, "--wait", "5").status == 3


def test_they_are_listed_drafts_only_when_asked_for(bus: Bus, draft: str) -> None:
    assert "No operation is like that" in run("operations", "list").out
    assert [one["id"] for one in run("operations", "list", "--state", "draft", "--json").json] == [
        int(draft)
    ]
    assert run("operations", "withdraw", draft).out.strip() == f"Draft {draft} is gone."
    assert not Operation.objects.exists()


@pytest.mark.parametrize("action", ["show", "pause", "begin"])
def test_an_unknown_number_is_said(bus: Bus, action: str) -> None:
    words = ["--reason", "x"] if action == "begin" else []
    ran = run("operations", action, "404", *words)

    assert (ran.status, "There is no operation 404" in ran.out) == (1, True)
