"""The pages around everything: shell, overview, live, and what is shown when something is wrong."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from events.transport.base import WorkerInfo
from monitoring.readings import readings
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.monitoring.snapshots import worker
from tests.monitoring.users import signed_in

pytestmark = pytest.mark.django_db


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.content.decode()


def beat(bus: Bus, info: WorkerInfo) -> None:
    bus.transport.presence.beat(info, ttl_s=30)


def test_the_rail_marks_where_one_is() -> None:
    page = text(signed_in(), "/live/")

    assert page.count('aria-current="page"') == 1
    assert 'href="/live/" data-key="l" aria-current="page"' in page


@override_settings(ENVIRONMENT="production")
def test_production_is_red() -> None:
    assert 'class="badge badge--bad">production' in text(signed_in(), "/")


def test_the_user_and_the_role_are_shown() -> None:
    assert "role operator" in text(signed_in("operator"), "/")


def test_only_admins_are_led_to_the_users() -> None:
    assert "Users and groups" in text(signed_in("admin"), "/")
    assert "Users and groups" not in text(signed_in("viewer", "bob"), "/")


def test_injected_faults_are_said_on_every_page(bus: Bus) -> None:
    assert "faults injected" not in text(signed_in(), "/live/")
    readings.forget()
    beat(bus, worker(faults="reject:0.1"))

    assert "faults injected" in text(signed_in(name="bob"), "/live/")


@pytest.mark.parametrize("address", ["/", "/groups/", "/groups/revenue_trackers/", "/workers/"])
def test_what_a_group_leaves_alone_is_said(bus: Bus, address: str) -> None:
    beat(bus, worker(groups=("revenue_trackers",), breakers={"revenue_trackers": ("mail",)}))

    page = text(signed_in(), address)

    assert ("breaker open" in page) is (address != "/workers/")
    assert ("Left alone" in page) is (address == "/groups/revenue_trackers/")


@pytest.mark.parametrize("address", ["/", "/?window=24h", "/?window=7d", "/live/"])
def test_a_page_without_the_bus_still_comes_and_says_so(bus: Bus, address: str) -> None:
    bus.publish(trade())
    client = signed_in()
    text(client, "/")
    readings.forget()
    bus.memory.down = "refused"

    page = text(client, address)

    assert "refused" in page
    assert "unreachable" in page


def test_a_window_nobody_knows_is_refused_by_name() -> None:
    assert "window: " in text(signed_in(), "/?window=2y", status=400)


def test_the_overview_begins_with_what_needs_attention() -> None:
    page = text(signed_in(), "/")

    assert page.index("Needs attention") < page.index("Published") < page.index("Groups, worst")
    assert "No worker is alive" in page


def test_a_quiet_overview_says_so(bus: Bus) -> None:
    beat(bus, worker())

    assert "all quiet" in text(signed_in(), "/")


def test_the_live_page_works_without_a_script(bus: Bus) -> None:
    first, second = trade("1.00"), trade("2.00")
    bus.publish(first, second)

    page = text(signed_in(), "/live/")

    assert page.index(str(second.event_id)) < page.index(str(first.event_id))
    assert f'href="/events/{first.event_id}/"' in page


def test_the_live_page_filters_by_its_address(bus: Bus) -> None:
    small, large = trade("1.00"), trade("2000.00")
    bus.publish(small, large)
    client = signed_in()

    page = text(client, "/live/?q=value%3E1000&domain=trading")

    assert str(large.event_id) in page
    assert str(small.event_id) not in page
    assert str(large.event_id) not in text(client, "/live/?domain=nft")


def test_a_live_page_without_rows_says_why(bus: Bus) -> None:
    client = signed_in()

    assert "Nothing has been published yet" in text(client, "/live/")
    assert "No stored event matches" in text(client, "/live/?domain=nft")


def test_a_filter_that_makes_no_sense_is_explained() -> None:
    assert "no qualifier “colour”" in text(signed_in(), "/live/?q=colour:red", status=400)


def test_a_domain_can_be_added_to_the_filter_and_taken_out_again() -> None:
    page = text(signed_in(), "/live/?domain=nft")

    assert 'href="?domain=nft&amp;domain=trading"' in page
    assert 'data-domain="nft" href="?" aria-current="true"' in page


def test_a_gap_is_filled_by_rows_alone(bus: Bus) -> None:
    event = trade()
    bus.publish(event)

    answer = signed_in().get(
        "/live/gap/?after=1&before=9999999999999&count=1", headers={"HX-Request": "true"}
    )

    shown = answer.content.decode()
    assert shown.lstrip().startswith(f'<tr id="tail-{event.event_id}"')


def test_a_gap_is_a_page_of_its_own_without_scripts(bus: Bus) -> None:
    bus.publish(trade())

    assert "1\u00a0event, newest first" in text(
        signed_in(), "/live/gap/?after=1&before=9999999999999"
    )


def test_a_gap_that_is_too_large_leaves_a_smaller_one(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.tail_rows.FILL_ROWS", 2)
    bus.publish(*(trade() for _ in range(5)))

    page = text(signed_in(), "/live/gap/?after=1&before=9999999999999&count=5")

    assert page.count("data-row") == 2
    assert "3 skipped" in page
    assert "&amp;count=3" in page


def test_a_gap_cannot_be_filled_while_the_bus_is_away(bus: Bus) -> None:
    client = signed_in()
    bus.memory.down = "refused"

    assert "Nothing is lost" in text(client, "/live/gap/?after=1&before=2")


def test_the_answer_to_a_missing_page_offers_the_search() -> None:
    assert 'action="/search/"' in text(signed_in(), "/nowhere/", status=404)


def test_hostile_text_in_an_address_is_escaped() -> None:
    page = text(signed_in(), "/live/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")

    assert "<script>alert" not in page
