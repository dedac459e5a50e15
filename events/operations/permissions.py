"""Who may do what: the sentence each refusal consists of."""

from __future__ import annotations

from events.audit import Actor, record
from events.conf import bus_settings
from events.errors import Refused
from events.store import writing

MOST_WITHOUT_STEP_UP = 100
"""Events one action of an operator may take without the password being asked for again."""


def check_operator(actor: Actor, to: str) -> None:
    """Refuse who may only look, and everybody while the console is read-only."""
    check_writable(to)
    if not actor.may_operate:
        raise Refused(f"{actor.name} may look but not {to}: that needs the role operator.")


def check_admin(actor: Actor, to: str) -> None:
    """Refuse who is not an admin."""
    check_writable(to)
    if not actor.may_admin:
        raise Refused(f"{actor.name} may not {to}: that needs the role admin.")


def check_stepped_up(actor: Actor, to: str) -> None:
    """Refuse who has not given the password again in the last minutes."""
    if not actor.stepped_up:
        raise Refused(f"Give your password again to {to}: {actor.name} has not in this session.")


def check_reason(reason: str, what: str) -> None:
    """Refuse without a reason."""
    if not reason.strip():
        raise Refused(f"Say why: a {what} needs a reason for the audit.")


def check_size(actor: Actor, count: int, verb: str) -> None:
    """Refuse more than an operator may take at once without having given the password again."""
    if count > MOST_WITHOUT_STEP_UP:
        check_stepped_up(actor, f"{verb} more than {MOST_WITHOUT_STEP_UP} events at a time")


def note_step_up(actor: Actor, *, right: bool) -> None:
    """Record that the password was given again, or a wrong one."""
    with writing():
        record(actor, "session.step-up" if right else "session.step-up-refused", actor.name)


def check_writable(to: str) -> None:
    """Refuse everything while the settings say that the console only shows."""
    if bus_settings().read_only:
        raise Refused(
            f"The console is read-only: nobody may {to} until ASTRA_READ_ONLY is taken away."
        )
