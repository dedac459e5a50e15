"""Entries that consumers hold: handed back, set aside, or, where they are gone, repaired."""

from __future__ import annotations

from collections.abc import Sequence

from events import transport
from events.audit import Actor, record
from events.dead_letters import Burial, bury
from events.envelope import now
from events.errors import BusRefused, BusUnavailable, Refused
from events.failures import fingerprint, storable
from events.groups import Group
from events.models import DeadLetter
from events.operations.mending import (
    Mended,
    afterwards,
    answering,
    check_number,
    names,
    recorded,
)
from events.operations.permissions import check_operator, check_reason, check_size
from events.operations.sets import declared
from events.queries.lost import Stored, stored_at
from events.queries.words import plural
from events.store import writing
from events.transport.base import Delivery, Failure, Handled, Redelivery
from events.transport.mending import Held, PendingEntry
from events.validation import understandable

SET_ASIDE = "SetAside"
"""Class of the error by which an operator ends what no worker has ended."""


def hand_back(actor: Actor, group: str, entries: Sequence[Held], reason: str) -> Mended:
    """Let the next sweep of any worker take entries over at once; what came of each, by its key.

    Only while the consumer that was shown still holds it; its starts are counted on. What that
    consumer runs at this moment goes on: the inbox lets one of the two count. Raises Refused, and
    changes nothing, when the actor may not, no reason is given, none is held so any more or the bus
    does not answer.
    """
    chosen = _chosen(actor, entries, reason, "hand back")
    found = declared(group)
    with answering("hand entries back"):
        there = [
            entry
            for entry, held in _held(found, chosen)
            if entry.delivery is not None and entry.held.consumer == held.consumer
        ]
        _check_any(there, f"is held by that consumer of {group} any more", "hand back")
    with writing():
        _record(actor, "pending.hand-back", group, there, reason)
    with recorded("hand entries back"):
        took = transport.hasty().mending.hand_back(group, [entry.held for entry in there])
    return _mended(chosen, [entry for entry, done in zip(there, took, strict=True) if done])


def bury_pending(actor: Actor, group: str, entries: Sequence[Held], reason: str) -> Mended:
    """Make dead letters of held entries, so that no worker is given them again; what came of each,
    by its key.

    Letters and audit row are committed first, then the entries are acknowledged: whatever ends in
    between, an event with a letter is not run again. What a worker has handled meanwhile gets no
    letter. Raises Refused, and changes nothing, when the actor may not, no reason is given, none is
    held so any more or the bus does not answer.
    """
    chosen = _chosen(actor, entries, reason, "set aside")
    found = declared(group)
    with answering("set entries aside"):
        there = [
            entry
            for entry, held in _held(found, chosen)
            if entry.delivery is not None and entry.held.consumer == held.consumer
        ]
        _check_any(there, f"is held by that consumer of {group} any more", "set aside")
    deliveries = [entry.delivery for entry in there if entry.delivery is not None]
    with writing():
        for entry, delivery in zip(there, deliveries, strict=True):
            _bury(found, entry, delivery, actor, reason.strip())
        _record(actor, "pending.dead-letter", group, there, reason)
    with afterwards("entries that were set aside are still held"):
        transport.current().streams.settle(group, [Handled(one) for one in deliveries])
    return _mended(chosen, there)


def repair_dangling(actor: Actor, group: str, entries: Sequence[Held], reason: str) -> Mended:
    """Acknowledge entries that are gone from their stream: they are what the group has lost, and
    the audit says so; what came of each, by its key.

    What the store still has, and the group has not finished, is given to the group again first, as
    a first delivery. The audit row is committed before: a loss is never forgotten. Raises Refused,
    and changes nothing, when the actor may not, no reason is given, none of them is lost or the bus
    does not answer.
    """
    chosen = _chosen(actor, entries, reason, "repair")
    found = declared(group)
    with answering("repair entries"):
        there = [entry for entry, _ in _held(found, chosen) if entry.delivery is None]
        _check_any(there, f"is held by {group} and gone from its stream", "repair")
    stored = stored_at(group, [entry.held for entry in there])
    again = {held: known for held, known in stored.items() if not known.settled}
    with writing():
        _record(
            actor,
            "pending.repair",
            group,
            there,
            reason,
            put_back=[str(known.event_id) for known in again.values()],
            lost=[entry.held.key for entry in there if entry.held not in stored],
        )
    try:
        bus = transport.current()
        bus.streams.redeliver(group, [_redelivery(held, known) for held, known in again.items()])
        bus.mending.drop_lost(group, [entry.held for entry in there])
    except (BusUnavailable, BusRefused) as error:
        raise Refused(
            f"The loss is in the audit, but not repaired: {error}. Repair it again."
        ) from error
    return _mended(chosen, there)


def _chosen(actor: Actor, entries: Sequence[Held], reason: str, verb: str) -> dict[str, Held]:
    """What was chosen by its key, each once; Refused where the actor may not."""
    chosen = {held.key: held for held in entries}
    check_operator(actor, f"{verb} what consumers hold")
    check_reason(reason, f"decision to {verb} what a consumer holds")
    check_number(len(chosen), "entries", verb)
    check_size(actor, len(chosen), verb)
    return chosen


def _held(group: Group, chosen: dict[str, Held]) -> list[tuple[PendingEntry, Held]]:
    """What is held now at each place that is one of the group's, with how it was shown."""
    places = [held for held in chosen.values() if held.stream in group.streams]
    found = transport.current().inspector.pending_at(group.name, places)
    return [(entry, held) for entry, held in zip(found, places, strict=True) if entry is not None]


def _check_any(found: Sequence[PendingEntry], what: str, verb: str) -> None:
    if not found:
        raise Refused(f"None of these {what}: there is nothing to {verb}. Look at the list again.")


def _record(
    actor: Actor,
    action: str,
    group: str,
    entries: Sequence[PendingEntry],
    reason: str,
    **details: object,
) -> None:
    keys = [entry.held.key for entry in entries]
    record(
        actor,
        action,
        f"{names([entry.held.entry_id for entry in entries])} of {group}",
        reason.strip(),
        group=group,
        entries=keys,
        events=[
            storable(entry.delivery.event_id) for entry in entries if entry.delivery is not None
        ],
        **details,
    )


def _bury(group: Group, entry: PendingEntry, delivery: Delivery, actor: Actor, reason: str) -> None:
    event = understandable(delivery.body)
    handlers = [one.name for one in group.handlers if event is not None and one.wants(event)]
    consumer = storable(entry.held.consumer)
    message = storable(
        f"set aside by {actor.name} while {consumer} held it, begun"
        f" {plural(entry.starts, 'time')}: {reason}"
    )
    bury(
        Burial(
            group=group.name,
            delivery=delivery,
            event=event,
            kind=DeadLetter.Kind.POISON,
            error_class=SET_ASIDE,
            message=message,
            traceback="",
            fingerprint=fingerprint(SET_ASIDE, ", ".join(handlers), ""),
            handlers=handlers,
            failures=(
                *delivery.failures,
                Failure(now().isoformat(), SET_ASIDE, message, consumer),
            ),
            worker=consumer,
        )
    )


def _redelivery(held: Held, known: Stored) -> Redelivery:
    return Redelivery(held.stream, str(known.event_id), known.body.encode(), asked=False)


def _mended(chosen: dict[str, Held], done: Sequence[PendingEntry]) -> Mended:
    """By the keys that were given: one that is gone may be held by another by now."""
    places = {(entry.held.stream, entry.held.entry_id, entry.held.retry) for entry in done}
    keys = [
        key for key, held in chosen.items() if (held.stream, held.entry_id, held.retry) in places
    ]
    return Mended(tuple(keys), tuple(key for key in chosen if key not in keys))
