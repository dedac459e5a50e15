"""Moving a group: what is shown, what is delivered, what is skipped, and the way back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pytest_django import Settings

from events import Context, Event, relay, transport
from events.conf import bus_settings
from events.envelope import now
from events.groups import Group, set_up
from events.models import AuditEntry, HandledEvent, Operation, PausedGroup, StoredEvent
from events.operations import (
    Actor,
    Refused,
    Way,
    advance_operations,
    move_group,
    pause,
    pause_group,
    resume_group,
    undo_move,
)
from events.presence import Heartbeat
from events.queries import group_move
from events.queries.group_move import MovePreview, position_of
from events.queries.outcomes import outcomes_of
from events.queries.recorded import Recorded
from events.queries.skips import spans
from events.reconciler import reconcile
from events.transport import redis
from events.transport.base import Transport
from events.transport.moving import Standing
from events.worker import Worker
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.test_worker import STREAM
from tests.servers import BusServer
from tests.waiting import eventually

GroupOf = Callable[..., Group]

OLGA = Actor("olga", "console", may_operate=True)
AGAIN = replace(OLGA, stepped_up=True)
GROUP = "testers"


class Counting:
    """A handler that counts what it is given."""

    def __init__(self) -> None:
        self.seen: Counter[UUID] = Counter()

    def handle(self, event: Event, context: Context) -> None:
        self.seen[event.event_id] += 1


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def group(counting: Counting, group_of: GroupOf) -> Group:
    return group_of(counting.handle)


@pytest.fixture(params=["memory", "valkey"])
def on(request: pytest.FixtureRequest, bus: Bus) -> Iterator[Transport]:
    """The bus in memory, then a server."""
    if request.param == "memory":
        yield bus.transport
        return
    server: BusServer = request.getfixturevalue("valkey_server")
    opened = redis.open_transport(replace(bus_settings(), redis_url=server.url))
    relay.reopen()
    with transport.using(opened):
        yield opened
    redis.close_transport(opened)


def published(bus: Bus, count: int) -> list[UUID]:
    events = [trade() for _ in range(count)]
    bus.publish(*events)
    return [event.event_id for event in events]


def drain(group: Group) -> int:
    return Worker([group]).run_once()


def shown(to: str) -> MovePreview:
    found = group_move.preview(GROUP, to)
    assert found is not None
    return found


def move(to: str, actor: Actor = AGAIN) -> Operation:
    """Move the group as the page shows it."""
    ways = [Way.of(step) for step in shown(to).moving]
    return move_group(actor, GROUP, ways, "the ledger was wrong", to)


def standing() -> Standing:
    return transport.current().moving.standing(STREAM, GROUP, 100)


def lag(on: Transport) -> int | None:
    places = on.inspector.streams([STREAM])[STREAM].groups
    return next(place.lag for place in places if place.name == GROUP)


def another_millisecond() -> None:
    """Entries carry the server's: what comes next is told apart from what was there before."""
    at = int(time.time() * 1_000)
    eventually(lambda: int(time.time() * 1_000) > at + 1, 5, "the clock goes on")


def figures(preview: MovePreview) -> tuple[int, int, int, bool]:
    return preview.skipped, preview.again, preview.known, preview.capped


def test_moving_back_delivers_exactly_those_skips_what_is_known_and_is_undone(
    on: Transport, bus: Bus, group: Group, counting: Counting, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "lease_s": 0.03}  # the pace at which it sweeps
    set_up(on.streams, [group])
    old = published(bus, 3)
    another_millisecond()
    since = now()
    another_millisecond()
    late = published(bus, 5)
    assert drain(group) == 8
    forgotten = late[:2]
    HandledEvent.objects.filter(event_id__in=forgotten).delete()
    held = published(bus, 2)
    on.streams.read(GROUP, "gone:1:a", group.streams, 10, 0)  # by a worker that died
    waiting = published(bus, 1)
    pause_group(OLGA, GROUP, "to move it")
    before = standing()
    assert len(before.pending) == 2

    preview = shown(since.isoformat())
    operation = move(since.isoformat())

    assert figures(preview) == (0, 7, 3, False)
    assert (operation.state, operation.kind, preview.refused) == ("done", "move", "")
    assert standing().position != before.position
    assert lag(on) == 8
    resume_group(OLGA, GROUP, "go on")
    drain(group)
    assert [counting.seen[one] for one in old] == [1, 1, 1]
    assert [counting.seen[one] for one in late] == [2, 2, 1, 1, 1]
    assert [counting.seen[one] for one in (*held, *waiting)] == [1, 1, 1]
    assert standing().pending == ()

    pause_group(OLGA, GROUP, "to move it back")
    undone = undo_move(AGAIN, operation.pk, "it was no good")

    assert standing() == before
    assert lag(on) == 1
    assert (undone.details["undone"]["gone"], undone.state) == (0, "done")
    resume_group(OLGA, GROUP, "go on")
    drain(group)
    eventually(lambda: drain(group) + 1 and standing().pending == (), what="it is swept")
    assert max(counting.seen[one] for one in (*held, *waiting)) == 1
    told = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert [one for one in told if "move" in one] == ["group.move", "group.undo-move"]


def test_what_a_group_was_moved_past_is_not_taken_for_lost(
    bus: Bus, group: Group, counting: Counting, settings: Settings
) -> None:
    settings.ASTRA = {**settings.ASTRA, "reconcile_after_s": 0.0}
    first = published(bus, 2)
    drain(group)
    reconcile()
    skipped = published(bus, 4)
    pause_group(OLGA, GROUP, "to skip what nobody wants")

    assert figures(shown("end")) == (4, 0, 0, False)
    operation = move("end")
    resume_group(OLGA, GROUP, "go on")
    assert reconcile() == 0
    drain(group)
    assert [counting.seen[one] for one in (*first, *skipped)] == [1, 1, 0, 0, 0, 0]
    late = [Recorded.of(row) for row in StoredEvent.objects.filter(event_id__in=skipped)]
    told = outcomes_of(late, now() + timedelta(minutes=1))
    assert {told.get(one, GROUP).because for one in skipped} == {  # type: ignore[union-attr]
        "an operator has moved the group past it"
    }

    pause_group(OLGA, GROUP, "they were wanted")
    undo_move(AGAIN, operation.pk, "they were wanted")
    resume_group(OLGA, GROUP, "go on")
    drain(group)
    assert [counting.seen[one] for one in skipped] == [1, 1, 1, 1]


def test_what_is_skipped_in_the_end_follows_from_all_moves_in_their_order() -> None:
    def steps(before: str, after: str) -> dict[str, object]:
        return {"steps": [{"stream": "s", "before": before, "after": after}]}

    forward, back = ("g", steps("5-0", "9-0")), ("g", steps("9-0", "7-0"))
    place = ("s", "g")

    assert spans([forward])[place] == (((5, 0), (9, 0)),)
    assert spans([forward, back])[place] == (((5, 0), (7, 0)),)
    assert spans([forward, ("g", {**back[1], "undone": {}})])[place] == (((5, 0), (9, 0)),)
    assert spans([("g", {**forward[1], "undone": {}}), back]) == {place: ()}


@pytest.mark.parametrize(
    ("actor", "reason", "paused", "told"),
    [
        (Actor("victor", "console"), "x", True, "needs the role operator"),
        (OLGA, "x", True, "Give your password again to move testers"),
        (AGAIN, " ", True, "a move needs a reason"),
        (AGAIN, "x", False, "testers is not paused: its workers would read on"),
    ],
)
def test_who_may_not_and_what_runs_is_refused_and_nothing_moves(
    bus: Bus, group: Group, actor: Actor, reason: str, paused: bool, told: str
) -> None:
    published(bus, 2)
    drain(group)
    before = standing()
    if paused:
        pause_group(OLGA, GROUP, "to move it")
    ways = [Way.of(step) for step in shown("start").moving]

    with pytest.raises(Refused, match=told):
        move_group(actor, GROUP, ways, reason, "start")

    assert (standing(), Operation.objects.count()) == (before, 0)


def test_a_worker_that_still_finishes_or_holds_something_keeps_it_from_moving(
    bus: Bus, group: Group
) -> None:
    published(bus, 2)
    worker = Heartbeat("worker", [GROUP])
    bus.transport.streams.read(GROUP, worker.name, group.streams, 1, 0)
    pause_group(OLGA, GROUP, "to move it")
    worker.beat_if_due()

    assert f"1 of 1 worker of testers still finish what was begun: {worker.name}" in (
        shown("start").refused
    )
    worker.beat_if_due(paused=(GROUP,))
    assert f"The worker {worker.name} still holds 1 entry of testers" in shown("start").refused
    with pytest.raises(Refused, match="still holds 1 entry"):
        move("end")
    worker.leave()
    assert shown("start").refused == ""


def test_what_is_moved_is_what_was_shown(bus: Bus, group: Group) -> None:
    published(bus, 2)
    pause_group(OLGA, GROUP, "to move it")
    old = [Way.of(step) for step in shown("end").moving]
    published(bus, 1)

    move_group(AGAIN, GROUP, old, "skip two", "end")

    assert figures(shown("end")) == (1, 0, 0, False)
    with pytest.raises(Refused, match="look again before you move it"):
        move_group(AGAIN, GROUP, old, "skip two", "end")
    (way,) = (Way.of(step) for step in shown("end").moving)
    for after in ("9999999999999-0", "x", "5", "-1-0"):
        with pytest.raises(Refused, match="is no entry testers can be moved to"):
            move_group(AGAIN, GROUP, [replace(way, after=after)], "far", "end")
    with pytest.raises(Refused, match="does not read the stream other"):
        move_group(AGAIN, GROUP, [replace(way, stream="other")], "far", "end")
    with pytest.raises(Refused, match="stands there already"):
        move_group(AGAIN, GROUP, [], "nothing", "end")


def test_a_move_is_undone_once_and_the_latest_first(bus: Bus, group: Group) -> None:
    published(bus, 3)
    pause_group(OLGA, GROUP, "to move it")
    first, second = move("end"), move("start")

    with pytest.raises(Refused, match=f"moved again by operation {second.pk}: undo that one first"):
        undo_move(AGAIN, first.pk, "back")
    with pytest.raises(Refused, match="Give your password again"):
        undo_move(OLGA, second.pk, "back")
    undo_move(AGAIN, second.pk, "back")
    with pytest.raises(Refused, match="was undone already, by olga"):
        undo_move(AGAIN, second.pk, "back")
    undo_move(AGAIN, first.pk, "back")

    assert standing() == Standing("0-0", ())
    assert AuditEntry.objects.filter(action="group.undo-move").count() == 2
    with pytest.raises(Refused, match="there is nothing to pause"):
        pause(AGAIN, first.pk)
    PausedGroup.objects.all().delete()
    with pytest.raises(Refused, match="is no move of a group"):
        undo_move(AGAIN, 4_711, "back")


def test_a_bus_that_goes_away_half_way_leaves_a_move_that_can_be_undone(
    bus: Bus, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(bus, 2)
    pause_group(OLGA, GROUP, "to move it")
    ways = [Way.of(step) for step in shown("end").moving]

    def away(*given: object) -> None:
        bus.memory.down = "test"
        transport.current().inspector.server()

    with monkeypatch.context() as patch:
        patch.setattr(bus.memory, "move", away)
        operation = move_group(AGAIN, GROUP, ways, "skip", "end")
    assert (operation.state, "half way" in operation.state_reason) == ("stopped", True)
    bus.memory.down = ""
    advance_operations()

    operation.refresh_from_db()
    assert operation.state == "stopped"
    assert undo_move(AGAIN, operation.pk, "back").details["undone"]["gone"] == 0


def test_more_than_is_counted_is_told_as_more(
    bus: Bus, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_move, "MOST_COUNTED", 5)
    monkeypatch.setattr(group_move, "LOOKED_UP", 2)
    published(bus, 7)
    drain(group)

    assert figures(shown("start")) == (0, 5, 5, True)


@pytest.mark.parametrize(
    ("to", "position"),
    [
        ("start", (0, 0)),
        ("1700000000000-5", (1_700_000_000_000, 4)),
        ("1700000000000-0", (1_699_999_999_999, 2**64 - 1)),
        ("2023-11-14T22:13:20Z", (1_699_999_999_999, 2**64 - 1)),
        ("2023-11-14 22:13:20", (1_699_999_999_999, 2**64 - 1)),
        ("2023-11-14T23:13:20+01:00", (1_699_999_999_999, 2**64 - 1)),
    ],
)
def test_a_place_is_said_in_several_ways(to: str, position: tuple[int, int]) -> None:
    assert position_of(to, now()) == position


def test_so_long_ago_is_a_place_and_nonsense_is_refused() -> None:
    at = now()

    assert position_of("10m", at) == position_of((at - timedelta(minutes=10)).isoformat(), at)
    for nonsense in ("", "yesterday", "10", "10y", "0001-01-01", "-5-1", "9" * 30):
        if nonsense != "0001-01-01":
            with pytest.raises(Refused, match="is no place to move to"):
                position_of(nonsense, at)
    assert position_of("0001-01-01", at) == (0, 0)
