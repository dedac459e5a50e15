"""Moving a group on its streams, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events import transport
from events.audit import Actor, record
from events.envelope import now
from events.errors import BusRefused, BusUnavailable, Refused
from events.groups import Group
from events.models import Operation, PausedGroup
from events.operations.group_pauses import under_way
from events.operations.modes import CATCH_UP
from events.operations.permissions import check_operator, check_reason, check_stepped_up
from events.operations.sets import declared
from events.queries.group_move import (
    LAST,
    Step,
    most_counted,
    parsed,
    spelled,
    step_between,
    why_not_at_rest,
)
from events.queries.moved import MOVE, why_not_undone
from events.store import writing
from events.transport.base import GroupMissing, StreamInfo
from events.transport.moving import Standing

MOST_PENDING = 10_000
"""Pending entries of a stream that are kept for the way back."""

State = Operation.State


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where a group is moved on one stream: ids of the entries delivered last."""

    stream: str
    before: str
    after: str

    @classmethod
    def of(cls, step: Step) -> Way:
        """As a preview has shown it."""
        return cls(step.stream, step.before, step.after)


def move_group(actor: Actor, name: str, ways: Sequence[Way], reason: str, to: str) -> Operation:
    """Move a paused group exactly as it was shown: on these streams, from there to there.

    What it is given again and knows to be done it skips. Where it stood and what was pending is
    kept in the operation, written before anything is moved. Raises Refused, and moves nothing, when
    the actor may not or has not given the password again, no reason is given, the group is not
    paused everywhere, or it does not stand where it was shown to. Raises BusUnavailable before the
    operation is written; what stops it later is told by the operation.
    """
    check_operator(actor, "move groups")
    check_stepped_up(actor, f"move {name}")
    check_reason(reason, "move")
    group = declared(name)
    if not ways:
        raise Refused(f"{name} stands there already: there is nothing to move.")
    _check_at_rest(group)
    steps = [_snapshot(group, way, most_counted(len(ways))) for way in ways]
    reads = {step["stream"]: _read_after(step) for step in steps}
    operation = _written(actor, name, steps, reason.strip(), to)
    try:
        for way in ways:
            read = reads[way.stream]
            transport.current().streams.move(way.stream, name, way.after, read)
    except (BusUnavailable, BusRefused, GroupMissing) as error:
        told = f"the bus stopped it half way: {error}. Undo it, and it stands where it stood."
        return _ended(operation, State.STOPPED, told)
    return _ended(operation, State.DONE, "")


def undo_move(actor: Actor, pk: int, reason: str) -> Operation:
    """Let a group stand exactly where it stood before a move, with what was pending then.

    What it has handled since stays handled, and is skipped when it comes again. Raises Refused when
    the actor may not or has not given the password again, no reason is given, the move was undone
    already, another has been made since, or the group is not paused everywhere; BusUnavailable, and
    it can then be done again.
    """
    check_operator(actor, "undo moves")
    check_stepped_up(actor, f"undo operation {pk}")
    check_reason(reason, "move back")
    with writing():
        operation = Operation.objects.select_for_update().filter(pk=pk, kind=MOVE).first()
        if operation is None:
            raise Refused(f"Operation {pk} is no move of a group: there is nothing to undo.")
        name = operation.group_name
        record(actor, "group.undo-move", name, reason.strip(), operation=pk)
        if refused := why_not_undone(operation):
            raise Refused(refused)
        _check_at_rest(declared(name))
        gone = 0
        for step in operation.details["steps"]:  # within the transaction: doing it twice is no harm
            standing = Standing(step["before"], tuple(map(tuple, step["pending"])))
            gone += transport.current().moving.restore(step["stream"], name, standing, step["read"])
        undone = {
            "actor": actor.name,
            "at": now().isoformat(),
            "reason": reason.strip(),
            "gone": gone,
        }
        operation.details = {**operation.details, "undone": undone}
        operation.state = State.DONE
        operation.state_reason = f"undone by {actor.name}: {reason.strip()}"
        operation.save(update_fields=["details", "state", "state_reason"])
    return operation


def _check_at_rest(group: Group) -> None:
    if refused := why_not_at_rest(group):
        raise Refused(refused)


def _snapshot(group: Group, way: Way, most: int) -> dict[str, Any]:
    """One step as it is kept, with what is pending. Raises Refused where it is not as shown."""
    kind = next((entry for entry in group.types if entry.stream == way.stream), None)
    if kind is None:
        raise Refused(f"{group.name} does not read the stream {way.stream}.")
    try:
        standing = transport.current().moving.standing(way.stream, group.name, MOST_PENDING + 1)
    except GroupMissing:
        raise Refused(f"{group.name} is not set up on {way.stream}: run setup_streams.") from None
    if standing.position != way.before:
        raise Refused(
            f"{group.name} stands at {standing.position} of {way.stream}, and was shown at"
            f" {way.before}: look again before you move it."
        )
    info = transport.current().inspector.streams([way.stream])[way.stream]
    if not _is_within(way.after, max(parsed(standing.position), parsed(info.last_id or "0-0"))):
        raise Refused(f"{way.after!r} is no entry {group.name} can be moved to on {way.stream}.")
    if len(standing.pending) > MOST_PENDING:
        raise Refused(
            f"{group.name} holds more than {MOST_PENDING:,} entries of {way.stream}, too many to be"
            " kept for the way back: resume it until it has finished most of them."
        )
    step = step_between(group, kind, parsed(way.before), parsed(way.after), most)
    kept = ("stream", "event_type", "domain", "skipped", "again", "known", "capped")
    return {
        **{name: getattr(step, name) for name in kept},
        "before": way.before,
        "after": way.after,
        "pending": [list(pair) for pair in standing.pending],
        "read": _read_before(group.name, info),
    }


def _read_before(group: str, info: StreamInfo) -> int | None:
    """Entries there were up to where a group stands, by which the server counts its lag."""
    place = next(one for one in info.groups if one.name == group)
    return None if place.lag is None else info.entries_added - place.lag


def _read_after(step: dict[str, Any]) -> int | None:
    """The same of where it goes; None where nobody has counted that far."""
    if step["read"] is None or step["capped"]:
        return None
    return max(0, int(step["read"]) + int(step["skipped"]) - int(step["again"]))


def _is_within(entry_id: str, most: tuple[int, int]) -> bool:
    try:
        position = parsed(entry_id)
    except ValueError:
        return False
    return spelled(position) == entry_id and (0, 0) <= position <= most and position[1] <= LAST


def _written(
    actor: Actor, name: str, steps: list[dict[str, Any]], reason: str, to: str
) -> Operation:
    """The operation and its audit row, committed before anything is moved."""
    at = now()
    with writing():
        operation = Operation.objects.create(
            kind=MOVE,
            group_name=name,
            actor=actor.name,
            via=actor.via,
            reason=reason,
            state=State.RUNNING,
            asked={"to": to},
            details={"mode": CATCH_UP, "to": to, "steps": steps},
            created_at=at,
            started_at=at,
        )
        record(
            actor,
            "group.move",
            name,
            reason,
            operation=operation.pk,
            to=to,
            streams={step["stream"]: [step["before"], step["after"]] for step in steps},
        )  # whoever else moves or resumes it waits here
        if not PausedGroup.objects.filter(group_name=name).exists():
            raise Refused(f"{name} was resumed meanwhile: pause it first.")
        if pk := under_way(name).exclude(pk=operation.pk).values_list("pk", flat=True).first():
            raise Refused(f"{name} is being moved by operation {pk}.")
    return operation


def _ended(operation: Operation, state: str, told: str) -> Operation:
    operation.state, operation.state_reason, operation.ended_at = state, told, now()
    with writing():
        operation.save(update_fields=["state", "state_reason", "ended_at"])
    return operation
