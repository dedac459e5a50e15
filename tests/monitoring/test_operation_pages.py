"""Operations as an operator sees and moves them."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from events import Reject
from events.envelope import now
from events.groups import groups
from events.models import AuditEntry, DeadLetter, Operation
from events.operations import advance_operations
from monitoring.acting import STEP_UP_S, STEPPED_UP_AT
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break
from tests.monitoring.pages import read

GROUP = "revenue_trackers"
PROPOSE = "/dead-letters/propose/"


@pytest.fixture
def failure(bus: Bus, broken: Break) -> str:
    """Three dead letters of one failure; its fingerprint."""
    broken(GROUP, Reject("the ledger is closed"))
    bus.publish(*(trade() for _ in range(3)))
    bus.drain(groups())
    return DeadLetter.objects.all()[0].fingerprint


def many(fingerprint: str, count: int) -> None:
    """Make copies of a letter, so that there are so many."""
    first = DeadLetter.objects.filter(fingerprint=fingerprint)[0]
    for number in range(count - DeadLetter.objects.count()):
        first.pk, first.event_id = None, None
        first.entry_id = f"{number}-1"
        first.save(force_insert=True)


def propose(client: Client, fingerprint: str, as_of: str = "2100-01-01T00:00:00Z") -> str:
    """The address of the draft that a click makes."""
    sent = {"group": GROUP, "failure": fingerprint, "as_of": as_of}
    answer = client.post(PROPOSE, sent)
    assert answer.status_code == 302
    return str(answer["Location"])


def test_the_list_offers_all_of_a_failure_as_it_was_shown(
    operator: Client, failure: str, bus: Bus
) -> None:
    many(failure, 60)
    page = operator.get(f"/dead-letters/?failure={failure}").content.decode()
    as_of = page.partition('name="as_of" value="')[2].partition('"')[0]
    bus.publish(trade())
    bus.drain(groups())

    draft = read(operator, propose(operator, failure, as_of))

    assert "60 as of" in draft
    assert "1 newer is not included" in draft
    assert "nothing has happened yet" in draft
    assert Operation.objects.get().total == 60


def test_a_confirmed_draft_runs_and_its_page_says_how_far_it_is(
    bus: Bus, operator: Client, failure: str
) -> None:
    address = propose(operator, failure)
    assert "the role" not in read(operator, address)

    begun = operator.post(f"{address}begin/", {"reason": "mended", "ramp": "1", "rate": "5"})
    page = read(operator, address)

    assert (begun.status_code, begun["Location"]) == (302, address)
    assert "0 of 3 handled, 3 still to come." in page
    assert "1, then 10, then 100, then the rest; stops above 10 % failed again" in page
    bus.drain(groups())
    advance_operations()
    stopped = read(operator, address)
    assert "stopped by itself 1 of 1 failed again, more than 10 %; 2 were not tried" in stopped
    part = operator.get(address, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="operation"')


def test_a_double_click_and_a_second_tab_make_no_second_operation(
    operator: Client, failure: str
) -> None:
    first, second = propose(operator, failure), propose(operator, failure)
    for _ in range(2):
        operator.post(f"{first}begin/", {"reason": "mended", "ramp": "1"})

    other = operator.post(f"{second}begin/", {"reason": "another tab", "ramp": "1"})

    assert other.status_code == 409
    assert "3 of these are part of operation" in other.content.decode()
    assert Operation.objects.filter(state="running").count() == 1
    assert AuditEntry.objects.count() == 1


def test_it_is_paused_resumed_and_cancelled_by_its_buttons(operator: Client, failure: str) -> None:
    address = propose(operator, failure)
    operator.post(f"{address}begin/", {"reason": "mended", "ramp": "1"})
    for move, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert f'value="{move}"' in operator.get(address).content.decode()
        operator.post(f"{address}move/", {"move": move})
        assert Operation.objects.get().state == state
    refused = operator.post(f"{address}move/", {"move": "resume"}, follow=True)
    assert "is cancelled: there is nothing to resume" in refused.content.decode()


def test_a_draft_is_thrown_away(operator: Client, failure: str) -> None:
    address = propose(operator, failure)
    assert operator.post(f"{address}withdraw/")["Location"] == "/dead-letters/"
    assert not Operation.objects.exists()


def test_more_than_a_hundred_ask_for_the_password_again(operator: Client, failure: str) -> None:
    many(failure, 101)
    address = propose(operator, failure)
    begin = {"reason": "mended", "ramp": "1"}
    page = operator.get(address).content.decode()
    link = "/step-up/?" + urlencode({"next": address})
    assert (
        'disabled title="To replay more than 100 at a time your password is asked for again."'
        in page
    )
    assert link in page
    assert operator.post(f"{address}begin/", begin).status_code == 409
    assert Operation.objects.get().state == "draft"

    wrong = operator.post("/step-up/", {"password": "wrong", "next": address})
    assert (wrong.status_code, "not your password" in wrong.content.decode()) == (403, True)
    assert operator.post(f"{address}begin/", begin).status_code == 409
    right = operator.post("/step-up/", {"password": "secret-olga", "next": address})
    assert right["Location"] == address
    assert "disabled" not in operator.get(address).content.decode().partition("<main")[2]

    assert operator.post(f"{address}begin/", begin).status_code == 302
    assert Operation.objects.get().state == "running"


def test_the_password_counts_for_five_minutes_in_one_session(
    operator: Client, failure: str
) -> None:
    many(failure, 101)
    address = propose(operator, failure)
    session = operator.session
    session[STEPPED_UP_AT] = time.time() - STEP_UP_S - 1
    session.save()
    assert operator.post(f"{address}begin/", {"reason": "late"}).status_code == 409
    other = Client()
    other.force_login(User.objects.get(username="olga"))
    operator.post("/step-up/", {"password": "secret-olga"})
    assert other.post(f"{address}begin/", {"reason": "other session"}).status_code == 409


def test_who_began_a_large_one_is_led_to_the_password_to_pause_it(
    operator: Client, failure: str
) -> None:
    many(failure, 101)
    address = propose(operator, failure)
    operator.post("/step-up/", {"password": "secret-olga"})
    operator.post(f"{address}begin/", {"reason": "mended", "ramp": "1"})
    session = operator.session
    session[STEPPED_UP_AT] = time.time() - STEP_UP_S - 1
    session.save()

    page = operator.get(address).content.decode()

    assert "/step-up/?" + urlencode({"next": address}) in page


def test_five_wrong_passwords_end_the_session_and_all_are_in_the_audit(operator: Client) -> None:
    answers = [operator.post("/step-up/", {"password": "wrong"}).status_code for _ in range(5)]

    assert answers == [403, 403, 403, 403, 302]
    assert operator.get("/")["Location"].startswith("/login/")
    actions = list(AuditEntry.objects.order_by("seq").values_list("actor", "action"))
    assert actions == [("olga", "session.step-up-refused")] * 5


def test_a_password_that_ends_with_a_blank_is_taken_as_it_is(operator: Client) -> None:
    olga = User.objects.get(username="olga")
    olga.set_password(" secret olga ")
    olga.save()
    operator.force_login(olga)

    answer = operator.post("/step-up/", {"password": " secret olga ", "next": "/operations/"})

    assert answer["Location"] == "/operations/"
    assert AuditEntry.objects.get().action == "session.step-up"


@pytest.mark.parametrize("address", ["//evil.example/", "https://evil.example/", "javascript:0"])
def test_the_password_leads_nowhere_else(operator: Client, address: str) -> None:
    answer = operator.post("/step-up/", {"password": "secret-olga", "next": address})
    assert answer["Location"] == "/"


def acts(pk: int, letters: list[int], fingerprint: str) -> list[tuple[str, dict[str, object]]]:
    """Every address that changes something here, with what is sent there."""
    return [
        ("/dead-letters/replay/", {"id": letters, "reason": "x"}),
        ("/dead-letters/discard/", {"id": letters, "reason": "x"}),
        ("/dead-letters/restore/", {"id": letters, "reason": "x"}),
        (PROPOSE, {"group": GROUP, "failure": fingerprint, "as_of": "2100-01-01T00:00:00Z"}),
        (f"/operations/{pk}/begin/", {"reason": "x"}),
        (f"/operations/{pk}/withdraw/", {}),
        (f"/operations/{pk}/move/", {"move": "cancel"}),
    ]


@pytest.mark.parametrize("who", ["anonymous", "viewer", "read-only"])
def test_who_may_not_changes_nothing(
    operator: Client, viewer: Client, failure: str, who: str, settings: Settings
) -> None:
    address = propose(operator, failure)
    pk = int(address.strip("/").rpartition("/")[2])
    letters = list(DeadLetter.objects.values_list("pk", flat=True))
    client = {"anonymous": Client(), "viewer": viewer, "read-only": operator}[who]
    if who == "read-only":
        settings.ASTRA = {**settings.ASTRA, "read_only": True}

    answers = [client.post(*act).status_code for act in acts(pk, letters, failure)]

    expected = {"anonymous": 302, "viewer": 403, "read-only": 405}[who]
    assert set(answers) == {expected}
    assert (Operation.objects.get().state, AuditEntry.objects.count()) == ("draft", 0)
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}
    if who != "anonymous":
        page = client.get(address).content.decode().partition("<main")[2]
        reason = {"viewer": "The role operator is needed to", "read-only": "is read-only"}[who]
        assert f'disabled title="{reason}' in page or (reason in page and "disabled" in page)


def test_only_a_post_moves_anything(operator: Client, failure: str) -> None:
    address = propose(operator, failure)
    for path in (PROPOSE, f"{address}begin/", f"{address}withdraw/", f"{address}move/"):
        assert operator.get(path).status_code == 405


def test_the_list_shows_state_progress_and_who(operator: Client, failure: str) -> None:
    assert "No operation yet" in read(operator, "/operations/")
    address = propose(operator, failure)
    assert "No operation yet" in read(operator, "/operations/")
    operator.post(f"{address}begin/", {"reason": "the ledger is open", "ramp": "1"})

    page = read(operator, "/operations/")

    assert f"replay 3 to {GROUP} under way" in page
    assert "olga the ledger is open" in page
    assert "Nothing matches" in read(operator, "/operations/?state=cancelled")
    assert "Nothing matches" not in read(operator, "/operations/?state=running")


def test_an_unknown_one_is_missing(operator: Client, failure: str) -> None:
    assert operator.get("/operations/404/").status_code == 404
    assert operator.post("/operations/404/begin/", {"reason": "x"})["Location"] == "/operations/"


def test_one_that_ended_long_ago_keeps_its_counts(operator: Client, failure: str) -> None:
    operation = Operation.objects.create(
        kind="replay",
        group_name="testers",
        actor="ada",
        via="console",
        state="done",
        created_at=now(),
        total=3,
        settled={"handled": [2, 2], "failed": [1, 1]},
        settled_to=3,
    )

    page = read(operator, f"/operations/{operation.pk}/")

    assert "1 of 3 failed again, 2 handled" in page
    assert "What became of each is not kept any more" in page
    skipped = read(operator, f"/operations/{operation.pk}/?result=skipped")
    assert "None of them." in skipped
