"""Closing dead letters unhandled, and opening them again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from events.audit import Actor, record
from events.envelope import now
from events.models import DeadLetter
from events.operations.permissions import check_operator, check_reason, check_size
from events.operations.sets import REPLAYABLE, check_chosen, check_letters, note_failed_again
from events.store import writing


@dataclass(frozen=True, slots=True)
class Decision:
    """What closes or opens dead letters without running anything."""

    verb: str
    done: str
    takes: Collection[str]
    """States of letters it may be said of."""
    becomes: str


DISCARD = Decision("discard", "discarded", REPLAYABLE, DeadLetter.State.DISCARDED)
RESTORE = Decision("restore", "restored", (DeadLetter.State.DISCARDED,), DeadLetter.State.NEW)


def decide(actor: Actor, ids: Sequence[int], reason: str, decision: Decision) -> int:
    """DISCARD dead letters: close them unhandled, to be restored until the janitor removes them; or
    RESTORE them: open them again. How many.

    The set is exactly `ids`, of any groups, all in a state the decision takes. Raises Refused, and
    changes nothing, when the actor may not, no reason is given, or the set is not such a set.
    """
    wanted = sorted(set(ids))
    check_operator(actor, decision.verb)
    check_reason(reason, decision.verb)
    check_chosen(wanted, decision.verb)
    check_size(actor, len(wanted), decision.verb)
    at = now()
    closes = decision.becomes == DeadLetter.State.DISCARDED
    moments: dict[str, datetime | None] = (
        {"resolved_at": at} if closes else {"resolved_at": None, "opened_at": at}
    )
    with writing():
        letters = list(DeadLetter.objects.select_for_update().filter(pk__in=wanted))
        check_letters(wanted, letters, decision.takes, decision.verb)
        if closes:
            note_failed_again(wanted)
        DeadLetter.objects.filter(pk__in=wanted).update(state=decision.becomes, **moments)
        record(
            actor,
            f"dead-letters.{decision.verb}",
            f"{len(wanted)} dead letters" if len(wanted) > 1 else f"dead letter {wanted[0]}",
            reason.strip(),
            dead_letters=wanted,
            groups=sorted({letter.group_name for letter in letters}),
        )
    return len(wanted)
