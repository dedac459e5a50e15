"""The pending explorer: what consumers hold, and what is done with it."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.test import Client

from events.groups import groups
from events.models import AuditEntry, DeadLetter, HandledEvent
from events.presence import Heartbeat
from events.queries import pending as query
from events.transport.mending import Held
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.failing import no_bus
from tests.monitoring.pages import main_of, read, text_of

GROUP, STREAM, GONE = "revenue_trackers", "astra.trading.tradeexecuted.v1", "gone:1:a"
PAGE = f"/groups/{GROUP}/pending/"
HAND_BACK, SET_ASIDE, REPAIR, REMOVE = (
    f"{PAGE}{act}/" for act in ("hand-back", "dead-letter", "repair", "remove")
)


@pytest.fixture
def held(bus: Bus) -> list[str]:
    """Two entries with a consumer whose process is gone."""
    bus.publish(trade(), trade())
    taken = bus.transport.streams.read(GROUP, GONE, [STREAM], 10, 0)
    return [Held(one.stream, one.entry_id, GONE).key for one in taken]


def consumers(bus: Bus) -> dict[str, int]:
    """What each consumer of the group holds."""
    found = bus.transport.inspector.pending_entries([(STREAM, GROUP)], 10)
    return {name: sum(e.held.consumer == name for e in found) for name in
            sorted(entry.held.consumer for entry in found)}  # fmt: skip


def lose(bus: Bus, key: str) -> None:
    place = Held.of(key)
    assert place is not None
    ms, _, sequence = place.entry_id.partition("-")
    del bus.memory._streams[STREAM].entries[int(ms), int(sequence)]


def test_what_is_held_is_shown_with_who_holds_it_and_looking_claims_nothing(
    bus: Bus, viewer: Client, held: list[str]
) -> None:
    bus.clock.advance(65)
    beat = Heartbeat("worker", [GROUP])
    beat.beat_if_due()
    bus.publish(trade())
    bus.transport.streams.read(GROUP, beat.name, [STREAM], 10, 0)

    page = read(viewer, PAGE)

    assert f"3 entries of {GROUP} are with consumers" in page
    for shown in (f"gone {GONE}", f"alive {beat.name[:20]}", "1 min ", "TradeExecuted"):
        assert shown in page
    assert "2 consumers" in page
    assert f"$ manage.py groups pending {GROUP}" in page
    assert consumers(bus) == {beat.name: 1, GONE: 2}
    of_one = read(viewer, f"{PAGE}?consumer={GONE}")
    assert f"2 entries of {GROUP} are with {GONE}" in of_one
    assert f'href="{PAGE}"' in viewer.get(f"/groups/{GROUP}/").content.decode()


def test_nothing_held_no_bus_and_no_group_are_told_apart(bus: Bus, viewer: Client) -> None:
    assert "No entry is held" in read(viewer, PAGE)
    assert "Nothing matches" in read(viewer, f"{PAGE}?consumer=nobody")
    with no_bus(bus):
        assert "Unknown while the bus cannot be reached" in read(viewer, PAGE)
    assert "Declared are" in read(viewer, "/groups/nobody/pending/", status=404)


def test_what_does_not_fit_on_the_page_is_said(
    viewer: Client, held: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query.load, "__defaults__", ("", 1))

    assert "the oldest of 2; what is not shown is not taken" in read(viewer, PAGE)


def test_an_entry_is_handed_back_and_handled_by_the_next_who_sweeps(
    bus: Bus, operator: Client, held: list[str]
) -> None:
    asked = read(operator, f"{HAND_BACK}?id={held[0]}")
    assert "take exactly 1 entry over, instead of when the lease ends" in asked
    assert "nothing has happened yet" in asked
    assert consumers(bus) == {GONE: 2}

    answer = operator.post(HAND_BACK, {"id": held[:1], "reason": "its host is gone"})
    shown = read(operator, answer["Location"])
    again = operator.post(HAND_BACK, {"id": held[:1], "reason": "its host is gone"})

    assert "1 entry handed back." in shown
    assert consumers(bus) == {"_released": 1, GONE: 1}
    assert again.status_code == 409
    bus.drain(groups())
    assert HandledEvent.objects.filter(group__name=GROUP).count() == 1
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == (
        "olga", "pending.hand-back", "its host is gone",
    )  # fmt: skip


def test_an_entry_is_set_aside_as_a_dead_letter(
    bus: Bus, operator: Client, held: list[str]
) -> None:
    assert "Make exactly 2 dead letters" in read(operator, f"{SET_ASIDE}?id={held[0]}&id={held[1]}")

    operator.post(SET_ASIDE, {"id": held, "reason": "it kills every worker"})

    assert list(DeadLetter.objects.values_list("kind", "state")) == [("poison", "new")] * 2
    assert consumers(bus) == {}
    assert AuditEntry.objects.get().action == "pending.dead-letter"


def test_a_living_holder_is_warned_of(bus: Bus, operator: Client) -> None:
    beat = Heartbeat("worker", [GROUP])
    beat.beat_if_due()
    bus.publish(trade())
    (taken,) = bus.transport.streams.read(GROUP, beat.name, [STREAM], 10, 0)
    key = Held(STREAM, taken.entry_id, beat.name).key

    for path in (HAND_BACK, SET_ASIDE):
        assert "may be running them now" in read(operator, f"{path}?id={key}")


def test_what_is_gone_from_its_stream_is_marked_as_lost_and_repaired(
    bus: Bus, operator: Client, held: list[str]
) -> None:
    lose(bus, held[0])
    page = read(operator, PAGE)
    assert "1 entry gone from the stream while held" in page
    assert "gives it back the store still has it" in page
    assert f"Give 1 event to {GROUP} again, from the store" in read(
        operator, f"{REPAIR}?id={held[0]}&id={held[1]}"
    )
    assert "gone from its stream: there is nothing to repair" in read(
        operator, f"{REPAIR}?id={held[1]}"
    )

    answer = operator.post(REPAIR, {"id": held, "reason": "trimmed by hand"})

    assert "1 entry repaired; 1 not as shown any more, left alone." in read(
        operator, answer["Location"]
    )
    assert consumers(bus) == {GONE: 1}
    bus.drain(groups())
    assert HandledEvent.objects.filter(group__name=GROUP).count() == 1
    assert AuditEntry.objects.get().action == "pending.repair"


def test_a_dead_consumer_is_removed_once_it_holds_nothing(
    bus: Bus, operator: Client, held: list[str]
) -> None:
    page = operator.get(PAGE).content.decode()
    assert re.search(r'disabled title="It still holds entries[^"]*">Remove', page)
    assert "still holds entries" in read(operator, f"{REMOVE}?consumer={GONE}")
    refused = operator.post(REMOVE, {"consumer": GONE, "reason": "clean up"})
    assert refused.status_code == 409
    assert AuditEntry.objects.count() == 0

    operator.post(SET_ASIDE, {"id": held, "reason": "no"})
    assert f"{REMOVE}?consumer={quote(GONE)}" in operator.get(PAGE).content.decode()
    assert "It holds nothing" in read(operator, f"{REMOVE}?consumer={GONE}")
    answer = operator.post(REMOVE, {"consumer": GONE, "reason": "clean up"})

    assert f"The consumer {GONE} was removed." in read(operator, answer["Location"])
    assert bus.transport.inspector.consumers([(STREAM, GROUP)]) == []
    assert AuditEntry.objects.order_by("-seq")[0].action == "groups.remove-consumer"


@pytest.mark.parametrize("path", [HAND_BACK, SET_ASIDE, REPAIR, REMOVE])
def test_who_may_not_is_refused_and_sees_why(
    bus: Bus, viewer: Client, operator: Client, held: list[str], path: str
) -> None:
    given = {"id": held, "consumer": GONE, "reason": "please"}
    anonymous = Client().post(path, given)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert viewer.post(path, given).status_code == 403
    assert viewer.get(path).status_code == 403
    assert (anonymous.status_code, anonymous["Location"].partition("?")[0]) == (302, "/login/")
    assert strict.post(path, given).status_code == 403
    assert operator.put(path).status_code == 405
    assert operator.post(PAGE).status_code == 405
    assert operator.post(path.replace(GROUP, "nobody"), given).status_code == 404
    assert "The role operator is needed" in text_of(viewer.get(PAGE))  # type: ignore[arg-type]
    assert (consumers(bus), AuditEntry.objects.count()) == ({GONE: 2}, 0)


@pytest.mark.parametrize("path", [HAND_BACK, SET_ASIDE, REPAIR, REMOVE])
def test_without_a_reason_nothing_happens_and_the_form_says_so(
    bus: Bus, operator: Client, held: list[str], path: str
) -> None:
    if path == REPAIR:
        lose(bus, held[0])
    if path == REMOVE:
        operator.post(SET_ASIDE, {"id": held, "reason": "no"})
    before = consumers(bus), AuditEntry.objects.count()

    answer = operator.post(path, {"id": held, "consumer": GONE, "reason": "  "})

    assert answer.status_code == 422
    assert "needs a reason" in main_of(answer)  # type: ignore[arg-type]
    assert (consumers(bus), AuditEntry.objects.count()) == before


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ("", "Nothing was selected."),
        ("?id=nonsense", "None of these is held by that consumer"),
        (f"?id=1-0@{STREAM}@{GONE}", "None of these is held by that consumer"),
        ("?id=1-0@some.other.stream@one", "None of these is held by that consumer"),
        ("?id=" + ",".join(map(str, range(101))), "101 were selected"),
    ],
)
def test_what_cannot_be_done_is_told_before_it_is_asked(
    bus: Bus, operator: Client, chosen: str, sentence: str
) -> None:
    assert sentence in read(operator, HAND_BACK + chosen)
