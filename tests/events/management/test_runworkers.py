"""``manage.py runworkers``: its options, ``--once`` and its signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from events import publish, relay
from events.management.commands import runworkers
from events.management.commands.runworkers import stop_on_signal, worker_command
from events.models import HandledEvent, StoredEvent
from tests.bus_fixture import Bus
from tests.events.conftest import trade
from tests.events.management.commanding import run
from tests.failing import no_bus
from tests.waiting import eventually


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """The test may change what signals do."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers_of() -> set[str]:
    """Groups that have handled anything."""
    return set(HandledEvent.objects.values_list("group__name", flat=True))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--groups", "nobody"], "no group is called 'nobody'; declared are "),
        (["--groups", "revenue_trackers,nobody"], "no group is called 'nobody'"),
        (["--domains", "weather"], "no group belongs to 'weather'; domains are analytics, "),
        (["--processes", "0"], "--processes: '0' is not a number from 1 to 256"),
        (["--processes", "-1"], "'-1' is not a number from 1"),
        (["--processes", "two"], "'two' is not a number from 1"),
        (["--threads", "0"], "--threads: '0' is not a number from 1 to 256"),
        (["--drain-timeout", "-1"], "'-1' is not a number of seconds from 0 to 3600"),
        (["--drain-timeout", "soon"], "'soon' is not a number of seconds"),
        (["--reload"], "--once ends by itself"),
        (["--processes", "2"], "--once ends by itself"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_sentence(
    bus: Bus, options: list[str], sentence: str
) -> None:
    ran = run("runworkers", "--once", *options)

    assert ran.status == 1
    assert sentence in ran.out


def test_a_bus_that_only_this_process_has_is_not_shared_out(bus: Bus) -> None:
    ran = run("runworkers", "--processes", "2")

    assert ran.status == 1
    assert "ASTRA_TRANSPORT=memory is a bus within one process" in ran.out


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, []),
        ({"threads": 3}, ["--threads", "3"]),
        ({"groups": "a,b", "domains": "c"}, ["--groups", "a,b", "--domains", "c"]),
        ({"drain_timeout": 0.0}, ["--drain-timeout", "0.0"]),
    ],
)
def test_a_child_is_given_what_was_chosen(chosen: dict[str, Any], words: list[str]) -> None:
    nothing = {"groups": "", "domains": "", "threads": None, "drain_timeout": None}

    command = worker_command({**nothing, **chosen})

    assert list(command[2:]) == ["runworkers", "--no-supervisor", *words]


def test_once_works_through_what_is_there_and_ends(bus: Bus) -> None:
    publish(trade())

    ran = run("runworkers", "--once")

    assert ran.status == 0
    assert ran.out.endswith(f"deliveries handled by {len(bus.groups)} groups.\n")
    assert {"revenue_trackers", "gamification_xp_processors"} <= handlers_of()
    assert run("runworkers", "--once").out.startswith("0 deliveries")


def test_once_follows_a_chain_to_its_end(bus: Bus) -> None:
    publish(trade())

    run("runworkers", "--once")

    assert bus.events("Gamification.XPGained")
    assert bus.drain() == 0


def test_once_relays_what_waits_in_sql(bus: Bus) -> None:
    with no_bus(bus):
        publish(trade())
    relay.reopen()
    StoredEvent.objects.update(stored_at=trade().occurred_at - timedelta(minutes=1))

    run("runworkers", "--once")

    assert "revenue_trackers" in handlers_of()


def test_once_sets_up_what_is_missing(bus: Bus) -> None:
    bus.memory._streams.clear()
    bus.memory._retry.clear()
    publish(trade())

    ran = run("runworkers", "--once")

    assert ran.status == 0
    assert "revenue_trackers" in handlers_of()


def test_once_takes_over_what_a_stopped_worker_handed_back(bus: Bus) -> None:
    publish(trade())
    streams = bus.transport.streams
    given = streams.read("revenue_trackers", "stopped", [trade().get_stream_name()], 10, 0)
    streams.release("revenue_trackers", "stopped", given)

    ran = run("runworkers", "--once", "--groups", "revenue_trackers")

    assert ran.out == "1 deliveries handled by 1 groups.\n"
    assert handlers_of() == {"revenue_trackers"}


def test_only_the_groups_that_were_chosen_run(bus: Bus) -> None:
    publish(trade())

    ran = run("runworkers", "--once", "--groups", "revenue_trackers, trading_internal")

    assert ran.out == "2 deliveries handled by 2 groups.\n"
    assert handlers_of() == {"revenue_trackers", "trading_internal"}


def test_a_group_chosen_twice_runs_once(bus: Bus) -> None:
    names = "revenue_trackers,revenue_trackers"

    ran = run("runworkers", "--once", "--groups", names, "--domains", "financial,financial")

    financial = [group for group in bus.groups if group.domain == "financial"]
    assert ran.out == f"0 deliveries handled by {len(financial)} groups.\n"


def test_only_the_groups_of_a_domain_that_was_chosen_run(bus: Bus) -> None:
    publish(trade())

    run("runworkers", "--once", "--domains", "financial")

    financial = {group.name for group in bus.groups if group.domain == "financial"}
    assert "revenue_trackers" in handlers_of()
    assert handlers_of() <= financial


def test_without_the_bus_once_says_that_nothing_could_be_read(bus: Bus) -> None:
    with no_bus(bus):
        ran = run("runworkers", "--once")

    assert ran.status == 1
    assert ran.out.startswith("Nothing could be read: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_to_drain_and_the_second_ends_at_once(
    usual_signals: None, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def end(status: int) -> None:
        raise SystemExit(status)

    asked: list[str] = []
    monkeypatch.setattr(runworkers.os, "_exit", end)
    stop_on_signal(lambda: asked.append("drain"))

    os.kill(os.getpid(), number)
    eventually(lambda: asked, what="it is asked to drain")
    with pytest.raises(SystemExit) as ended:
        signal_and_wait(number)

    assert (asked, ended.value.code) == (["drain"], 128 + number)


def signal_and_wait(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    eventually(lambda: False, what="it ends")
