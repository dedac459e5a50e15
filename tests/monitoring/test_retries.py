"""Retries that wait, in the console: looked at, run now, given up."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import pytest
from django.test import Client

from events import Event
from events.groups import groups
from events.models import AuditEntry, DeadLetter, HandledEvent
from events.queries import waiting as query
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus
from tests.monitoring.pages import main_of, read, text_of
from tests.monitoring.users import signed_in

PAGE, RUN, GIVE_UP = "/retries/", "/retries/run/", "/retries/give-up/"
GROUP, STREAM = "revenue_trackers", "astra.trading.tradeexecuted.v1"


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retry is drawn so soon that it is due while the test still makes ready."""
    monkeypatch.setattr("events.retry.random", SimpleNamespace(random=lambda: 0.9))


@pytest.fixture
def waits(bus: Bus, broken: Break, late: None) -> list[str]:
    """Two events that wait for their second attempt, in a group that has been mended since."""
    mend = broken(GROUP, TimeoutError("the ledger does not answer"))
    events = [trade(), trade()]
    bus.publish(*events)
    bus.drain(groups())
    mend()
    for number, event in enumerate(events):
        bus.memory._due[STREAM, GROUP][str(event.event_id)].due_at = time.time() + 100 * number + 90
    return [str(event.event_id) for event in events]


def still_waiting(bus: Bus) -> list[str]:
    found = bus.transport.inspector.waiting_retries([(STREAM, GROUP)], 10)
    return [retry.event_id for retry in found]


def handled() -> int:
    return HandledEvent.objects.filter(group__name=GROUP).count()


def test_what_waits_is_shown_by_group_and_error(
    bus: Bus, viewer: Client, broken: Break, waits: list[str]
) -> None:
    broken("trading_internal", ValueError("no price"), max_retries=1)
    bus.publish(trade())
    bus.drain(groups())

    source = viewer.get(PAGE).content.decode()
    page = read(viewer, PAGE)

    assert "3 wait in 2 groups, the next due in" in page
    for shown in (GROUP, "TimeoutError", "the ledger does not answer", "TradeExecuted", "2 of 4"):
        assert shown in page
    assert source.index(waits[0]) < source.index(waits[1])
    assert f'href="/events/{waits[0]}/"' in source
    assert "$ manage.py retries list" in page
    assert "No event waits for a retry of clan_battle_processors" in read(
        viewer, f"{PAGE}?group=clan_battle_processors"
    )


def test_personal_values_in_an_error_are_masked(bus: Bus, viewer: Client, broken: Break) -> None:
    name = "someone@example.com"
    registered = Event.new(
        "User.UserRegistered", {"user_id": 5, "username": "some-one", "email": name}
    )
    registrations = {"User.UserRegistered", "User.ProfileUpdated"}
    reader = next(
        group.name
        for group in groups()
        if registrations & set(group.reads) == {"User.UserRegistered"}
    )
    broken(reader, TimeoutError(f"no answer for {name}"))
    bus.publish(registered)
    bus.drain(groups())

    page = read(viewer, PAGE)

    assert "no answer for" in page
    assert name not in viewer.get(PAGE).content.decode()


def test_what_does_not_fit_on_the_page_is_said(
    viewer: Client, waits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query.load, "__defaults__", ("", 1))

    page = read(viewer, PAGE)

    assert "These are the 1 that are due first; 2 wait." in page


def test_nothing_and_no_bus_are_told_apart(bus: Bus, viewer: Client) -> None:
    assert "Nothing waits for a retry" in read(viewer, PAGE)
    with no_bus(bus):
        page = read(viewer, PAGE)
        decided = read(signed_in("operator"), f"{RUN}?group={GROUP}&id=x")

    assert "Unknown while the bus cannot be reached" in page
    assert "The bus is needed for that" in decided


def test_a_retry_is_run_now(bus: Bus, operator: Client, waits: list[str]) -> None:
    page = operator.get(PAGE).content.decode()
    assert f'action="{RUN}"' in page
    assert f'formaction="{GIVE_UP}"' in page
    asked = read(operator, f"{RUN}?group={GROUP}&id={waits[0]}&id=gone")
    assert "nothing has happened yet" in asked
    assert f"Let {GROUP} try exactly 1 event again at once" in asked
    assert "attempt 2 of 4" in asked
    assert "1 of those you chose waits no more" in asked
    bus.drain(groups())
    assert handled() == 0

    answer = operator.post(RUN, {"group": GROUP, "id": [waits[0], "gone"]})
    bus.drain(groups())

    assert answer["Location"] == f"{PAGE}?group={GROUP}"
    assert f"1 retry of {GROUP} made due at once; 1 waited no more." in read(
        operator, answer["Location"]
    )
    assert (handled(), still_waiting(bus)) == (1, [waits[1]])
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.action) == ("olga", "console", "retries.run")


def test_retries_are_given_up_and_become_dead_letters(
    bus: Bus, operator: Client, waits: list[str]
) -> None:
    asked = read(operator, f"{GIVE_UP}?group={GROUP}&id={waits[0]}&id={waits[1]}")
    assert "Make exactly 2 dead letters" in asked
    assert DeadLetter.objects.count() == 0

    operator.post(GIVE_UP, {"group": GROUP, "id": waits, "reason": "it is switched off"})
    again = operator.post(GIVE_UP, {"group": GROUP, "id": waits, "reason": "it is switched off"})

    assert set(DeadLetter.objects.values_list("state", "error_class")) == {("new", "TimeoutError")}
    assert still_waiting(bus) == []
    assert again.status_code == 409
    assert "None of these waits for a retry" in text_of(again)  # type: ignore[arg-type]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("retries.give-up", "it is switched off")


def test_giving_up_needs_a_reason_and_keeps_the_selection(
    bus: Bus, operator: Client, waits: list[str]
) -> None:
    answer = operator.post(GIVE_UP, {"group": GROUP, "id": waits, "reason": " "})

    assert answer.status_code == 422
    assert "needs a reason" in main_of(answer)  # type: ignore[arg-type]
    assert all(f'name="id" value="{one}"' in answer.content.decode() for one in waits)
    assert still_waiting(bus) == waits


@pytest.mark.parametrize("path", [RUN, GIVE_UP])
def test_who_may_not_is_refused_and_sees_why(
    bus: Bus, viewer: Client, operator: Client, waits: list[str], path: str
) -> None:
    given = {"group": GROUP, "id": waits, "reason": "please"}
    anonymous = Client().post(path, given)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert viewer.post(path, given).status_code == 403
    assert (anonymous.status_code, anonymous["Location"].partition("?")[0]) == (302, "/login/")
    assert strict.post(path, given).status_code == 403
    assert operator.put(path).status_code == 405
    assert operator.post(PAGE).status_code == 405
    page = viewer.get(PAGE).content.decode()
    assert re.search(r"<button class=\"btn\"[^>]* disabled title=\"[^\"]*operator", page)
    assert "The role operator is needed" in text_of(viewer.get(PAGE))  # type: ignore[arg-type]
    assert (still_waiting(bus), AuditEntry.objects.count()) == (waits, 0)


@pytest.mark.parametrize(
    ("query_string", "sentence"),
    [
        (f"group={GROUP}", "Nothing was selected."),
        (f"group={GROUP}&id=nobody", "None of these waits for a retry any more"),
        ("group=nobody&id=x", "No installed app declares the group nobody"),
        (f"group={GROUP}&id=" + ",".join(map(str, range(101))), "101 were selected"),
    ],
)
def test_what_cannot_be_done_is_told_before_it_is_asked(
    operator: Client, waits: list[str], query_string: str, sentence: str
) -> None:
    assert sentence in read(operator, f"{GIVE_UP}?{query_string}")
