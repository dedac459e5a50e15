"""Having a group handle again what it has handled: its marks are forgotten, on purpose."""

from __future__ import annotations

from django.db import connection
from django.db.models import Value

from events.audit import Actor, record
from events.envelope import now
from events.errors import Refused
from events.groups import Group, groups
from events.models import Operation
from events.operations.modes import HANDLE_AGAIN
from events.operations.permissions import check_admin, check_reason, check_stepped_up
from events.operations.proposals import Manner
from events.operations.running import advance_now
from events.operations.sets import HISTORY
from events.queries.group_again import MOST_AGAIN, Again, handled, why_not
from events.store import after_commit, writing

COLUMNS = ("operation_id", "event_id", "stream", "state", "told")


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
        others = Operation.objects.filter(
            kind=HISTORY, group_name=name, state__in=Operation.UNDER_WAY
        )
        if pk := others.exclude(pk=operation.pk).values_list("pk", flat=True).first():
            raise Refused(
                f"Operation {pk} over stored events of {name} is under way: end it first."
            )
        _freeze(operation, group, asked)
        operation.total = operation.items.count()
        _check_count(operation.total, expected)
        operation.save(update_fields=["total"])
        after_commit(advance_now)
    return operation


def _repeatable(name: str) -> Group:
    group = next((declared for declared in groups() if declared.name == name), None)
    if group is None:
        raise Refused(f"No installed app declares the group {name}.")
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


def _freeze(operation: Operation, group: Group, asked: Again) -> None:
    """Write the set in one statement, in the order in which the events were accepted."""
    rows = handled(group, asked).order_by("seq")
    values = rows.annotate(
        operation=Value(operation.pk), waiting=Value("waiting"), nothing=Value("")
    ).values_list("operation", "event_id", "stream", "waiting", "nothing")
    sql, params = values.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO events_operationitem ({', '.join(COLUMNS)}) {sql}",
            params,
        )
