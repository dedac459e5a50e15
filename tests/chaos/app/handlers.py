from __future__ import annotations

import os
import time
from collections.abc import Sequence

from events import Context, Event, Reject, Retry, handles
from tests.chaos.app.models import Effect

ATTEMPTS = os.environ["CHAOS_ATTEMPTS"]
"""File of every attempt: a rollback does not take its lines back, a kill neither."""

HANG_S = 3_600


@handles(
    "Chaos.ThingAsked",
    group="chaos_single",
    says=("Chaos.ThingDone",),
    timeout_s=2,
    max_retries=1,
    retry_delay_s=0.2,
)
def do_one(event: Event, context: Context) -> None:
    _attempted("chaos_single", event)
    _suffer(event.data["poison"])
    _effect("chaos_single", event)
    context.caused("Chaos.ThingDone", {"number": event.data["number"]})


@handles("Chaos.ThingAsked", group="chaos_batch", batch=True)
def do_many(events: Sequence[Event], contexts: Sequence[Context]) -> None:
    _attempted("chaos_batch", *events)
    _effect("chaos_batch", *events)


@handles("Chaos.ThingAsked", group="chaos_retrying", retry_delay_s=0.2)
def do_at_the_second_try(event: Event, context: Context) -> None:
    _attempted("chaos_retrying", event)
    if event.data["number"] % 10 == 0 and context.attempt == 1:
        raise Retry("not yet", delay_s=0.2)
    _effect("chaos_retrying", event)


@handles("Chaos.ThingDone", group="chaos_following")
def follow(event: Event, context: Context) -> None:
    _attempted("chaos_following", event)
    _effect("chaos_following", event)


@handles("Chaos.ThingDone", group="chaos_outside", external=True)
def call_outside(event: Event, context: Context) -> None:
    """Its call is the attempt; it is made at least once, and counted once in the inbox."""
    _attempted("chaos_outside", event)


def _suffer(poison: str) -> None:
    if poison == "raise":
        raise Reject("this one is poison")
    if poison == "exit":
        os._exit(13)
    if poison == "abort":
        os.abort()
    ends_at = time.monotonic() + HANG_S
    while poison == "hang" and time.monotonic() < ends_at:
        time.sleep(0.05)  # in Python, where it can be stopped


def _attempted(group: str, *events: Event) -> None:
    lines = "".join(f"{event.event_id} {group} {os.getpid()}\n" for event in events)
    file = os.open(ATTEMPTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, lines.encode())
    finally:
        os.close(file)


def _effect(group: str, *events: Event) -> None:
    Effect.objects.bulk_create(
        Effect(event_id=event.event_id, group_name=group) for event in events
    )
