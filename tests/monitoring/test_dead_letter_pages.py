"""Dead letters: failures, those of one failure, one alone."""

from __future__ import annotations

from uuid import uuid4

from django.test import Client

from events import Event, Reject
from events.groups import groups
from events.models import DeadLetter
from events.transport.base import Append
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import Break, no_bus
from tests.monitoring.pages import read


def fail(bus: Bus, broken: Break, *events: Event) -> list[int]:
    broken("revenue_trackers", Reject("the ledger is closed"))
    bus.publish(*events)
    bus.drain(groups())
    return [letter.pk for letter in bus.dead_letters()]


def test_without_failures_the_page_says_what_they_would_be(viewer: Client) -> None:
    page = read(viewer, "/dead-letters/")

    assert "No open dead letters" in page
    assert "none open" in page


def test_failures_are_listed_by_fingerprint_with_count_and_sample(
    bus: Bus, viewer: Client, broken: Break
) -> None:
    fail(bus, broken, trade(), trade())

    page = read(viewer, "/dead-letters/")

    assert "2 open in 1 group" in page
    assert "2 Reject the ledger is closed" in page
    assert "revenue_trackers" in page


def test_the_state_is_in_the_address(bus: Bus, viewer: Client, broken: Break) -> None:
    fail(bus, broken, trade())
    DeadLetter.objects.update(state="resolved")

    assert "the ledger is closed" in read(viewer, "/dead-letters/?state=resolved")
    assert "the ledger is closed" in read(viewer, "/dead-letters/?state=all")
    assert "No open dead letters" in read(viewer, "/dead-letters/")
    assert "None is discarded" in read(viewer, "/dead-letters/?state=discarded")
    assert viewer.get("/dead-letters/?state=lost").status_code == 400


def test_a_group_without_failures_offers_to_clear_the_filter(viewer: Client) -> None:
    page = read(viewer, "/dead-letters/?group=trading_internal")

    assert "Nothing matches" in page
    assert "Clear the filter" in page


def test_the_letters_of_one_failure_can_be_selected_by_an_operator(
    bus: Bus, operator: Client, broken: Break
) -> None:
    ids = fail(bus, broken, trade(), trade())
    mark = bus.dead_letters()[0].fingerprint

    source = operator.get(f"/dead-letters/?failure={mark}&group=revenue_trackers").content.decode()

    for pk in ids:
        assert f'name="id" value="{pk}"' in source
    assert "disabled" not in source.partition('id="letters"')[2].partition("</section>")[0]


def test_a_viewer_sees_the_buttons_disabled_with_the_reason(
    bus: Bus, viewer: Client, broken: Break
) -> None:
    (pk,) = fail(bus, broken, trade())
    mark = bus.dead_letters()[0].fingerprint

    for path in (f"/dead-letters/{pk}/", f"/dead-letters/?failure={mark}"):
        answer = viewer.get(path)
        assert "The role operator is needed to replay; yours is viewer." in answer.content.decode()
        assert "/dead-letters/replay/?id=" not in answer.content.decode()


def test_one_dead_letter_shows_error_traceback_attempts_payload_and_the_other_groups(
    bus: Bus, viewer: Client, broken: Break
) -> None:
    event = trade()
    (pk,) = fail(bus, broken, event)

    page = read(viewer, f"/dead-letters/{pk}/")

    for shown in (
        "the ledger is closed",
        "Traceback (most recent call last)",
        "1 attempt",
        '"value": "1500.00"',
        "trading_internal",
        "no retry can help",
        f"manage.py deadletters show {pk}",
    ):
        assert shown in page


def test_bytes_that_are_no_event_are_shown_escaped(bus: Bus, viewer: Client) -> None:
    stream = "astra.trading.tradeexecuted.v1"
    bus.transport.streams.append([Append(stream, uuid4(), b"<script>alert(1)</script>")])
    bus.drain()

    answer = viewer.get(f"/dead-letters/{bus.dead_letters()[0].pk}/")

    assert b"<script>alert" not in answer.content
    assert "&lt;script&gt;alert(1)" in answer.content.decode()
    assert b"not an event" in answer.content


def test_a_failure_of_which_nothing_is_left_says_so(viewer: Client) -> None:
    assert "Nothing here any more" in read(viewer, "/dead-letters/?failure=0123456789abcdef")


def test_an_unknown_number_is_a_page_that_helps(viewer: Client) -> None:
    assert "There is no such dead letter" in read(viewer, "/dead-letters/404/", status=404)


def test_without_the_bus_all_of_it_is_shown(bus: Bus, viewer: Client, broken: Break) -> None:
    (pk,) = fail(bus, broken, trade())
    with no_bus(bus):
        assert "the ledger is closed" in read(viewer, "/dead-letters/")
        assert "the ledger is closed" in read(viewer, f"/dead-letters/{pk}/")
