from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from events import BusUnavailable, presence
from events.presence import Heartbeat, process_name
from tests.bus_fixture import Bus


class Watch:
    """A clock the test sets."""

    def __init__(self) -> None:
        self.at_s = 1_000.0

    def monotonic(self) -> float:
        return self.at_s


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(presence, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def test_a_heartbeat_says_who_beats(bus: Bus) -> None:
    heartbeat = Heartbeat("worker", ["testers"])

    assert heartbeat.beat_if_due(in_flight=3, handled=2, retried=1, dead=4) is True

    (alive,) = bus.transport.presence.alive()
    assert (alive.name, alive.kind, alive.groups) == (heartbeat.name, "worker", ("testers",))
    assert (alive.host, alive.pid) == (socket.gethostname(), os.getpid())
    assert (alive.in_flight, alive.handled, alive.retried, alive.dead) == (3, 2, 1, 4)
    assert alive.started_at <= alive.beat_at


def test_a_heartbeat_is_sent_when_it_is_due(bus: Bus, watch: Watch) -> None:
    heartbeat = Heartbeat("worker")

    sent = []
    for seconds in (0.0, 4.9, 0.1, 4.9, 0.1):
        watch.at_s += seconds
        sent.append(heartbeat.beat_if_due())

    assert sent == [True, False, True, False, True]


def test_the_rate_is_what_was_handled_since_the_last_beat(bus: Bus, watch: Watch) -> None:
    heartbeat = Heartbeat("worker")
    heartbeat.beat_if_due(handled=1_000)
    watch.at_s += 10

    heartbeat.beat_if_due(handled=1_025)

    (alive,) = bus.transport.presence.alive()
    assert alive.rate_per_s == 2.5


def test_the_first_beat_claims_no_rate(bus: Bus, watch: Watch) -> None:
    Heartbeat("worker").beat_if_due(handled=1_000)

    (alive,) = bus.transport.presence.alive()
    assert alive.rate_per_s == 0.0


def test_a_process_that_begins_to_drain_says_so_at_once(bus: Bus, watch: Watch) -> None:
    heartbeat = Heartbeat("worker")
    heartbeat.beat_if_due()
    watch.at_s += 0.1

    assert heartbeat.beat_if_due(draining=True) is True
    assert heartbeat.beat_if_due(draining=True) is False

    (alive,) = bus.transport.presence.alive()
    assert alive.draining is True


def test_a_beat_that_did_not_get_through_is_still_due(bus: Bus, watch: Watch) -> None:
    heartbeat = Heartbeat("worker")
    heartbeat.beat_if_due()
    watch.at_s += 0.1
    bus.memory.down = "test"
    with pytest.raises(BusUnavailable):
        heartbeat.beat_if_due(draining=True)
    bus.memory.down = ""

    assert heartbeat.beat_if_due(draining=True) is True


def test_a_process_that_leaves_is_gone_at_once(bus: Bus) -> None:
    heartbeat = Heartbeat("worker")
    heartbeat.beat_if_due()

    heartbeat.leave()

    assert bus.transport.presence.alive() == ()


def test_a_process_not_heard_of_for_long_is_gone(bus: Bus) -> None:
    heartbeat = Heartbeat("worker")
    heartbeat.beat_if_due()

    bus.clock.advance(29)
    assert [alive.name for alive in bus.transport.presence.alive()] == [heartbeat.name]
    bus.clock.advance(2)
    assert bus.transport.presence.alive() == ()


@pytest.mark.parametrize(("kind", "faults"), [("worker", "reject:0.5"), ("web", "")])
def test_only_workers_tell_of_injected_faults(
    bus: Bus, settings: Settings, kind: str, faults: str
) -> None:
    settings.ASTRA = {**settings.ASTRA, "faults": "reject:0.5"}

    Heartbeat(kind).beat_if_due()

    (alive,) = bus.transport.presence.alive()
    assert alive.faults == faults


def test_a_process_has_another_name_at_every_start() -> None:
    names = {process_name() for _ in range(20)}

    assert len(names) == 20
    assert all(name.startswith(f"{socket.gethostname()}:{os.getpid()}:") for name in names)
