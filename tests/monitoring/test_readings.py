from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

from django.utils import timezone

from events.queries.snapshot import Snapshot
from monitoring.readings import Readings
from tests.monitoring.snapshots import away, group, snapshot


class Bus:
    """Gives the snapshots it is told to give, and counts."""

    def __init__(self, *given: Snapshot) -> None:
        self.given = list(given)
        self.asked = 0

    def take(self) -> Snapshot:
        self.asked += 1
        return replace(self.given[min(self.asked, len(self.given)) - 1], at=timezone.now())


def test_pages_within_a_moment_share_one_snapshot() -> None:
    bus = Bus(snapshot(group()))
    readings = Readings(bus.take)

    assert readings.current(60) is readings.current(60)
    assert bus.asked == 1


def test_an_old_snapshot_is_taken_anew() -> None:
    bus = Bus(snapshot(group()))
    readings = Readings(bus.take)

    readings.current()
    readings.current(max_age_s=0)

    assert bus.asked == 2


def test_a_bus_that_did_not_answer_is_not_asked_by_every_page() -> None:
    bus = Bus(snapshot(group()), away(group()))
    readings = Readings(bus.take)

    seen = readings.current().at
    for _ in range(3):
        assert not readings.current(max_age_s=0).bus.reachable

    assert bus.asked == 2
    assert readings.bus_seen_at == seen


def test_while_one_thread_reads_the_others_get_the_last_snapshot() -> None:
    entered, go_on = Event(), Event()
    first = replace(snapshot(group()), at=timezone.now() - timedelta(minutes=1))
    answers = iter([first])

    def slow() -> Snapshot:
        for answer in answers:
            return answer
        entered.set()
        assert go_on.wait(5)
        return snapshot(group())

    readings = Readings(slow)
    readings.current()
    reader = Thread(target=readings.current)
    reader.start()
    assert entered.wait(5)

    other = readings.current()
    go_on.set()
    reader.join(5)

    assert other is first
