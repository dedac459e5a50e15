"""Giving stored events to one group again, or saying them again to everyone: the set is frozen and
shown first."""

from __future__ import annotations

from uuid import UUID

from events.audit import Actor
from events.envelope import now
from events.errors import Refused
from events.groups import Group
from events.models import Operation
from events.operations.freezing import freeze
from events.operations.modes import FOR_ADMINS, MODES, NEW_EVENTS, SHADOW, check_mode
from events.operations.permissions import check_admin, check_operator
from events.operations.sets import HISTORY, REHEARSED, REPUBLISHED, receiver
from events.queries.history_filter import HistoryFilter
from events.queries.type_names import meant
from events.store import writing

MOST_EVENTS = 100_000
"""Most stored events of one operation."""


def propose_history(actor: Actor, group_name: str, chosen: HistoryFilter, mode: str) -> Operation:
    """Freeze the stored events that match and that a group reads, as a draft; with the mode
    NEW_EVENTS those that match and are of a registered type, for no group by name.

    Nothing is done with them until `begin`. Raises Refused when the actor may not, the mode is not
    for this group, nothing matches, or more than MOST_EVENTS do. Four statements; they read what
    matches along an index of the type, the entity, the chain or the time.
    """
    to = "rehearse history" if mode == SHADOW else "replay history"
    check_operator(actor, to)
    if mode not in MODES:
        raise Refused(f"{mode!r} is no way to replay history: say {', '.join(MODES)}.")
    if to := FOR_ADMINS.get(mode, ""):
        check_admin(actor, to)
    group = _receiver(group_name, mode)
    _check_filter(chosen)
    rows = chosen.rows(group)
    with writing():
        counted = rows.order_by("seq")[: MOST_EVENTS + 1].count()
        if not counted:
            read_by = f" and read by {group_name}" if group else ""
            raise Refused(f"No stored event is like that{read_by}: widen what is chosen.")
        if counted > MOST_EVENTS:
            raise Refused(
                f"More than {MOST_EVENTS:,} stored events are like that, the most one operation "
                "takes: choose a shorter time, or fewer types."
            )
        types = sorted(rows.order_by().values_list("event_type", flat=True).distinct())
        if group:
            check_mode(group, mode, types)
        at = now()
        operation = Operation.objects.create(
            kind={SHADOW: REHEARSED, NEW_EVENTS: REPUBLISHED}.get(mode, HISTORY),
            group_name=group_name,
            actor=actor.name,
            via=actor.via,
            state=Operation.State.DRAFT,
            asked={**chosen.as_json(), "as_of": at.isoformat()},
            details={"mode": mode, "types": types},
            created_at=at,
        )
        freeze(operation, rows.order_by("seq"))
    return operation


def _receiver(name: str, mode: str) -> Group | None:
    """The group that is to be given them; None for everyone."""
    if mode != NEW_EVENTS:
        if not name:
            raise Refused(f"Name the group: to everyone they go as {NEW_EVENTS} alone.")
        return receiver(name)
    if name:
        raise Refused(
            f"As {NEW_EVENTS} they go to every group that reads them: leave {name} out, or give "
            "them to it alone in another way."
        )
    return None


def _check_filter(chosen: HistoryFilter) -> None:
    if chosen.event_type and meant(chosen.event_type) is None:
        raise Refused(f"{chosen.event_type} is not a registered event type.")
    if chosen.since and chosen.until and chosen.since >= chosen.until:
        raise Refused("The time ends before it begins: give a later end.")
    if chosen.correlation:
        try:
            UUID(chosen.correlation)
        except ValueError:
            raise Refused(f"{chosen.correlation} is no correlation id: give a UUID.") from None
