"""Editing a dead letter's payload on its page, and replaying it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from events import Event, Reject, groups
from events.groups import Group, Handler, set_up
from events.models import AuditEntry, DeadLetter, EditedPayload, Operation
from events.privacy import MASK
from tests.bus_fixture import Bus
from tests.monitoring.pages import main_of, read

SENT = {"user_id": 71, "username": "mira", "email": "mira@example.org"}


def register(event: Event, context: Any) -> None:
    if event.data["username"] == "mira":
        raise Reject("the name is taken")


@pytest.fixture
def group(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Group:
    handler = Handler(register, "registrars", "user", ("User.UserRegistered",))
    monkeypatch.setitem(groups._handlers, "registrars", handler)
    made = Group("registrars", "user", (handler,))
    set_up(bus.transport.streams, [made])
    return made


@pytest.fixture
def failed(bus: Bus, group: Group) -> int:
    bus.publish(Event.new("User.UserRegistered", SENT))
    bus.drain([group])
    return bus.dead_letters()[0].pk


def path(pk: int) -> str:
    return f"/dead-letters/{pk}/edit/"


def form(**changed: str) -> dict[str, str]:
    return {"user_id": "71", "username": "mira", "email": MASK, **changed}


def test_the_difference_is_shown_before_the_replay_and_both_are_linked_afterwards(
    bus: Bus, group: Group, operator: Client, failed: int
) -> None:
    assert f'href="{path(failed)}"' in operator.get(f"/dead-letters/{failed}/").content.decode()
    source = operator.get(path(failed)).content.decode()
    assert f'value="{MASK}"' in source
    assert "mira@example.org" not in source

    looked = operator.post(path(failed), form(username="mirabelle"))
    assert "1 place differs" in main_of(looked)  # type: ignore[arg-type]
    assert "username mira mirabelle" in main_of(looked)  # type: ignore[arg-type]
    assert Operation.objects.count() == 0

    confirm = {"edit-step": "replay", "edit-reason": "a typing error"}
    answer = operator.post(path(failed), {**form(username="mirabelle"), **confirm})
    bus.drain([group])

    operation = Operation.objects.get()
    assert answer["Location"] == f"/operations/{operation.pk}/"
    shown = operator.get(answer["Location"]).content.decode()
    assert "Edited payload" in shown
    assert f'href="/dead-letters/{failed}/">dead letter {failed}</a>' in shown
    page = operator.get(f"/dead-letters/{failed}/").content.decode()
    assert "a typing error" in page
    assert f'href="/operations/{operation.pk}/"' in page
    letter = DeadLetter.objects.get()
    assert letter.state == "resolved"
    assert (
        "with an <b>edited payload</b>"
        in operator.get(f"/events/{letter.event_id}/").content.decode()
    )


def test_an_edit_can_be_rehearsed_before_it_is_replayed(operator: Client, failed: int) -> None:
    ask = {"edit-step": "rehearse"}
    good = operator.post(path(failed), {**form(username="mirabelle"), **ask})
    bad = operator.post(path(failed), {**form(user_id="72"), **ask})

    assert "would be handled" in main_of(good)  # type: ignore[arg-type]
    assert "It ran on the payload as you have changed it" in main_of(good)  # type: ignore[arg-type]
    assert "would fail" in main_of(bad)  # type: ignore[arg-type]
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"rehearse"}
    assert DeadLetter.objects.get().state == "new"
    assert not EditedPayload.objects.exists()


@pytest.mark.parametrize("step", ["look", "rehearse", "replay"])
def test_what_does_not_validate_never_leaves_the_form(
    operator: Client, failed: int, step: str
) -> None:
    sent = form(user_id="seven", username="mirabelle")
    answer = operator.post(path(failed), {**sent, "edit-step": step, "edit-reason": "try"})

    source = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="wrong_user_id"' in source
    assert 'value="seven"' in source
    assert 'value="mirabelle"' in source
    for model in (EditedPayload, Operation, AuditEntry):
        assert not model.objects.exists()


def test_without_a_change_or_a_reason_nothing_happens_and_the_page_says_so(
    operator: Client, failed: int
) -> None:
    confirm = {"edit-step": "replay", "edit-reason": " "}
    same = operator.post(path(failed), {**form(), **confirm})
    silent = operator.post(path(failed), {**form(username="mirabelle"), **confirm})

    assert (same.status_code, silent.status_code) == (422, 422)
    assert "nothing differs" in main_of(same)  # type: ignore[arg-type]
    assert "needs a reason" in main_of(silent)  # type: ignore[arg-type]
    assert ">mirabelle</textarea>" in silent.content.decode().replace("\n", "")
    assert not Operation.objects.exists()


def test_asking_twice_does_it_once_and_audits_it_once(operator: Client, failed: int) -> None:
    sent = {**form(username="mirabelle"), "edit-step": "replay", "edit-reason": "once"}
    operator.post(path(failed), sent)
    again = operator.post(path(failed), sent)

    assert again.status_code == 409
    assert "is replaying" in main_of(again)  # type: ignore[arg-type]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == ("olga", "dead-letters.replay-edited")
    assert Operation.objects.count() == 1


def test_a_viewer_is_refused_and_sees_why(viewer: Client, failed: int) -> None:
    assert viewer.get(path(failed)).status_code == 403
    assert viewer.post(path(failed), form(username="x")).status_code == 403
    source = viewer.get(f"/dead-letters/{failed}/").content.decode()
    assert re.search(r'disabled title="[^"]*operator is needed to edit[^"]*">Edit…', source)


def test_others_are_sent_away_and_what_is_no_event_has_no_form(
    operator: Client, failed: int
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert Client().post(path(failed))["Location"].startswith("/login/")
    assert strict.post(path(failed), form()).status_code == 403
    assert operator.put(path(failed)).status_code == 405
    assert operator.get(path(40_404)).status_code == 404

    DeadLetter.objects.update(body=b"\xff no event")
    assert "is not an event" in read(operator, path(failed))
    assert operator.post(path(failed), form(username="x")).status_code == 409
