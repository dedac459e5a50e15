"""What is measured. Each measure gives rates or values, our side and the floor's in turn."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connection

from events import publish, publish_direct, transport
from events.conf import bus_settings
from events.envelope import Event
from events.errors import ConfigurationError
from events.groups import group, set_up
from events.management.bench.events import NAME
from events.management.bench.floor import Floor
from events.management.bench.handlers import seen
from events.models import StoredEvent
from events.transport.base import Append
from events.worker import Worker

STREAM = "astra.bench.trademade.v1"
PUBLISH_BATCH = 100
LONE = 500
"""Events published one by one in each round, to see how long that takes."""
DIRECT_BATCH = 500
REWRITTEN_WITHIN_S = 120.0

LONG = 2_000_000
"""Entries of the long stream."""

TIMES = 5
"""How often the same is measured where the sides cannot take turns."""


@dataclass
class Round:
    """One turn of a measure: events a second (or the unit its name says), by side."""

    values: dict[str, float] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)


Measure = Callable[[int, int], Iterator[Round]]
"""Takes how many events and how many rounds."""


def direct(events: int, rounds: int) -> Iterator[Round]:
    """`publish_direct`, from raw payloads: validated, duplicate-suppressed; beside it the same
    validation with a plain append, and a plain append of bytes that are ready-made."""
    floor = Floor()
    payloads = floor.payloads(events)
    ready = [floor.validated(payload) for payload in payloads]
    _publish_direct(payloads[:DIRECT_BATCH])
    for _ in range(rounds):
        made = [Event.new(NAME, payload) for payload in payloads]
        # What is held for the next rounds is the bench's, not the work's: no side pays for looking
        # through it for garbage.
        gc.collect()
        gc.freeze()
        yield Round(
            {
                "ours": _rate(events, lambda: _publish_direct(payloads)),
                "validate and append": _rate(events, lambda: floor.publish(payloads)),
                "ours, events ready-made": _rate(events, partial(_direct_of, made)),
                "append ready-made bytes": max(
                    _rate(events, lambda: floor.append_by_script(ready)),
                    _rate(events, lambda: floor.append_by_pipeline(ready)),
                ),
            }
        )
        floor.client.xtrim(STREAM, maxlen=0)
        floor.client.delete("floor")


def consume(events: int, rounds: int) -> Iterator[Round]:
    """A no-op handler, its payload validated, through the real worker; beside it a plain loop."""
    floor = Floor()
    chosen = group("bench_noop")
    set_up(transport.current().streams, [chosen])
    floor.client.xgroup_create(STREAM, "floor", "0")
    for _ in range(rounds):
        _fill(events)
        before = seen["bench_noop"]
        ours = _handled("bench_noop", events)
        yield Round(
            {
                "ours": ours,
                "handled again": (seen["bench_noop"] - before) / events - 1,
                "count 1000, validate, one XACK": _rate(
                    events, lambda: floor.consume(STREAM, "floor", events)
                ),
            }
        )


def durable(events: int, rounds: int) -> Iterator[Round]:
    """`publish` in batches of 100: into SQL, to the bus, marked; and how long a lone one takes."""
    payloads = Floor().payloads(events)

    def batches() -> None:
        for at in range(0, events, PUBLISH_BATCH):
            publish(*(Event.new(NAME, payload) for payload in payloads[at : at + PUBLISH_BATCH]))

    for _ in range(rounds):
        rate = _rate(events, batches)
        took_ms: list[float] = []
        for payload in payloads[:LONE]:
            began = time.perf_counter()
            publish(Event.new(NAME, payload))
            took_ms.append((time.perf_counter() - began) * 1_000)
        yield Round({"ours": rate}, took_ms)


def effects(events: int, rounds: int) -> Iterator[Round]:
    """A batch handler with effects once: one upsert a batch, one said event for each event."""
    yield from _handling("bench_batch", events, rounds)


def singles(events: int, rounds: int) -> Iterator[Round]:
    """A handler of single events: one row by the ORM and one said event each."""
    yield from _handling("bench_single", events, rounds)


def memory(events: int, rounds: int) -> Iterator[Round]:
    """Resident memory of a worker that handles events on and on: at half of them and at the end."""
    set_up(transport.current().streams, [group("bench_noop")])
    part = max(events // 10, 1)
    worker, stop = _started("bench_noop")
    sizes: list[float] = []
    try:
        for _ in range(10):
            _fill(part)
            _await("bench_noop", part)
            sizes.append(_resident_mb())
            _trim()
    finally:
        stop()
    yield Round(
        {"MB at half": sizes[4], "MB at the end": sizes[-1], "growth": sizes[-1] - sizes[4]}
    )
    del worker


def long(events: int, rounds: int) -> Iterator[Round]:
    """Publishing and consuming with many entries in the stream, beside the same with few."""
    chosen = group("bench_noop")
    entries = int(os.environ.get("BENCH_LONG", LONG))
    set_up(transport.current().streams, [chosen])
    for _ in range(rounds):
        # So many ids are remembered either way: an empty memory would be quicker.
        _fill(min(entries, bus_settings().seen_limit))
        _handled("bench_noop", min(entries, bus_settings().seen_limit))
        _trim()
        few = _publish_and_consume(events)
        _fill(entries)
        _handled("bench_noop", entries)
        _await_rewrite()
        many = _publish_and_consume(events)
        yield Round(
            {
                "publish, long stream": many[0],
                "publish, short stream": few[0],
                "consume, long stream": many[1],
                "consume, short stream": few[1],
            }
        )


MEASURES: Mapping[str, Measure] = {
    "direct": direct,
    "consume": consume,
    "publish": durable,
    "effects": effects,
    "singles": singles,
    "memory": memory,
    "long": long,
}


def chain_latencies_ms(published: Mapping[UUID, datetime]) -> list[float]:
    """From the call of `publish` to the last ProfileUpdated of each chain that has one."""
    rows = StoredEvent.objects.filter(
        event_type="User.ProfileUpdated", correlation_id__in=list(published)
    ).values_list("correlation_id", "stored_at")
    last: dict[UUID, datetime] = {}
    for correlation_id, stored_at in rows:
        last[correlation_id] = max(stored_at, last.get(correlation_id, stored_at))
    return [(at - published[number]).total_seconds() * 1_000 for number, at in last.items()]


def _rate(events: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return events / (time.perf_counter() - began)


def _publish_direct(payloads: list[dict[str, Any]]) -> None:
    for at in range(0, len(payloads), DIRECT_BATCH):
        publish_direct(*(Event.new(NAME, one) for one in payloads[at : at + DIRECT_BATCH]))


def _direct_of(events: list[Event]) -> None:
    for at in range(0, len(events), DIRECT_BATCH):
        publish_direct(*events[at : at + DIRECT_BATCH])


def _fill(events: int) -> None:
    floor = Floor()
    for at in range(0, events, 5_000):
        made = [Event.new(NAME, payload) for payload in floor.payloads(min(5_000, events - at))]
        transport.current().streams.append(
            [Append(STREAM, event.event_id, event.to_json()) for event in made]
        )


def _await_rewrite() -> None:
    """Until the server has rewritten its file: what was filled in has doubled it, and the rewrite
    takes a core of its own for some seconds, once. It belongs to neither side."""
    until = time.monotonic() + REWRITTEN_WITHIN_S
    while Floor().client.info("persistence").get("aof_rewrite_in_progress"):
        if time.monotonic() > until:
            raise ConfigurationError(
                "the bus server rewrites its file without end: look at its log"
            )
        time.sleep(0.2)


def _trim() -> None:
    Floor().client.xtrim(STREAM, maxlen=0)


def _handling(name: str, events: int, rounds: int) -> Iterator[Round]:
    set_up(transport.current().streams, [group(name)])
    for _ in range(rounds):
        _fill(events)
        yield Round({"ours": _handled(name, events)})


def _handled(name: str, events: int) -> float:
    """Start a worker on what is there; events a second until all are acknowledged."""
    before = seen[name]
    began = time.perf_counter()
    _, stop = _started(name)
    try:
        _await(name, events, before)
        took_s = time.perf_counter() - began
    finally:
        stop()
    return events / took_s


def _started(name: str) -> tuple[Worker, Callable[[], None]]:
    worker = Worker([group(name)], report=lambda line: None)
    thread = threading.Thread(target=worker.run)
    thread.start()

    def stop() -> None:
        worker.stop()
        thread.join()

    return worker, stop


def _await(name: str, events: int, before: int | None = None) -> None:
    """Until so many more were handled and nothing is pending."""
    goal = (seen[name] if before is None else before) + events
    while seen[name] < goal:
        if before is None and not _waiting(name):
            return
        time.sleep(0.005)
    while _waiting(name):
        time.sleep(0.005)


def _waiting(name: str) -> int:
    states = transport.current().inspector.streams([STREAM])[STREAM].groups
    return sum(state.pending + (state.lag or 0) for state in states if state.name == name)


def _publish_and_consume(events: int) -> tuple[float, float]:
    """Both rates, each the median of TIMES: the two lengths cannot take turns."""
    payloads = Floor().payloads(events)
    published: list[float] = []
    consumed: list[float] = []
    for _ in range(TIMES):
        published.append(_rate(events, lambda: _publish_direct(payloads)))
        consumed.append(_handled("bench_noop", events))
    return median(published), median(consumed)


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1_024
    return 0.0


def make_tables() -> None:
    """The tables of the bench's own models, in the database of the bench."""
    from events.management.bench.models import Entry, Volume

    with connection.schema_editor() as editor:
        editor.create_model(Volume)
        editor.create_model(Entry)
