"""Retries that wait: run now, or given up."""

from __future__ import annotations

import time
from collections.abc import Sequence

from events import transport
from events.audit import Actor, record
from events.dead_letters import Burial, bury
from events.errors import Refused
from events.failures import fingerprint
from events.groups import Group
from events.models import DeadLetter
from events.operations.mending import (
    Mended,
    afterwards,
    answering,
    check_number,
    names,
    pairs_of,
    recorded,
)
from events.operations.permissions import check_operator, check_reason, check_size
from events.operations.sets import declared
from events.store import writing
from events.transport.mending import WaitingRetry
from events.validation import understandable


def run_retries_now(actor: Actor, group: str, event_ids: Sequence[str]) -> Mended:
    """Make waiting retries due at once; what came of each, by event id.

    It uses up the attempt that was to come later. Where a worker of the group is alive they are
    woken at once, else by the first that comes. One that waits no more, because it ran meanwhile,
    is left. Raises Refused, and changes nothing, when the actor may not, when none waits any more
    or the bus does not answer. Doing it twice does nothing more.
    """
    wanted = tuple(dict.fromkeys(event_ids))
    check_operator(actor, "run retries now")
    check_number(len(wanted), "retries", "run")
    check_size(actor, len(wanted), "run")
    found = declared(group)
    with answering("run retries now"):
        there = _waiting(found, wanted, "run")
    with writing():
        record(actor, "retries.run", f"{names(_ids(there))} of {group}", group=group,
               events=_ids(there))  # fmt: skip
    with recorded("run retries now"):
        _hasten(found, there)
    return _mended(wanted, _ids(there))


def give_up_retries(actor: Actor, group: str, event_ids: Sequence[str], reason: str) -> Mended:
    """Make dead letters of waiting retries, as if they had failed for the last time; what came of
    each, by event id.

    The letters and the audit row are committed first, then the retries are taken away: whatever
    ends in between, an event with a letter is not run again. One that waits no more is left. Raises
    Refused, and changes nothing, when the actor may not, no reason is given, none waits any more or
    the bus does not answer.
    """
    wanted = tuple(dict.fromkeys(event_ids))
    check_operator(actor, "give up retries")
    check_reason(reason, "retry that is given up")
    check_number(len(wanted), "retries", "give up")
    check_size(actor, len(wanted), "give up")
    found = declared(group)
    with answering("give up retries"):
        there = _waiting(found, wanted, "give up")
    with writing():
        for retry in there:
            _bury(found, retry, actor, reason.strip())
        record(actor, "retries.give-up", f"{names(_ids(there))} of {group}", reason.strip(),
               group=group, events=_ids(there))  # fmt: skip
    # From here on whoever is given one of them finds its letter, and settles it.
    # One that was woken meanwhile is met by its letter, too.
    with afterwards("retries that were given up still wait"):
        transport.current().mending.take_away(there)
    return _mended(wanted, _ids(there))


def _waiting(group: Group, wanted: Sequence[str], verb: str) -> list[WaitingRetry]:
    inspector = transport.current().inspector
    found = inspector.waiting_retries(pairs_of(group), len(wanted), wanted)
    if not found:
        raise Refused(
            f"None of these waits for a retry of {group.name} any more: there is nothing to {verb}."
        )
    return found


def _hasten(group: Group, retries: Sequence[WaitingRetry]) -> None:
    bus, at = transport.hasty(), time.time()
    awake = any(group.name in worker.groups for worker in bus.presence.alive())
    for stream in dict.fromkeys(retry.stream for retry in retries):
        ids = [retry.event_id for retry in retries if retry.stream == stream]
        bus.mending.hasten(stream, group.name, ids, at)
        if awake:  # else they stay where they can still be given up
            bus.streams.promote(stream, group.name, at)


def _bury(group: Group, retry: WaitingRetry, actor: Actor, reason: str) -> None:
    event = understandable(retry.body)
    last = retry.failures[-1] if retry.failures else None
    handlers = [one.name for one in group.handlers if event is not None and one.wants(event)]
    error = last.error if last else "GivenUp"
    written = bury(
        Burial(
            group=group.name,
            delivery=retry.delivery,
            event=event,
            kind=DeadLetter.Kind.EXHAUSTED,
            error_class=error,
            message=last.message if last else "it was given up before any attempt",
            traceback="",
            fingerprint=fingerprint(error, ", ".join(handlers), ""),
            handlers=handlers,
            failures=retry.failures,
            worker=last.worker if last else "",
        )
    )
    if written and event is not None:
        letters = DeadLetter.objects.filter(group_name=group.name, event_id=event.event_id, note="")
        letters.update(note=f"given up by {actor.name}: {reason}")


def _ids(retries: Sequence[WaitingRetry]) -> list[str]:
    return list(dict.fromkeys(retry.event_id for retry in retries))


def _mended(wanted: Sequence[str], done: Sequence[str]) -> Mended:
    return Mended(tuple(done), tuple(one for one in wanted if one not in done))
