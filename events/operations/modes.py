"""How stored events go to a group again, and who may ask for it."""

from __future__ import annotations

from collections.abc import Collection

from events.audit import Actor
from events.errors import Refused
from events.groups import Group
from events.models import Operation
from events.operations.permissions import check_admin, check_stepped_up
from events.operations.sets import receiver

CATCH_UP, HANDLE_AGAIN, SHADOW = "catch up", "handle again", "shadow"
"""``details["mode"]`` of an operation: leave out what the inbox knows; have it forget that;
rehearse, and commit nothing."""

MODES = (CATCH_UP, HANDLE_AGAIN, SHADOW)


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
    once = [one.name for one in handlers if not one.repeatable]
    if mode == HANDLE_AGAIN and once:
        raise Refused(
            f"{once[0]} of {group.name} is not declared repeatable: what it has done would be done "
            "twice. Catch up instead, which leaves out what the group has handled."
        )
    outside = [one.name for one in handlers if one.external]
    if mode == SHADOW and outside:
        raise Refused(
            f"{outside[0]} of {group.name} calls the outside world, which cannot be rolled back: "
            "it cannot be rehearsed."
        )


def check_begin(actor: Actor, operation: Operation, typed: str) -> None:
    """Refuse to begin what was proposed in a mode that its handlers no longer allow, or that takes
    more than an operator: to have it handled again is for admins, with the group's name typed."""
    mode = operation.details.get("mode")
    if mode not in MODES:
        return
    if mode == HANDLE_AGAIN:
        to = "have events handled again"
        check_admin(actor, to)
        check_stepped_up(actor, to)
        if typed.strip() != operation.group_name:
            raise Refused(
                f"Type the name of the group, {operation.group_name}, to have it handle again "
                "what it has handled."
            )
    check_mode(receiver(operation.group_name), mode, operation.details.get("types", ()))
