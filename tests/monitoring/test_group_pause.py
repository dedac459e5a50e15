"""Pausing a group from its page, and what the pages say of it then."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from events.models import AuditEntry, PausedGroup
from events.queries.snapshot import Pause
from monitoring import attention, group_rows
from monitoring.attention import Flow
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.monitoring.pages import read
from tests.monitoring.snapshots import NOW, group, snapshot, worker

GROUP = "revenue_trackers"
PAGE = f"/groups/{GROUP}/"
PAUSE, RESUME = f"{PAGE}pause/", f"{PAGE}resume/"
WHY = {"reason": "the ledger is being mended"}


def test_a_group_is_paused_and_resumed_from_its_page(bus: Bus, operator: Client) -> None:
    assert PAUSE in operator.get(PAGE).content.decode()

    answer = operator.post(PAUSE, WHY)

    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    bus.publish(trade())
    assert bus.drain([one for one in bus.groups if one.name == GROUP]) == 0
    page = read(operator, PAGE)
    assert re.search(r"By olga .*: the ledger is being mended", page)
    assert "no worker runs it" in page
    assert re.search(rf"{GROUP} .* paused by olga", read(operator, "/groups/"))
    assert f"{GROUP} was paused by olga: the ledger is being mended" in read(operator, "/")

    operator.post(RESUME, {"reason": "mended"})

    assert bus.drain([one for one in bus.groups if one.name == GROUP]) == 1
    assert "Paused" not in read(operator, PAGE)
    assert list(AuditEntry.objects.values_list("action", "reason")) == [
        ("group.pause", WHY["reason"]),
        ("group.resume", "mended"),
    ]


@pytest.mark.parametrize("sent", [{}, {"reason": " "}])
def test_without_a_reason_it_is_refused_with_a_sentence(
    operator: Client, sent: dict[str, str]
) -> None:
    answer = operator.post(PAUSE, sent, follow=True)

    assert "a pause needs a reason" in answer.content.decode()
    assert not PausedGroup.objects.exists()


def test_a_second_click_changes_nothing(operator: Client) -> None:
    operator.post(PAUSE, WHY)

    answer = operator.post(PAUSE, {"reason": "again"}, follow=True)

    assert "is paused already, by olga" in answer.content.decode()
    assert (PausedGroup.objects.count(), AuditEntry.objects.count()) == (1, 1)


@pytest.mark.parametrize("path", [PAUSE, RESUME])
def test_only_operators_may_and_only_by_post(path: str, viewer: Client, operator: Client) -> None:
    if path == RESUME:
        operator.post(PAUSE, WHY)
    before = PausedGroup.objects.count()

    assert viewer.post(path, WHY).status_code == 403
    assert Client().post(path, WHY)["Location"].startswith("/login/")
    assert operator.get(path).status_code == 405
    assert PausedGroup.objects.count() == before
    assert re.search(
        r'<button class="btn" disabled title="[^"]*operator', viewer.get(PAGE).content.decode()
    )


def test_an_unknown_group_is_named(operator: Client) -> None:
    answer = operator.post("/groups/nobody/pause/", WHY, follow=True)

    assert answer.status_code == 404
    assert "declares the group nobody" in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "outlook", "told"),
    [
        ({"workers": 3, "finishing": 2}, "pausing: 2 of 3\xa0workers still finish", "2 of 3"),
        ({"workers": 3, "finishing": 0}, "paused", "all 3 workers stand still"),
        ({"workers": 0, "finishing": 0}, "paused", "no worker runs it"),
        ({"workers": 0, "lag": None, "pending": None}, "paused", "is unknown"),
    ],
)
def test_what_is_said_of_the_workers_is_what_they_say(
    values: dict[str, int | None], outlook: str, told: str
) -> None:
    state = group(paused=Pause("olga", "console", "why", NOW), oldest_waiting_s=900.0, **values)
    seen = snapshot(state, workers=(worker(groups=(GROUP,)),))

    needs = attention.needs(seen, lambda name: Flow(), lambda name: None)

    assert group_rows.outlook(state, Flow()) == ("warn", outlook)
    assert [(need.word, need.subject) for need in needs] == [("paused", GROUP)]
    assert told in needs[0].detail
