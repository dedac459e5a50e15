"""Discarding dead letters from the console, and restoring them."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from events import Reject
from events.groups import groups
from events.models import AuditEntry, DeadLetter
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break
from tests.monitoring.pages import read

GROUP = "revenue_trackers"
DISCARD, RESTORE = "/dead-letters/discard/", "/dead-letters/restore/"


@pytest.fixture
def failed(bus: Bus, broken: Break) -> list[int]:
    """Two dead letters of one failure."""
    broken(GROUP, Reject("the ledger is closed"))
    bus.publish(trade(), trade())
    bus.drain(groups())
    return [letter.pk for letter in bus.dead_letters()]


def states() -> list[str]:
    return list(DeadLetter.objects.order_by("pk").values_list("state", flat=True))


def test_one_is_discarded_and_restored_from_its_page(operator: Client, failed: list[int]) -> None:
    one = failed[0]
    path = f"/dead-letters/{one}/"
    assert f"{DISCARD}?id={one}" in operator.get(path).content.decode()
    asked = read(operator, f"{DISCARD}?id={one}")
    assert "Discard 1 dead letter" in asked
    assert f"It is {one} of {GROUP}" in asked
    assert states() == ["new", "new"]

    operator.post(DISCARD, {"id": [one], "reason": "sent by a test"})
    page = read(operator, path)
    assert states() == ["discarded", "new"]
    assert "1 dead letter discarded." in page
    assert "can be restored for" in page
    assert "Replay…" not in page

    operator.post(RESTORE, {"id": [one], "reason": "by mistake"})
    assert states() == ["new", "new"]
    assert AuditEntry.objects.count() == 2


def test_several_are_discarded_together_and_found_under_discarded(
    operator: Client, failed: list[int]
) -> None:
    fingerprint = DeadLetter.objects.first().fingerprint  # type: ignore[union-attr]
    page = operator.get(f"/dead-letters/?failure={fingerprint}").content.decode()
    assert f'formaction="{DISCARD}"' in page

    answer = operator.post(DISCARD, {"id": failed, "reason": "never to be handled"})

    assert answer["Location"] == "/dead-letters/"
    assert states() == ["discarded", "discarded"]
    found = operator.get(f"/dead-letters/?state=discarded&failure={fingerprint}").content.decode()
    assert f'formaction="{RESTORE}"' in found
    assert found.count('name="id"') - found.count("disabled>") == 2


@pytest.mark.parametrize("path", [DISCARD, RESTORE])
def test_a_viewer_is_refused_and_sees_the_reason(
    path: str, viewer: Client, failed: list[int]
) -> None:
    if path == RESTORE:
        DeadLetter.objects.update(state="discarded")
    before = states()

    answer = viewer.post(path, {"id": failed, "reason": "please"})

    assert answer.status_code == 403
    assert states() == before
    page = viewer.get(f"/dead-letters/{failed[0]}/").content.decode()
    assert re.search(r'<button class="btn[^>]* disabled title="[^"]*operator', page)
    assert path not in page


def test_without_a_reason_nothing_happens_and_the_form_says_so(
    operator: Client, failed: list[int]
) -> None:
    answer = operator.post(DISCARD, {"id": failed, "reason": " "})

    assert answer.status_code == 422
    assert "a discard needs a reason" in answer.content.decode()
    assert states() == ["new", "new"]


def test_what_is_not_open_any_more_is_told_before_it_is_asked(
    operator: Client, failed: list[int]
) -> None:
    DeadLetter.objects.filter(pk=failed[0]).update(state="resolved")

    page = read(operator, f"{DISCARD}?id={failed[0]}&id={failed[1]}")

    assert f"Dead letter {failed[0]} is resolved: there is nothing to discard." in page
    assert states() == ["resolved", "new"]
