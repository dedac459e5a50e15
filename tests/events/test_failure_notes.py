"""What operators say of failures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from events.envelope import now
from events.models import AuditEntry, DeadLetter, FailureNote
from events.operations import Actor, Refused, look_into, note_failure, silence_failure
from events.queries.snapshot import take
from monitoring.attention import Flow, needs
from tests.bus_fixture import Bus
from tests.events.letters import letters

OLGA = Actor("olga", "console", may_operate=True)
VICTOR = Actor("victor", "console")
KEY = ("testers", "f" * 16)
HOUR = timedelta(hours=1)


def audited() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("seq").values_list("action", "target", "reason"))


def failing() -> list[str]:
    """What needs attention because something failed."""
    found = needs(take(), lambda name: Flow(), lambda name: None)
    return [f"{n.subject} {n.sentence} {n.detail}" for n in found if n.word == "failing"]


def test_owner_and_note_are_kept_once_and_audited(bus: Bus) -> None:
    letters(2)

    note_failure(OLGA, *KEY, " ada ", "the ledger moved")
    note_failure(OLGA, *KEY, "ada", "the ledger moved")

    row = FailureNote.objects.get()
    assert (row.owner, row.note, row.changed_by) == ("ada", "the ledger moved", "olga")
    assert audited() == [("failure.note", f"failure {KEY[1]} of testers", "")]
    assert AuditEntry.objects.get().details == {"owner": "ada", "note": "the ledger moved"}


def test_a_silenced_failure_needs_nobody_until_the_silence_ends(bus: Bus) -> None:
    letters(3)
    letters(2, fingerprint="b" * 16)
    letters(1, state="resolved")

    silence_failure(OLGA, *KEY, now() + HOUR, "mended in the next release")

    (line,) = failing()
    assert "testers set aside 2" in line
    assert "3\u00a0others are silenced" in line
    silence_failure(OLGA, "testers", "b" * 16, now() + HOUR, "that too")
    assert failing() == []
    assert take().dead_letters_open == 5

    silence_failure(OLGA, *KEY, None, "it matters after all")
    assert "testers set aside 3" in failing()[0]
    FailureNote.objects.update(silenced_until=now())
    assert "testers set aside 5" in failing()[0]
    assert [action for action, _, _ in audited()] == [
        "failure.silence", "failure.silence", "failure.unsilence",
    ]  # fmt: skip


def test_one_letter_is_looked_into_and_given_back(bus: Bus) -> None:
    (pk,) = letters()
    opened_at = DeadLetter.objects.get().opened_at

    look_into(OLGA, pk, "investigating", "ada", "asks the bank")
    look_into(OLGA, pk, "investigating", "ada", "asks the bank")
    row = DeadLetter.objects.get()
    assert (row.state, row.owner, row.note) == ("investigating", "ada", "asks the bank")

    look_into(OLGA, pk, "new", "", "")
    row.refresh_from_db()
    assert (row.state, row.owner, row.note, row.opened_at) == ("new", "", "", opened_at)
    assert audited() == [("dead-letter.look-into", f"dead letter {pk}", "")] * 2


@pytest.mark.parametrize(
    ("act", "given", "sentence"),
    [
        (note_failure, ("testers", "0" * 16, "ada", ""), "No dead letter of testers is of the"),
        (note_failure, (*KEY, "a" * 151, ""), "The owner has 151 characters; 150 are kept"),
        (note_failure, (*KEY, "", "n" * 2001), "The note has 2,001 characters; 2,000 are kept"),
        (silence_failure, (*KEY, now() + HOUR, " "), "a silence needs a reason"),
        (silence_failure, (*KEY, now() + 31 * 24 * HOUR, "x"), "a time in the next 30 days"),
        (silence_failure, (*KEY, now() - HOUR, "x"), "choose a time in the next 30 days"),
        (look_into, (404, "new", "", ""), "There is no dead letter 404"),
        (look_into, ("closed", "investigating", "", ""), "is resolved: there is nothing to look"),
        (look_into, ("open", "resolved", "", ""), "cannot be made resolved"),
    ],
)
def test_what_cannot_be_said_is_refused_and_changes_nothing(
    bus: Bus, act: Any, given: tuple[Any, ...], sentence: str
) -> None:
    numbers = {"open": letters()[0], "closed": letters(state="resolved")[0]}
    before = list(DeadLetter.objects.order_by("pk").values())

    with pytest.raises(Refused, match=sentence):
        act(OLGA, *(numbers.get(value, value) for value in given))

    assert list(DeadLetter.objects.order_by("pk").values()) == before
    assert not FailureNote.objects.exists()
    assert audited() == []


def test_who_may_only_look_says_nothing_and_nobody_does_while_it_is_read_only(
    bus: Bus, settings: Settings
) -> None:
    (pk,) = letters()
    acts: list[tuple[Any, tuple[Any, ...]]] = [
        (note_failure, (*KEY, "ada", "")),
        (silence_failure, (*KEY, now() + HOUR, "x")),
        (look_into, (pk, "investigating", "", "")),
    ]

    for act, given in acts:
        with pytest.raises(Refused, match="victor may look but not"):
            act(VICTOR, *given)
    settings.ASTRA = {**settings.ASTRA, "read_only": True}
    for act, given in acts:
        with pytest.raises(Refused, match="The console is read-only"):
            act(OLGA, *given)

    assert audited() == []
