"""Removing consumers of processes that are gone."""

from __future__ import annotations

from events import transport
from events.audit import Actor, record
from events.errors import Refused
from events.operations.mending import answering, pairs_of, recorded
from events.operations.permissions import check_operator, check_reason
from events.operations.sets import declared
from events.store import writing
from events.transport.base import RELEASED


def remove_consumer(actor: Actor, group: str, consumer: str, reason: str) -> None:
    """Remove a consumer from all streams of its group.

    Raises Refused, and removes nothing that holds entries, when the actor may not, no reason is
    given, there is no such consumer, it still holds entries, its process is alive, or the bus does
    not answer.
    """
    check_operator(actor, "remove consumers")
    check_reason(reason, "consumer's removal")
    found = declared(group)
    if consumer == RELEASED:
        raise Refused(f"{RELEASED} is no process: it holds what was handed back, and stays.")
    with answering("remove a consumer"):
        bus = transport.hasty()
        if consumer in {worker.name for worker in bus.presence.alive()}:
            raise Refused(f"The process {consumer} is alive: stop it, and it removes itself.")
        places = [one for one in bus.inspector.consumers(pairs_of(found)) if one.name == consumer]
        if not places:
            raise Refused(f"The group {group} has no consumer {consumer}.")
        _check_empty(consumer, sum(place.pending for place in places))
    with writing():
        record(actor, "groups.remove-consumer", consumer, reason.strip(), group=group)
    with recorded("remove a consumer"):
        for place in places:
            if not bus.streams.remove_consumer(place.stream, group, consumer):
                _check_empty(consumer, 1)


def _check_empty(consumer: str, pending: int) -> None:
    if pending:
        raise Refused(
            f"The consumer {consumer} still holds {pending:,} of the group's entries: wait until"
            " they are taken over, or hand them back first."
        )
