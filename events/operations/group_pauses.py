"""Pausing a group: its workers neither read nor run until somebody says otherwise."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet

from events.audit import Actor, record
from events.envelope import now
from events.errors import Refused
from events.models import Operation, PausedGroup
from events.operations.permissions import check_operator, check_reason
from events.operations.sets import declared
from events.queries.moved import MOVE
from events.store import writing

MOVES_WITHIN = timedelta(minutes=1)
"""A move takes seconds; one that was begun longer ago has died on its way, and hinders nobody."""


def pause_group(actor: Actor, name: str, reason: str) -> PausedGroup:
    """Have every worker stop reading and running a group, once it has finished what runs.

    They know within about a second; presence tells which have come to rest. What they held and had
    not begun goes back to the bus, no attempt is counted. Raises Refused when the actor may not, no
    reason is given, nobody declares the group, or it is paused already.
    """
    check_operator(actor, "pause groups")
    check_reason(reason, "pause")
    declared(name, "there is nothing to pause")
    with writing():
        record(actor, "group.pause", name, reason.strip())  # whoever else does it waits here
        if found := PausedGroup.objects.filter(group_name=name).first():
            raise Refused(f"{name} is paused already, by {found.actor}: {found.reason}")
        return PausedGroup.objects.create(
            group_name=name,
            actor=actor.name,
            via=actor.via,
            reason=reason.strip(),
            paused_at=now(),
        )


def resume_group(actor: Actor, name: str, reason: str) -> None:
    """Let a paused group go on, where it stands. Raises Refused when the actor may not, no reason
    is given, it is not paused, or it is being moved at this moment."""
    check_operator(actor, "resume groups")
    check_reason(reason, "resume")
    with writing():
        record(actor, "group.resume", name, reason.strip())
        if not PausedGroup.objects.filter(group_name=name).delete()[0]:
            raise Refused(f"{name} is not paused: there is nothing to resume.")
        if pk := under_way(name).values_list("pk", flat=True).first():
            raise Refused(f"{name} is being moved by operation {pk}: resume it when that is done.")


def under_way(name: str) -> QuerySet[Operation]:
    """Moves of a group that are being carried out at this moment."""
    return Operation.objects.filter(
        kind=MOVE,
        group_name=name,
        state=Operation.State.RUNNING,
        started_at__gt=now() - MOVES_WITHIN,
    )
