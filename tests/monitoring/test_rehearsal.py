"""Rehearsing a dead letter from its page."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from events import Reject
from events.groups import groups
from events.models import AuditEntry, DeadLetter, HandledEvent
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break
from tests.monitoring.pages import main_of, read, text_of

GROUP = "revenue_trackers"
HTMX = {"HX-Request": "true", "HX-Target": "rehearsal"}


@pytest.fixture
def failed(bus: Bus, broken: Break) -> int:
    """The dead letter of a group that has been mended since."""
    mend = broken(GROUP, Reject("the ledger is closed"))
    bus.publish(trade())
    bus.drain(groups())
    mend()
    return bus.dead_letters()[0].pk


def path(pk: int) -> str:
    return f"/dead-letters/{pk}/rehearse/"


def test_it_says_what_the_handlers_would_write_and_say_and_nothing_happens(
    bus: Bus, operator: Client, failed: int
) -> None:
    assert f'action="{path(failed)}"' in operator.get(f"/dead-letters/{failed}/").content.decode()
    marks, entries = HandledEvent.objects.count(), len(bus.events())

    answer = operator.post(path(failed))
    part = operator.post(path(failed), headers=HTMX).content.decode()

    page = main_of(answer)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert "would be handled" in page
    assert "financial_revenueentry 1 inserted" in page
    assert "RevenueRecorded" in page
    assert "Nothing has happened" in page
    assert part.startswith('<section class="panel" id="rehearsal">')
    assert "<html" not in part
    assert (HandledEvent.objects.count(), len(bus.events())) == (marks, entries)
    assert DeadLetter.objects.get().state == "new"


def test_what_would_fail_is_shown_with_its_traceback(
    operator: Client, broken: Break, failed: int
) -> None:
    broken(GROUP, ValueError("<b>still</b> closed"))

    page = operator.post(path(failed)).content.decode()

    assert "would fail" in page
    assert "Traceback (most recent call last)" in page
    assert "&lt;b&gt;still&lt;/b&gt; closed" in page
    assert "try it again by itself" in page


def test_every_rehearsal_is_audited_with_who_and_what(operator: Client, failed: int) -> None:
    operator.post(path(failed))
    operator.post(path(failed))

    for entry in AuditEntry.objects.all():
        assert (entry.actor, entry.via, entry.action) == ("olga", "console", "rehearse")
        assert (entry.target, entry.details["outcome"]) == (f"dead letter {failed}", "handled")
    assert AuditEntry.objects.count() == 2


def test_what_cannot_be_rehearsed_is_disabled_with_the_reason_and_refused(
    operator: Client, failed: int
) -> None:
    DeadLetter.objects.update(kind="poison")

    source = operator.get(f"/dead-letters/{failed}/").content.decode()
    answer = operator.post(path(failed))

    assert re.search(r'disabled title="[^"]*would end the console too[^"]*">Rehearse', source)
    assert answer.status_code == 409
    assert "is poison" in main_of(answer)  # type: ignore[arg-type]
    assert not AuditEntry.objects.exists()


def test_a_viewer_is_refused_and_sees_why(viewer: Client, failed: int) -> None:
    answer = viewer.post(path(failed))

    assert answer.status_code == 403
    assert "The role operator is needed to rehearse dead letters" in text_of(answer)  # type: ignore[arg-type]
    source = viewer.get(f"/dead-letters/{failed}/").content.decode()
    assert re.search(r'disabled title="[^"]*operator is needed to rehearse[^"]*">Rehearse', source)
    assert not AuditEntry.objects.exists()


def test_others_are_sent_away(operator: Client, failed: int) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert operator.get(path(failed)).status_code == 405
    assert Client().post(path(failed))["Location"].startswith("/login/")
    assert strict.post(path(failed)).status_code == 403
    assert "There is no such dead letter" in read_missing(operator, path(40_404))


def read_missing(client: Client, where: str) -> str:
    answer = client.post(where)
    assert answer.status_code == 404
    return main_of(answer)  # type: ignore[arg-type]


def test_a_closed_letter_offers_no_rehearsal(operator: Client, failed: int) -> None:
    DeadLetter.objects.update(state="resolved")

    assert "Rehearse" not in read(operator, f"/dead-letters/{failed}/")
