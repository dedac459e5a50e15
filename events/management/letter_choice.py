"""Dead letters that a command chooses by search."""

from __future__ import annotations

from django.core.management.base import CommandError

from events.envelope import now
from events.errors import Refused
from events.management.actors import at_the_shell
from events.management.frozen import Look
from events.operations import DECISIONS, propose_decision, propose_replay
from events.queries.letter_filter import LetterFilter
from events.queries.letter_search import SearchError, narrowed, parse


def chosen_of(text: str, group: str = "") -> LetterFilter:
    """The filter of ``--search`` and ``--group``; CommandError with what is wrong in a sentence."""
    try:
        return narrowed(parse(text, now()), group=group)
    except SearchError as error:
        raise CommandError(str(error), returncode=1) from error


def freeze(verb: str, chosen: LetterFilter) -> Look:
    """Freeze what matches as a draft."""
    try:
        if decision := DECISIONS.get(verb):
            return Look.at(propose_decision(at_the_shell(), decision, chosen))
        return Look.at(propose_replay(at_the_shell(), chosen))
    except Refused as refused:
        raise CommandError(str(refused), returncode=1) from refused
