"""Choosing stored events that a group is to be given again, or to rehearse."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.test import Client

from events import Context, Event
from events.groups import Group
from events.models import AuditEntry, Operation, StoredEvent
from events.operations import advance_shadows
from monitoring.acting import STEPPED_UP_AT
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.monitoring.pages import main_of, read
from tests.monitoring.users import signed_in

PAGE = "/history/"


def refuse_two(event: Event, context: Context) -> None:
    if event.data["user_id"] == 2:
        raise ValueError("no <account>")


@pytest.fixture
def group(bus: Bus, group_of: Callable[..., Group]) -> Group:
    """A group that has handled one of two trades."""
    made = group_of(refuse_two, repeatable=True)
    bus.publish(trade(user_id=1))
    bus.drain([made])
    bus.publish(trade(user_id=2))
    return made


def propose(client: Client, mode: str, **chosen: str) -> str:
    answer = client.post(PAGE, {"group": "testers", "mode": mode, **chosen})
    assert answer.status_code == 302, main_of(answer)  # type: ignore[arg-type]
    return str(answer["Location"])


def test_the_draft_says_how_many_the_inbox_knows_and_nothing_happens(
    operator: Client, group: Group
) -> None:
    assert "Replay to a group…" in operator.get("/events/?type=TradeExecuted").content.decode()
    filled = operator.get(f"{PAGE}?type=TradeExecuted&entity=user:1").content.decode()
    assert 'value="user:1"' in filled

    draft = read(operator, propose(operator, "catch up", type="TradeExecuted"))
    assert f"manage.py operations begin {Operation.objects.get().pk} --reason" in draft
    chosen = f"{PAGE}?group=testers&mode=shadow&entity=user:1&since=2026-07-01T10:00"
    command = "manage.py history shadow testers --entity user:1 --since 2026-07-01T10:00:00Z"
    assert f"{command} --dry-run" in read(operator, chosen)
    assert "manage.py history" not in read(operator, f"{PAGE}?mode=shadow")

    assert "Replay 2 stored events" in draft
    assert "nothing has happened yet" in draft
    assert "Leave out the 1 of them that the group has handled" in draft
    assert "No other group sees anything of these: not" in draft
    assert (Operation.objects.get().state, AuditEntry.objects.count()) == ("draft", 0)


def test_a_shadow_shows_what_would_be_handled_and_what_would_fail(
    operator: Client, group: Group
) -> None:
    where = propose(operator, "shadow")
    assert "Commit anything" in read(operator, where)

    operator.post(f"{where}begin/", {"reason": "before we begin"})
    while Operation.objects.get().state == "running":
        advance_shadows()

    page = read(operator, where)
    assert "1 of 2 would be handled, 1 would fail; nothing was committed." in page
    assert "ValueError no <account>" in page
    assert "1 the group has handled before" in page
    assert "would fail 1" in page
    assert "failed again" not in page
    assert page.count("trading TradeExecuted") == 2
    assert AuditEntry.objects.get().action == "operation.shadow"


def test_to_handle_again_asks_an_admin_for_the_password_and_the_name(
    bus: Bus, operator: Client, group: Group
) -> None:
    sent = {"group": "testers", "mode": "handle again"}
    refused = operator.post(PAGE, sent)
    assert refused.status_code == 409
    assert "needs the role admin" in main_of(refused)  # type: ignore[arg-type]

    admin = signed_in("admin")
    where = propose(admin, "handle again")
    assert "your password is asked for again" in read(admin, where)
    begin = {"reason": "a new ledger", "typed": "testers"}
    admin.post(f"{where}begin/", begin)
    assert Operation.objects.get().state == "draft"

    session = admin.session
    session[STEPPED_UP_AT] = time.time()
    session.save()
    wrong = admin.post(f"{where}begin/", {**begin, "typed": "tester"})
    assert "Type the name of the group, testers" in main_of(wrong)  # type: ignore[arg-type]
    admin.post(f"{where}begin/", begin)
    admin.post(f"{where}begin/", begin)

    assert Operation.objects.get().state != "draft"
    assert AuditEntry.objects.filter(action="operation.history").count() == 1


def test_what_cannot_be_chosen_leads_back_to_the_form_as_it_was(
    operator: Client, group: Group
) -> None:
    answer = operator.post(PAGE, {"group": "testers", "mode": "shadow", "correlation": "x"})

    source = answer.content.decode()
    assert answer.status_code == 409
    assert "x is no correlation id" in source
    assert 'value="shadow" checked' in source
    assert not Operation.objects.exists()


def test_a_viewer_sees_the_form_disabled_with_the_reason(viewer: Client, group: Group) -> None:
    source = viewer.get(PAGE).content.decode()
    answer = viewer.post(PAGE, {"group": "testers", "mode": "catch up"})

    assert "operator is needed to replay history" in source
    assert answer.status_code == 403
    assert not Operation.objects.exists()


def test_others_are_sent_away(operator: Client, group: Group) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert Client().get(PAGE)["Location"].startswith("/login/")
    assert operator.put(PAGE).status_code == 405
    assert strict.post(PAGE, {"group": "testers", "mode": "catch up"}).status_code == 403


def test_to_say_them_again_to_everyone_asks_an_admin_for_the_number(
    bus: Bus, operator: Client, group: Group
) -> None:
    sent = {"group": "", "mode": "new events", "type": "TradeExecuted"}
    assert "admin is needed to say events again to everyone" in read(operator, PAGE)
    assert operator.post(PAGE, sent).status_code == 409
    admin = signed_in("admin")
    session = admin.session
    session[STEPPED_UP_AT] = time.time()
    session.save()

    where = str(admin.post(PAGE, sent)["Location"])
    draft = read(admin, where)
    assert "Say again 2 stored events" in draft
    assert "to everyone who reads them, as new events" in draft
    assert "testers" in draft
    assert "already handled" not in draft
    wrong = admin.post(f"{where}begin/", {"reason": "lost", "typed": "3"})
    assert "Type the number of events, 2" in main_of(wrong)  # type: ignore[arg-type]
    assert StoredEvent.objects.count() == 2

    admin.post(f"{where}begin/", {"reason": "lost", "typed": "2"})
    bus.drain([group])

    page = read(admin, where)
    assert "2 still to come" in page
    assert page.count("with the groups as …") == 2
    said = StoredEvent.objects.filter(producer__startswith="replay@")
    links = admin.get(where).content.decode()
    assert [f"/events/{one.event_id}/" in links for one in said] == [True, True]
    first = said.order_by("seq")[0]
    event = read(admin, f"/events/{first.event_id}/")
    assert f"again: the original , by operation {Operation.objects.get().pk}" in event
    listed = read(admin, "/operations/")
    assert "republish" in listed


def test_only_who_may_begin_it_resumes_what_is_said_again(
    bus: Bus, operator: Client, group: Group
) -> None:
    admin = signed_in("admin")
    session = admin.session
    session[STEPPED_UP_AT] = time.time()
    session.save()
    where = str(admin.post(PAGE, {"group": "", "mode": "new events"})["Location"])
    total = Operation.objects.get().total
    admin.post(f"{where}begin/", {"reason": "lost", "typed": str(total), "ramp": "1"})
    operator.post(f"{where}move/", {"move": "pause"})
    assert Operation.objects.get().state == "paused"

    page = operator.get(where).content.decode()
    answer = operator.post(f"{where}move/", {"move": "resume"}, follow=True)

    reason = "admin is needed to say events again to everyone"
    assert f'value="resume" disabled title="The role {reason}' in page
    assert 'value="cancel">' in page
    assert "needs the role admin" in answer.content.decode()
    assert Operation.objects.get().state == "paused"
    assert 'value="resume">' in admin.get(where).content.decode()
    admin.post(f"{where}move/", {"move": "resume"})
    assert Operation.objects.get().state != "paused"
