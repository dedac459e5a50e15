"""``manage.py deadletters``."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from events import Reject
from events.groups import groups
from events.models import AuditEntry, DeadLetter, Operation
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import Break

GROUP = "revenue_trackers"


@pytest.fixture
def letters(bus: Bus, broken: Break) -> list[str]:
    """Two dead letters, by number, of a group that has been mended since."""
    mend = broken(GROUP, Reject("the ledger is closed"))
    bus.publish(trade(), trade())
    bus.drain(groups())
    mend()
    return [str(letter.pk) for letter in bus.dead_letters()]


def test_open_ones_are_listed(letters: list[str]) -> None:
    ran = run("deadletters", "list")

    assert ran.status == 0
    assert ran.out.count("the ledger is closed") == 2
    assert {row["id"] for row in run("deadletters", "list", "--json").json} == set(
        map(int, letters)
    )


def test_the_list_follows_state_group_and_limit(letters: list[str]) -> None:
    DeadLetter.objects.filter(pk=letters[0]).update(state="resolved")

    assert len(run("deadletters", "list", "--state", "resolved", "--json").json) == 1
    assert "No dead letters" in run("deadletters", "list", "--state", "discarded").out
    assert run("deadletters", "list", "--group", "trading_internal", "--json").json == []
    limited = run("deadletters", "list", "--state", "all", "--limit", "1").out
    assert "There are more" in limited


def test_a_group_nobody_knows_is_refused_by_name(letters: list[str]) -> None:
    ran = run("deadletters", "list", "--group", "nope")

    assert ran.status == 1
    assert "No group is called nope" in ran.out


def test_a_group_no_longer_declared_still_lists_its_letters(letters: list[str]) -> None:
    DeadLetter.objects.filter(pk=letters[0]).update(group_name="gone", state="resolved")

    assert run("deadletters", "list", "--group", "gone").out.startswith("No dead letters")
    assert len(run("deadletters", "list", "--group", "gone", "--state", "all", "--json").json) == 1


@pytest.mark.parametrize("limit", ["0", "-5"])
def test_a_limit_below_1_is_refused(bus: Bus, limit: str) -> None:
    ran = run("deadletters", "list", "--limit", limit)

    assert (ran.status, ran.out) == (1, f"--limit {limit} lists nothing: 1 or more.")


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_every_column(
    letters: list[str], terminal: Callable[[int], None], columns: int
) -> None:
    terminal(columns)

    lines = run("deadletters", "list").out.splitlines()

    for heading in ("No.", "Group", "Event", "Error", "Message", "Attempts", "State", "Failed"):
        assert heading in lines[0]
    assert lines[1].split()[:4] == [letters[1], GROUP, "Trading.TradeExecuted", "Reject"]
    assert " new " in lines[1]


def test_one_is_shown_with_traceback_payload_and_the_other_groups(letters: list[str]) -> None:
    ran = run("deadletters", "show", letters[0])

    for shown in ("the ledger is closed", "Traceback", '"value": "1500.00"', "trading_internal"):
        assert shown in ran.out
    said = run("deadletters", "show", letters[0], "--json").json
    assert (said["group"], said["data"]["value"]) == (GROUP, "1500.00")


def test_an_unknown_number_exits_1(bus: Bus) -> None:
    ran = run("deadletters", "show", "404")

    assert (ran.status, ran.out) == (1, "There is no dead letter 404.")


def test_a_replay_is_an_operation_of_the_system_user(bus: Bus, letters: list[str]) -> None:
    ran = run("deadletters", "replay", *letters, "--reason", "the ledger is open again")
    bus.drain(groups())

    assert ran.status == 0
    assert "2 still to come" in ran.out
    entry = AuditEntry.objects.get()
    assert entry.actor == f"command line, {getpass.getuser()}"
    assert (entry.via, entry.reason) == ("command line", "the ledger is open again")
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"resolved"}


def test_waiting_in_vain_exits_2(letters: list[str]) -> None:
    ran = run("deadletters", "replay", letters[0], "--reason", "again", "--wait", "0.05", "--json")

    assert ran.status == 2
    assert ran.json["letters"][0]["result"] == "with the group"


def test_a_replay_that_cannot_be_is_refused_with_the_reason(letters: list[str]) -> None:
    run("deadletters", "replay", letters[0], "--reason", "mended")

    again = run("deadletters", "replay", letters[0], "--reason", "mended")
    without = run("deadletters", "replay", letters[1], "--reason", " ")

    assert (again.status, "nothing to replay" in again.out) == (1, True)
    assert (without.status, "needs a reason" in without.out) == (1, True)
    assert Operation.objects.count() == 1


def test_discarded_and_restored_from_the_command_line(letters: list[str]) -> None:
    done = run("deadletters", "discard", *letters, "--reason", "sent by a test")
    assert (done.status, done.out.strip()) == (0, "2 dead letters discarded.")
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"discarded"}

    again = run("deadletters", "discard", letters[0], "--reason", "once more")
    assert (again.status, "is discarded: there is nothing to discard" in again.out) == (1, True)

    back = run("deadletters", "restore", letters[0], "--reason", "by mistake", "--json")
    assert back.json == {"restored": [int(letters[0])]}
    actors = set(AuditEntry.objects.values_list("actor", flat=True))
    assert actors == {f"command line, {getpass.getuser()}"}


def test_a_search_narrows_the_list_and_is_explained_when_it_cannot_be_read(
    letters: list[str],
) -> None:
    assert len(run("deadletters", "list", "--search", "error:Reject", "--json").json) == 2
    assert run("deadletters", "list", "--search", "error:Late", "--json").json == []
    ran = run("deadletters", "list", "--search", "colour:red")
    assert (ran.status, "There is no qualifier “colour:”" in ran.out) == (1, True)


def test_a_dry_run_tells_what_a_replay_would_do_and_leaves_nothing(letters: list[str]) -> None:
    search = f"group:{GROUP} error:Reject"

    ran = run("deadletters", "replay", "--search", search, "--dry-run")
    told = run("deadletters", "replay", "--search", search, "--dry-run", "--json").json

    assert ran.status == 0
    assert f"replay 2 dead letters to {GROUP}, and to no other group" in ran.out
    assert "Nothing has happened." in ran.out
    assert (told["total"], told["group"], told["already_handled"]) == (2, GROUP, 0)
    assert not Operation.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_replay_of_a_search_is_an_operation_over_exactly_what_matched(
    bus: Bus, letters: list[str]
) -> None:
    DeadLetter.objects.filter(pk=letters[0]).update(error_class="Late")

    ran = run(
        "deadletters", "replay", "--search", "error:Reject", "--reason", "mended", "--yes",
        "--no-ramp", "--wait", "0.05", "--json",
    )  # fmt: skip

    assert (ran.status, ran.json["total"], ran.json["state"]) == (2, 1, "running")
    states = dict(DeadLetter.objects.values_list("pk", "state"))
    assert states == {int(letters[0]): "new", int(letters[1]): "replaying"}
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("operation.replay", "mended")


def test_a_discard_of_a_search_says_what_it_has_done(letters: list[str]) -> None:
    ran = run("deadletters", "discard", "--search", "error:Reject", "--reason", "a test", "--yes")

    assert f"2 of {GROUP}, 2 discarded" in ran.out
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"discarded"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--search", "error:Reject", "--reason", "x"], "Nobody is here to be asked: add --yes"),
        (["--search", "error:Reject", "--yes"], "a replay needs a reason"),
        (["--search", "error:Late", "--reason", "x", "--yes"], "No open dead letter is like that"),
        (["--reason", "x"], "Give numbers of dead letters, or a --search."),
        (["1", "--search", "error:Reject"], "Give numbers of dead letters, or a --search."),
    ],
)
def test_a_replay_of_a_search_that_cannot_be_leaves_no_draft(
    letters: list[str], words: list[str], sentence: str
) -> None:
    ran = run("deadletters", "replay", *words)

    assert (ran.status, sentence in ran.out) == (1, True), ran.out
    assert not Operation.objects.exists()
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}


def test_what_matches_is_exported_to_a_file_or_the_terminal(
    letters: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "letters.ndjson"

    table = run("deadletters", "export", "--search", "error:Reject")
    run("deadletters", "export", "--format", "ndjson", "--output", str(file))

    assert table.out.splitlines()[0].startswith("id,group,event_id,event_type")
    assert len(table.out.splitlines()) == 3
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert {one["id"] for one in told} == set(map(int, letters))
    assert AuditEntry.objects.filter(action="dead-letters.export").count() == 2


def test_a_rehearsal_tells_what_would_come_by_its_exit_status(
    bus: Bus, broken: Break, letters: list[str]
) -> None:
    good = run("deadletters", "rehearse", letters[0])
    told = run("deadletters", "rehearse", letters[0], "--json").json
    broken(GROUP, Reject("closed again"))
    bad = run("deadletters", "rehearse", letters[0])

    assert good.status == 0
    assert "It would be handled by revenue_trackers" in good.out
    assert "It would say Financial.RevenueRecorded" in good.out
    assert told["rows"] == [
        {"table": "financial_revenueentry", "inserted": 1, "updated": 0, "deleted": 0,
         "upserted": 0, "columns": []}
    ]  # fmt: skip
    assert bad.status == 3
    assert "It would fail: Reject: closed again" in bad.out
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}
    assert run("deadletters", "rehearse", "40404").status == 1


def test_one_is_edited_and_replayed_and_the_difference_is_told(letters: list[str]) -> None:
    edit = ("deadletters", "edit", letters[0], "--reason", "it was in cents")
    wrong = run(*edit, "--set", "value=-1")
    unknown = run(*edit, "--set", "weight=1")
    done = run(*edit, "--set", "value=15.00")

    assert (wrong.status, unknown.status, done.status) == (1, 1, 0)
    assert "nothing was replayed: value: " in wrong.out
    assert "has no field weight" in unknown.out
    assert "edited and replayed" in done.out
    assert "1500.00" in done.out
    assert AuditEntry.objects.get().action == "dead-letters.replay-edited"
