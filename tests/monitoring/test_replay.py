"""Replaying dead letters from the console."""

from __future__ import annotations

import pytest
from django.test import Client

from events import Reject
from events.groups import groups
from events.models import AuditEntry, DeadLetter, HandledEvent, Operation
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus
from tests.monitoring.pages import main_of, read, text_of

PATH = "/dead-letters/replay/"
GROUP = "revenue_trackers"


@pytest.fixture
def failed(bus: Bus, broken: Break) -> list[int]:
    """Two dead letters of a group that has been mended since."""
    mend = broken(GROUP, Reject("the ledger is closed"))
    bus.publish(trade(), trade())
    bus.drain(groups())
    mend()
    return [letter.pk for letter in bus.dead_letters()]


def ask(client: Client, ids: list[int], reason: str = "mended", **headers: str) -> object:
    return client.post(PATH, {"id": ids, "reason": reason}, headers=headers)


def test_it_works_and_the_outcome_is_shown(bus: Bus, operator: Client, failed: list[int]) -> None:
    before = HandledEvent.objects.exclude(group__name=GROUP).count()

    answer = operator.post(PATH, {"id": failed, "reason": "mended"})
    under_way = read(operator, answer["Location"])
    bus.drain(groups())
    done = read(operator, answer["Location"])

    assert answer.status_code == 302
    assert "2 still to come" in under_way
    assert "is under way." not in under_way
    assert f"All 2 were handled by {GROUP}" in done
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"resolved"}
    new = HandledEvent.objects.exclude(group__name=GROUP).count() - before
    assert new == 2 * len(followers())


def followers() -> list[str]:
    """Groups that read what the replayed group then says; nobody else runs again."""
    return [g.name for g in groups() if "Financial.RevenueRecorded" in g.reads]


def test_before_it_asks_it_states_what_it_will_do_and_not_do(
    operator: Client, failed: list[int]
) -> None:
    page = read(operator, f"{PATH}?id={failed[0]}&id={failed[1]}")

    assert "nothing has happened yet" in page
    assert f"Give exactly 2 events to {GROUP} again" in page
    assert "The group has handled none of them so far" in page
    assert "not achievement_processors" in page
    assert "as of" in page
    assert Operation.objects.count() == 0


def test_what_the_group_has_handled_meanwhile_is_counted(
    bus: Bus, operator: Client, failed: list[int]
) -> None:
    letter = DeadLetter.objects.get(pk=failed[0])
    mark = HandledEvent.objects.exclude(group__name=GROUP)[0]
    own = type(mark.group).objects.get(name=GROUP)
    HandledEvent.objects.create(
        group=own, event_id=letter.event_id, handled_at=mark.handled_at, duration_us=1, attempts=1
    )

    assert "1 of them the group has handled meanwhile" in read(operator, f"{PATH}?id={failed[0]}")


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_a_wrong_method_is_refused(operator: Client, method: str) -> None:
    assert getattr(operator, method)(PATH).status_code == 405


def test_looking_at_the_confirmation_changes_nothing(operator: Client, failed: list[int]) -> None:
    read(operator, f"{PATH}?id={failed[0]}")

    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"new"}


def test_somebody_who_is_not_signed_in_is_sent_to_sign_in(failed: list[int]) -> None:
    answer = Client().post(PATH, {"id": failed, "reason": "x"})

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login/")
    assert Operation.objects.count() == 0


def test_a_viewer_is_refused_with_the_reason(viewer: Client, failed: list[int]) -> None:
    answer = viewer.post(PATH, {"id": failed, "reason": "x"})

    assert answer.status_code == 403
    assert "The role operator is needed to replay dead letters" in text_of(answer)  # type: ignore[arg-type]
    assert viewer.get(f"{PATH}?id={failed[0]}").status_code == 403
    assert Operation.objects.count() == 0


def test_a_form_of_another_site_is_refused(operator: Client, failed: list[int]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert strict.post(PATH, {"id": failed, "reason": "x"}).status_code == 403


def test_an_unknown_id_is_refused_and_nothing_is_done(operator: Client, failed: list[int]) -> None:
    answer = operator.post(PATH, {"id": [*failed, 40_404], "reason": "mended"})

    assert answer.status_code == 409
    assert "There is no dead letter 40404" in main_of(answer)  # type: ignore[arg-type]
    assert Operation.objects.count() == 0


@pytest.mark.parametrize("ids", ["", "x", "1;2"])
def test_ids_that_are_none_are_refused(operator: Client, ids: str) -> None:
    answer = operator.post(PATH, {"id": ids, "reason": "mended"})

    assert answer.status_code in (400, 409)


def test_without_a_reason_it_asks_for_one_and_keeps_the_selection(
    operator: Client, failed: list[int]
) -> None:
    answer = operator.post(PATH, {"id": failed, "reason": "  "})

    source = answer.content.decode()
    assert answer.status_code == 422
    assert "a replay needs a reason" in source
    assert all(f'name="id" value="{pk}"' in source for pk in failed)
    assert Operation.objects.count() == 0


def test_htmx_gets_the_confirmation_as_a_part_and_is_led_to_the_outcome(
    operator: Client, failed: list[int]
) -> None:
    htmx = {"HX-Request": "true", "HX-Target": "replay"}

    shown = operator.get(f"{PATH}?id={failed[0]}", headers=htmx)
    done = operator.post(PATH, {"id": failed[0], "reason": "mended"}, headers=htmx)

    assert shown.content.decode().startswith('<section class="panel" id="replay">')
    assert done["HX-Redirect"] == f"/operations/{Operation.objects.get().pk}/"


def test_it_is_audited_with_who_what_and_why(operator: Client, failed: list[int]) -> None:
    operator.post(PATH, {"id": failed, "reason": "the ledger is open again"})

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.action) == ("olga", "console", "dead-letters.replay")
    assert entry.reason == "the ledger is open again"
    assert entry.details["dead_letters"] == failed


def test_asking_twice_does_it_once(bus: Bus, operator: Client, failed: list[int]) -> None:
    operator.post(PATH, {"id": failed, "reason": "mended"})
    again = operator.post(PATH, {"id": failed, "reason": "mended"})
    bus.drain(groups())

    assert again.status_code == 409
    assert Operation.objects.count() == AuditEntry.objects.count() == 1
    assert len(bus.events("Financial.RevenueRecorded")) == 2


def test_what_fails_again_comes_back_with_its_new_error(
    bus: Bus, operator: Client, broken: Break, failed: list[int]
) -> None:
    broken(GROUP, Reject("still closed"))
    answer = operator.post(PATH, {"id": failed[:1], "reason": "try"})
    bus.drain(groups())

    assert "1 of 1 failed again" in read(operator, answer["Location"])
    assert "still closed" in read(operator, f"/dead-letters/{failed[0]}/")


def test_without_the_bus_it_is_accepted_and_says_that_it_waits(
    bus: Bus, operator: Client, failed: list[int]
) -> None:
    with no_bus(bus):
        answer = operator.post(PATH, {"id": failed, "reason": "mended"})
        page = read(operator, answer["Location"])

    assert "waits for the bus" in page


def test_the_outcome_looks_again_until_it_is_done(
    bus: Bus, operator: Client, failed: list[int]
) -> None:
    where = operator.post(PATH, {"id": failed, "reason": "mended"})["Location"]

    assert 'hx-trigger="every 1s"' in operator.get(where).content.decode()
    bus.drain(groups())
    part = operator.get(where, headers={"HX-Request": "true", "HX-Target": "operation"})
    assert part.content.decode().startswith('<div id="operation"')
    assert "hx-trigger" not in part.content.decode()


def test_an_unknown_operation_is_a_page_that_helps(viewer: Client) -> None:
    assert "There is no such operation" in read(viewer, "/operations/404/", status=404)
