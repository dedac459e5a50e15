"""Replaying a dead letter with a payload that was put right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events import Context, Event, Reject, groups
from events.envelope import now
from events.groups import Group, Handler, set_up
from events.models import (
    AuditEntry,
    DeadLetter,
    EditedPayload,
    HandledEvent,
    Operation,
    StoredEvent,
)
from events.operations import Actor, Refused, replay_dead_letters, replay_edited
from events.privacy import MASK, UNDECLARED
from events.queries import dead_letter, letter_edit, outcomes
from events.queries.chain_steps import outcome_status
from events.queries.recorded import Recorded
from tests.bus_fixture import Bus

OLGA = Actor("olga", "console", may_operate=True)
SENT = {"user_id": 71, "username": "mira", "email": "mira@example.org"}


class Registrar:
    """A handler that takes no user of this name."""

    def __init__(self) -> None:
        self.refuses = "mira"
        self.seen: list[Event] = []

    def handle(self, event: Event, context: Context) -> None:
        self.seen.append(event)
        if event.data["username"] == self.refuses:
            raise Reject(f"{event.data['email']} is taken")


@pytest.fixture
def registrar() -> Registrar:
    return Registrar()


@pytest.fixture
def group(bus: Bus, registrar: Registrar, monkeypatch: pytest.MonkeyPatch) -> Group:
    handler = Handler(registrar.handle, "registrars", "user", ("User.UserRegistered",))
    monkeypatch.setitem(groups._handlers, "registrars", handler)
    made = Group("registrars", "user", (handler,))
    set_up(bus.transport.streams, [made])
    return made


@pytest.fixture
def event(bus: Bus, group: Group) -> Event:
    """An event with a dead letter."""
    root = Event.new("User.UserRegistered", {**SENT, "username": "root"})
    said = root.caused("User.UserRegistered", SENT)
    bus.publish(said)
    bus.drain([group])
    return said


@pytest.fixture
def letter(event: Event) -> DeadLetter:
    return DeadLetter.objects.get()


def test_an_edited_event_is_handled_as_the_one_it_was(
    bus: Bus, group: Group, registrar: Registrar, event: Event, letter: DeadLetter
) -> None:
    operation = replay_edited(OLGA, letter.pk, {"username": "mirabelle"}, " a typing error ")
    before = DeadLetter.objects.get().state
    bus.drain([group])

    given = registrar.seen[-1]
    assert given.data == {**event.data, "username": "mirabelle"}
    assert given.event_id == event.event_id
    assert (given.correlation_id, given.causation_id) == (event.correlation_id, event.causation_id)
    assert (given.occurred_at, given.metadata) == (event.occurred_at, event.metadata)
    assert HandledEvent.objects.get().event_id == event.event_id
    after = DeadLetter.objects.get()
    assert (before, after.state) == ("replaying", "resolved")
    assert bytes(after.body) == bytes(letter.body)
    assert [stored.data for stored in bus.events("User.UserRegistered")] == [event.data]
    edit = EditedPayload.objects.get()
    assert (edit.letter_id, edit.operation_id) == (letter.pk, operation.pk)
    assert (edit.actor, edit.via, edit.reason) == ("olga", "console", "a typing error")
    entry = AuditEntry.objects.get()
    assert entry.action == "dead-letters.replay-edited"
    assert entry.target == f"operation {operation.pk}"
    assert entry.details["changed"] == ["username"]


def test_what_is_sensitive_stays_as_it_was_until_it_is_changed_and_is_never_shown(
    bus: Bus, group: Group, registrar: Registrar, letter: DeadLetter
) -> None:
    form = letter_edit.load(letter.pk)
    assert form
    assert form.shown()["email"] == MASK

    replay_edited(OLGA, letter.pk, {**form.shown(), "email": "new@example.org"}, "he moved")
    bus.drain([group])

    assert registrar.seen[-1].data == {**SENT, "email": "new@example.org"}
    edit = EditedPayload.objects.get()
    assert edit.changes == [{"path": "email", "before": MASK, "after": MASK}]
    assert "example.org" not in str(AuditEntry.objects.get().details)
    again = DeadLetter.objects.get()
    assert again.state == "new"
    kept = again.message + again.traceback + str(again.attempts[-1])
    assert "is taken" in kept
    assert "new@example.org" not in kept
    assert "new@example.org" not in str(dead_letter.load(letter.pk))


def test_a_later_replay_sends_the_original_and_says_so(
    bus: Bus, group: Group, registrar: Registrar, event: Event, letter: DeadLetter
) -> None:
    registrar.refuses = "mirabelle"
    replay_edited(OLGA, letter.pk, {"username": "mirabelle"}, "try")
    bus.drain([group])

    assert DeadLetter.objects.get().edit is None
    DeadLetter.objects.update(edit=EditedPayload.objects.get())  # however it came to be there
    plan = dead_letter.plan([letter.pk])
    replay_dead_letters(OLGA, [letter.pk], "as it is")
    bus.drain([group])

    assert plan.edited == 1
    assert [seen.data["username"] for seen in registrar.seen] == ["mira", "mirabelle", "mira"]
    assert DeadLetter.objects.get().state == "resolved"
    assert handled(event) == (False, True)


def test_event_and_chain_say_that_the_group_has_handled_an_edited_payload(
    bus: Bus, group: Group, event: Event, letter: DeadLetter
) -> None:
    replay_edited(OLGA, letter.pk, {"username": "mirabelle"}, "a typing error")
    assert handled(event) == (False, False)
    bus.drain([group])

    assert handled(event) == (True, False)


def handled(event: Event) -> tuple[bool, bool]:
    """Whether the words say that it was edited, or replayed as it was."""
    (row,) = [one for one in bus_rows() if one.id == event.event_id]
    outcome = outcomes.outcomes_of([row], now()).get(event.event_id, "registrars")
    assert outcome
    words = outcome_status(outcome, now()).words
    assert outcome.handled_edited == ("edited" in words)
    return "edited" in words, ", replayed" in words


def bus_rows() -> list[Recorded]:
    return [Recorded.of(row) for row in StoredEvent.objects.all()]


@pytest.mark.parametrize(
    ("sent", "reason", "sentence"),
    [
        ({"user_id": "-1"}, "try", "not as its type wants it, nothing was replayed: user_id: "),
        ({"username": ""}, "try", "username: Field required"),
        ({"username": "mira", "email": MASK}, "try", "was changed: replay it as it is"),
        ({"username": "mirabelle"}, " ", "needs a reason"),
    ],
    ids=["wrong", "absent", "unchanged", "no reason"],
)
def test_what_is_no_valid_edit_changes_nothing(
    bus: Bus, letter: DeadLetter, sent: dict[str, Any], reason: str, sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        replay_edited(OLGA, letter.pk, sent, reason)

    assert DeadLetter.objects.get().state == "new"
    for model in (EditedPayload, Operation, AuditEntry):
        assert not model.objects.exists()


def test_who_may_only_look_and_what_is_not_open_is_refused(bus: Bus, letter: DeadLetter) -> None:
    edit = {"username": "mirabelle"}
    with pytest.raises(Refused, match="needs the role operator"):
        replay_edited(Actor("victor", "console"), letter.pk, edit, "try")
    replay_edited(OLGA, letter.pk, edit, "once")
    with pytest.raises(Refused, match="is replaying: there is nothing to edit and replay"):
        replay_edited(OLGA, letter.pk, edit, "twice")

    assert EditedPayload.objects.count() == Operation.objects.count() == 1


def test_what_the_type_does_not_know_is_left_out_and_the_entity_id_follows_its_field(
    bus: Bus, letter: DeadLetter
) -> None:
    raw = {**Event.from_json(bytes(letter.body)).to_dict(), "data": {**SENT, "shoe_size": 41}}
    DeadLetter.objects.update(body=json.dumps(raw).encode())
    original = letter_edit.load(letter.pk)
    assert original

    made = letter_edit.edited(original, {"user_id": "72"})

    assert made.event
    assert made.event.entity_id == "72"
    assert {(one.path, one.before, one.after) for one in made.changes} == {
        ("entity_id", "71", "72"),
        ("user_id", 71, 72),
        ("shoe_size", UNDECLARED, None),
    }
