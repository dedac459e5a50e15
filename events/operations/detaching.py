"""Taking a group that nobody runs off its streams."""

from __future__ import annotations

from events import transport
from events.audit import Actor, record
from events.errors import Refused
from events.groups import find
from events.models import PausedGroup
from events.operations.permissions import check_admin, check_reason, check_stepped_up
from events.queries import leftovers
from events.queries.leftovers import Leftover
from events.store import writing


def detach_group(actor: Actor, name: str, *, expected: int, typed: str, reason: str) -> Leftover:
    """Take a group off all its streams, with what waits there for it; its dead letters stay.

    This cannot be undone. Raises Refused, and changes nothing, unless an admin who has given the
    password again types its name, no installed app declares it, no live worker runs it, and at
    least `expected` entries wait, as was shown: fewer mean that somebody reads it. Raises
    BusUnavailable, and it can then be done again.
    """
    check_admin(actor, "detach groups")
    check_stepped_up(actor, f"detach {name}")
    check_reason(reason, "detachment")
    if find(name) is not None:
        raise Refused(
            f"{name} is declared by an installed app, whose workers would set it up again: pause"
            " it, or take the app away first."
        )
    if typed.strip() != name:
        raise Refused(f"Type the name of the group, {name}, to detach it.")
    found = leftovers.load(name)
    if found is None:
        raise Refused(f"No group {name} stands on any stream: there is nothing to detach.")
    if found.workers:
        raise Refused(f"{name} is run by {', '.join(found.workers[:3])}: end that worker first.")
    if found.waiting < expected:
        raise Refused(
            f"{expected:,} entries of {name} were waiting, and {found.waiting:,} are now: somebody"
            " reads it. Look again."
        )
    with writing():
        record(
            actor,
            "group.detach",
            name,
            reason.strip(),
            waiting=found.waiting,
            shown=expected,
            streams=[place.stream for place in found.places],
        )
        PausedGroup.objects.filter(group_name=name).delete()
        for place in found.places:  # within the transaction: doing it twice is no harm
            transport.current().moving.detach(place.stream, name)
    return found
