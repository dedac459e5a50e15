"""How stored events go to a group again, and who may ask for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from events.audit import Actor
from events.errors import Refused
from events.groups import Group
from events.models import Operation
from events.operations.permissions import check_admin, check_stepped_up
from events.operations.sets import receiver
from events.queries.group_again import why_not

CATCH_UP, HANDLE_AGAIN, SHADOW = "catch up", "handle again", "shadow"
NEW_EVENTS = "new events"
"""``details["mode"]`` of an operation: leave out what the inbox knows; have it forget that;
rehearse, and commit nothing; say them again to everyone, as new events."""

MODES = (CATCH_UP, HANDLE_AGAIN, SHADOW, NEW_EVENTS)

FOR_ADMINS: Mapping[str, str] = {
    HANDLE_AGAIN: "have events handled again",
    NEW_EVENTS: "say events again to everyone",
}
"""Modes that take an admin, the password given again, and what `to_type` says: what they do."""


def check_mode(group: Group, mode: str, types: Collection[str]) -> None:
    """Refuse a mode that the handlers of a group for these types do not allow."""
    handlers = [
        one for one in group.handlers if "*" in one.reads or not set(one.reads).isdisjoint(types)
    ]
    if mode != SHADOW and group.idempotent:
        raise Refused(
            f"{group.name} keeps no inbox, its effects are sets: nobody could tell what it has "
            "handled. Move the group instead, which gives it the events once more."
        )
    if mode == HANDLE_AGAIN and (refused := why_not(group)):
        raise Refused(refused)
    outside = [one.name for one in handlers if one.external]
    if mode == SHADOW and outside:
        raise Refused(
            f"{outside[0]} of {group.name} calls the outside world, which cannot be rolled back: "
            "it cannot be rehearsed."
        )


def to_type(mode: str, group_name: str, total: int) -> str:
    """What somebody has to type to begin in this mode; empty where nothing."""
    return {HANDLE_AGAIN: group_name, NEW_EVENTS: str(total)}.get(mode, "")


def check_who_may(actor: Actor, operation: Operation) -> None:
    """Refuse what is for admins who have given the password again to everybody else."""
    if to := FOR_ADMINS.get(operation.details.get("mode", "")):
        check_admin(actor, to)
        check_stepped_up(actor, to)


def check_begin(actor: Actor, operation: Operation, typed: str) -> None:
    """Refuse to begin what was proposed for a group that is not there any more, in a mode that its
    handlers no longer allow, or that takes more than an operator."""
    mode = operation.details.get("mode", "")
    check_who_may(actor, operation)
    if to := FOR_ADMINS.get(mode):
        wanted = to_type(mode, operation.group_name, operation.total)
        if typed.strip() != wanted:
            what = "name of the group" if mode == HANDLE_AGAIN else "number of events"
            raise Refused(f"Type the {what}, {wanted}, to {to}.")
    if mode == NEW_EVENTS:
        return
    group = receiver(operation.group_name)
    if mode in MODES:
        check_mode(group, mode, operation.details.get("types", ()))
