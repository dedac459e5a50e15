"""What a set of dead letters must be for something to be done with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from events.errors import Refused
from events.groups import Group, find
from events.models import DeadLetter, Operation, OperationItem

REPLAYABLE = DeadLetter.REPLAYABLE

HISTORY = "history"
"""Kind of an operation whose items are stored events, and no dead letters."""

REPUBLISHED = "republish"
"""Kind of an operation whose stored events are said again to everyone, each as a new event."""

REHEARSED = "shadow"
"""Kind of an operation whose stored events are rehearsed; nothing of it is sent to anybody."""

MOST_CHOSEN = 1_000
"""Most dead letters that are named one by one; more are chosen by what they have in common."""


def check_chosen(ids: Sequence[int], verb: str) -> None:
    """Refuse none at all, and more than anybody names singly."""
    if not 1 <= len(ids) <= MOST_CHOSEN:
        raise Refused(
            f"{len(ids)} dead letters were chosen; a {verb} takes 1 to {MOST_CHOSEN:,} by their "
            "numbers."
        )


def check_letters(
    ids: Sequence[int], letters: Sequence[DeadLetter], takes: Collection[str], verb: str
) -> None:
    """Refuse letters that are not there, or in a state that it does not take."""
    missing = sorted(set(ids) - {letter.pk for letter in letters})
    if missing:
        raise Refused(f"There is no dead letter {missing[0]}.")
    for letter in letters:
        if letter.state not in takes:
            raise Refused(f"Dead letter {letter.pk} is {letter.state}: there is nothing to {verb}.")


def check_one_group(letters: Collection[DeadLetter]) -> str:
    """The group all of them are of; Refused where they are of several."""
    groups = sorted({letter.group_name for letter in letters})
    if len(groups) > 1:
        raise Refused(f"A replay goes to one group; these belong to {' and '.join(groups)}.")
    return groups[0]


def declared(name: str, otherwise: str = "look at the list of groups") -> Group:
    """The group of this name. Raises Refused where no installed app declares it; `otherwise` ends
    that sentence."""
    group = find(name)
    if group is None:
        raise Refused(f"No installed app declares the group {name}: {otherwise}.")
    return group


def receiver(name: str) -> Group:
    """The group of this name, that something is to be sent to. Raises Refused: nobody would ever
    read it where no installed app declares the group."""
    return declared(
        name,
        "nobody would run what is sent to it. Install the app it belongs to, or discard these",
    )


def frozen_at(operation: Operation) -> datetime:
    """The instant of what was shown when its set was chosen: what was opened later is another
    failure, even of an event that is in the set."""
    as_of = operation.asked.get("as_of")
    return datetime.fromisoformat(as_of) if as_of else operation.created_at


def why_skipped(letter: DeadLetter | None, takes: Collection[str]) -> str:
    """Why a letter of a frozen set was left alone when its turn came."""
    if letter is None:
        return "it was removed"
    if letter.state not in takes:
        return f"it is {letter.state} meanwhile"
    return "something else became of it after it was shown"


def skip(operation: Operation, told: Mapping[int, str], at: datetime) -> None:
    """Note items as skipped, each with why: a statement for each reason. No item twice."""
    end(operation, OperationItem.State.SKIPPED, told, at)


def end(operation: Operation, state: str, told: Mapping[int, str], at: datetime) -> None:
    """Note that items have come to such an end, each with what is told of it: a statement for each
    such text."""
    by_text: dict[str, list[int]] = defaultdict(list)
    for pk, text in told.items():
        by_text[text].append(pk)
    for text, ids in by_text.items():
        operation.items.filter(pk__in=ids).update(state=state, told=text, ended_at=at)


def note_failed_again(ids: Collection[int] | QuerySet[Any, Any]) -> None:
    """Give earlier operations their outcome before open letters of theirs move on: a letter that is
    open again has failed again."""
    letter = DeadLetter.objects.filter(pk=OuterRef("letter"))
    failed = OperationItem.objects.filter(letter__in=ids, letter__state__in=REPLAYABLE)
    failed.filter(state=OperationItem.State.SENT).update(
        state=OperationItem.State.FAILED,
        told=Subquery(letter.values("error_class")[:1]),
        ended_at=Subquery(letter.values("last_failed_at")[:1]),
    )
