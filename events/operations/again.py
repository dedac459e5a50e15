"""Having a group handle again what it has handled: its marks are forgotten, on purpose."""

from __future__ import annotations

from events.audit import Actor, record
from events.envelope import now
from events.errors import Refused
from events.groups import Group
from events.models import Operation
from events.operations.freezing import freeze
from events.operations.modes import HANDLE_AGAIN
from events.operations.permissions import check_admin, check_reason, check_stepped_up
from events.operations.proposals import Manner, check_alone
from events.operations.running import advance_now
from events.operations.sets import HISTORY, declared
from events.queries.group_again import MOST_AGAIN, Again, handled, why_not
from events.store import after_commit, writing


def handle_again(
    actor: Actor,
    name: str,
    asked: Again,
    *,
    expected: int,
    typed: str,
    reason: str,
    manner: Manner,
) -> Operation:
    """Freeze the events of a range that a group has handled, and begin to send them to it again.

    Its position stays where it is and no other group sees anything. Raises Refused, and changes
    nothing, unless an admin who has given the password again and typed the group's name asks for
    exactly `expected` events, every handler of the group is declared repeatable, and no other
    operation over stored events of the group is under way. A count and an insert, whatever the
    number.
    """
    check_admin(actor, "have groups handle events again")
    check_stepped_up(actor, f"have {name} handle events again")
    check_reason(reason, "second handling")
    manner.check()
    group = _repeatable(name)
    if typed.strip() != name:
        raise Refused(f"Type the name of the group, {name}, to have it handle events again.")
    at = now()
    with writing():
        operation = Operation.objects.create(
            kind=HISTORY,
            group_name=name,
            actor=actor.name,
            via=actor.via,
            reason=reason.strip(),
            state=Operation.State.RUNNING,
            asked={
                "since": asked.since.isoformat(),
                "until": asked.until.isoformat(),
                "as_of": asked.as_of.isoformat(),
            },
            details={"mode": HANDLE_AGAIN},
            ramp=manner.ramp,
            stop_percent=manner.stop_percent,
            rate_per_s=manner.rate_per_s,
            created_at=at,
            started_at=at,
        )
        record(
            actor,
            "group.handle-again",
            name,
            reason.strip(),
            operation=operation.pk,
            events=expected,
            asked=operation.asked,
        )  # whoever else begins one waits here
        check_alone(operation)
        freeze(operation, handled(group, asked).order_by("seq"))
        _check_count(operation.total, expected)
        after_commit(advance_now)
    return operation


def _repeatable(name: str) -> Group:
    group = declared(name)
    if refused := why_not(group):
        raise Refused(refused)
    return group


def _check_count(count: int, expected: int) -> None:
    if not count:
        raise Refused("The group has handled nothing of that time: there is nothing to do again.")
    if count > MOST_AGAIN:
        raise Refused(f"{count:,} events are more than {MOST_AGAIN:,}: choose a shorter time.")
    if count != expected:
        raise Refused(f"{expected:,} events were shown, and {count:,} are there now: look again.")
