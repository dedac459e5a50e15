"""What an operator may do. Shared by the console and the commands; each leaves an audit row."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from events import crash, transport
from events.audit import Actor, record
from events.bus import publish
from events.conf import bus_settings
from events.envelope import Event, now
from events.errors import BusRefused, BusUnavailable, Refused
from events.groups import every
from events.models import DeadLetter, Operation
from events.store import after_commit, writing
from events.transport.base import Redelivery

__all__ = [
    "DISCARD",
    "RESTORE",
    "Actor",
    "Decision",
    "Refused",
    "decide",
    "publish_test_event",
    "redeliver_waiting",
    "replay_dead_letters",
]

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 100
"""Most dead letters one replay takes (an operator without step-up: 1 to 100)."""

REDELIVERING, REDELIVERING_S = "redelivering", 30.0
"""The lease of who puts replays on the bus, and how long it outlives a process that died at it."""

REPLAYABLE = (DeadLetter.State.NEW, DeadLetter.State.INVESTIGATING)


def replay_dead_letters(actor: Actor, ids: Sequence[int], reason: str) -> Operation:
    """Redeliver dead letters to the one group that failed; no other group sees anything.

    The set is exactly `ids`, all of one group, all open. Raises Refused, and changes nothing, when
    the actor may not, no reason is given, or the set is not such a set. The redelivery itself
    happens at once where the bus answers, else as soon as it does. Doing it twice is refused the
    second time: the first has moved the letters on.
    """
    wanted = sorted(set(ids))
    _check_request(actor, wanted, reason, "replay")
    with writing():
        letters = list(DeadLetter.objects.select_for_update().filter(pk__in=wanted))
        _check_letters(wanted, letters, REPLAYABLE, "replay")
        _check_one_group(letters)
        operation = Operation.objects.create(
            kind="replay",
            group_name=letters[0].group_name,
            actor=actor.name,
            via=actor.via,
            reason=reason.strip(),
            dead_letter_ids=wanted,
            created_at=now(),
        )
        DeadLetter.objects.filter(pk__in=wanted).update(
            state=DeadLetter.State.REPLAYING, redelivered_at=None
        )
        record(
            actor,
            "dead-letters.replay",
            f"operation {operation.pk}",
            reason.strip(),
            group=operation.group_name,
            dead_letters=wanted,
            events=[str(letter.event_id) for letter in letters],
        )
        after_commit(_redeliver_now)
    return operation


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
    _check_request(actor, wanted, reason, decision.verb)
    closed_at = now() if decision.becomes == DeadLetter.State.DISCARDED else None
    with writing():
        letters = list(DeadLetter.objects.select_for_update().filter(pk__in=wanted))
        _check_letters(wanted, letters, decision.takes, decision.verb)
        DeadLetter.objects.filter(pk__in=wanted).update(
            state=decision.becomes, resolved_at=closed_at
        )
        record(
            actor,
            f"dead-letters.{decision.verb}",
            f"{len(wanted)} dead letters" if len(wanted) > 1 else f"dead letter {wanted[0]}",
            reason.strip(),
            dead_letters=wanted,
            groups=sorted({letter.group_name for letter in letters}),
        )
    return len(wanted)


def publish_test_event(actor: Actor, event_type: str, data: Mapping[str, Any]) -> Event:
    """Publish an event of a registered type, marked synthetic; the audit row names its id.

    Raises Refused when the actor may not, InvalidEvent with every field that is wrong, and then
    publishes nothing.
    """
    if not actor.may_operate:
        raise Refused(f"{actor.name} may not publish test events; the role operator may")
    event = Event.new(
        event_type, data, producer=f"test@{bus_settings().version}", metadata={"synthetic": True}
    )
    with writing():
        publish(event)
        record(actor, "events.publish-test", str(event.event_id), type=event.event_type)
    return event


@every(0.5, name="redeliver")
def redeliver_waiting() -> None:
    """Put replays on the retry streams of their groups. Raises BusUnavailable.

    One at a time, or a letter would be put there twice: whoever asks for a replay does it at once,
    and the job looks every half second. Who finds another at it leaves the rest to the next look.
    """
    leases, token = transport.current().leases, secrets.token_hex(8)
    if not leases.acquire(REDELIVERING, token, REDELIVERING_S):
        return
    try:
        _redeliver()
    finally:
        with suppress(BusUnavailable, BusRefused):  # it ends by itself
            leases.drop(REDELIVERING, token)


def _redeliver() -> None:
    for group_name, letters in groupby(_to_redeliver()[:MOST_AT_ONCE], _group_name):
        batch = list(letters)
        transport.current().streams.redeliver(
            group_name,
            [
                Redelivery(letter.stream, str(letter.event_id or ""), bytes(letter.body))
                for letter in batch
            ],
        )
        crash.here("in-bulk-replay")
        with writing():
            DeadLetter.objects.filter(
                pk__in=[letter.pk for letter in batch], redelivered_at=None
            ).update(redelivered_at=now())


def _redeliver_now() -> None:
    try:
        redeliver_waiting()
    except BusUnavailable as error:
        logger.warning("replays wait in SQL: %s", error)


def _to_redeliver() -> QuerySet[DeadLetter]:
    waiting = DeadLetter.objects.filter(state=DeadLetter.State.REPLAYING, redelivered_at=None)
    return waiting.order_by("group_name", "pk")


def _group_name(letter: DeadLetter) -> str:
    return letter.group_name


def _check_request(actor: Actor, ids: Sequence[int], reason: str, verb: str) -> None:
    if not actor.may_operate:
        raise Refused(f"{actor.name} may look but not {verb}: that needs the role operator.")
    if not reason.strip():
        raise Refused(f"Say why: a {verb} needs a reason for the audit.")
    if not 1 <= len(ids) <= MOST_AT_ONCE:
        raise Refused(
            f"{len(ids)} dead letters were chosen; a {verb} takes 1 to {MOST_AT_ONCE} at a time."
        )


def _check_letters(
    ids: Sequence[int], letters: Sequence[DeadLetter], takes: Collection[str], verb: str
) -> None:
    missing = sorted(set(ids) - {letter.pk for letter in letters})
    if missing:
        raise Refused(f"There is no dead letter {missing[0]}.")
    for letter in letters:
        if letter.state not in takes:
            raise Refused(f"Dead letter {letter.pk} is {letter.state}: there is nothing to {verb}.")


def _check_one_group(letters: Sequence[DeadLetter]) -> None:
    groups = sorted({letter.group_name for letter in letters})
    if len(groups) > 1:
        raise Refused(f"A replay goes to one group; these belong to {' and '.join(groups)}.")
