"""What operators say of failures: whose one is, what is known, how long it is to keep quiet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from events.audit import Actor, record
from events.envelope import now
from events.errors import Refused
from events.models import DeadLetter, FailureNote
from events.operations.permissions import check_operator, check_reason
from events.operations.sets import REPLAYABLE
from events.store import writing

LONGEST_SILENCE = timedelta(days=30)
"""What nobody has looked at for longer needs attention again."""

LONGEST_OWNER, LONGEST_NOTE = 150, 2_000
"""Characters."""


def note_failure(actor: Actor, group: str, fingerprint: str, owner: str, note: str) -> FailureNote:
    """Say who owns the failure and what is known of it; empty takes it back. Raises Refused.

    The same once more changes nothing and leaves no second audit row.
    """
    check_operator(actor, "note failures")
    owner, note = _checked(owner, note)
    with writing():
        row = _row(group, fingerprint)
        if (row.owner, row.note) != (owner, note):
            row.owner, row.note = owner, note
            _save(actor, row)
            record(actor, "failure.note", _named(row), "", owner=owner, note=note)
    return row


def silence_failure(
    actor: Actor, group: str, fingerprint: str, until: datetime | None, reason: str
) -> FailureNote:
    """Keep the failure out of what needs attention until then; None ends a silence.

    It stays in every list, with the silence named. Raises Refused when the actor may not, no reason
    is given, or it would be for ever.
    """
    check_operator(actor, "silence failures")
    check_reason(reason, "silence" if until else "end of a silence")
    at = now()
    if until and not at < until <= at + LONGEST_SILENCE:
        raise Refused(
            f"Silence until {until:%Y-%m-%d %H:%M} UTC: choose a time in the next"
            f" {LONGEST_SILENCE.days} days."
        )
    with writing():
        row = _row(group, fingerprint)
        if row.silenced_until == until:
            return row
        row.silenced_until = until
        _save(actor, row)
        action = "failure.silence" if until else "failure.unsilence"
        told = until.isoformat() if until else None
        record(actor, action, _named(row), reason.strip(), until=told)
    return row


def look_into(
    actor: Actor, pk: int, state: Literal["investigating", "new"], owner: str, note: str
) -> DeadLetter:
    """Say that somebody looks into one dead letter, or no longer does; whose it is, what is known.

    Raises Refused for one that is not open, or is being replayed. The same once more changes
    nothing.
    """
    check_operator(actor, "look into dead letters")
    owner, note = _checked(owner, note)
    if state not in REPLAYABLE:
        raise Refused(f"A dead letter cannot be made {state}: it is investigating or new.")
    with writing():
        letter = DeadLetter.objects.select_for_update().filter(pk=pk).first()
        if letter is None:
            raise Refused(f"There is no dead letter {pk}.")
        if letter.state not in REPLAYABLE:
            raise Refused(f"Dead letter {pk} is {letter.state}: there is nothing to look into.")
        if (letter.state, letter.owner, letter.note) != (state, owner, note):
            letter.state, letter.owner, letter.note = state, owner, note
            letter.save(update_fields=["state", "owner", "note"])
            told = {"state": state, "owner": owner, "note": note}
            record(actor, "dead-letter.look-into", f"dead letter {pk}", "", **told)
    return letter


def _checked(owner: str, note: str) -> tuple[str, str]:
    """Texts that fit, without what no database stores."""
    owner, note = owner.replace("\0", "").strip(), note.replace("\0", "").strip()
    for what, text, longest in (("owner", owner, LONGEST_OWNER), ("note", note, LONGEST_NOTE)):
        if len(text) > longest:
            raise Refused(f"The {what} has {len(text):,} characters; {longest:,} are kept.")
    return owner, note


def _row(group: str, fingerprint: str) -> FailureNote:
    """The note of a failure that exists, locked; it may be new."""
    if not DeadLetter.objects.filter(group_name=group, fingerprint=fingerprint).exists():
        raise Refused(f"No dead letter of {group or 'any group'} is of the failure {fingerprint}.")
    FailureNote.objects.get_or_create(
        group_name=group, fingerprint=fingerprint, defaults={"changed_at": now()}
    )
    return FailureNote.objects.select_for_update().get(group_name=group, fingerprint=fingerprint)


def _save(actor: Actor, row: FailureNote) -> None:
    row.changed_at, row.changed_by = now(), actor.name
    row.save()


def _named(row: FailureNote) -> str:
    return f"failure {row.fingerprint} of {row.group_name}"
