"""Which dead letters: what they have in common, as an address or a command says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from events.models import DeadLetter
from events.queries.filter_json import Filter

FIELDS: Mapping[str, str] = {
    "group": "group",
    "type": "event_type",
    "error": "error",
    "entity": "entity",
    "version": "version",
    "kind": "kind",
    "failure": "fingerprint",
    "before": "before",
    "after": "after",
}
"""Qualifier of a search -> field of the filter."""


@dataclass(frozen=True, slots=True)
class LetterFilter(Filter):
    """Dead letters that match every field which is given."""

    group: str = ""
    fingerprint: str = ""
    event_type: str = ""
    error: str = ""
    """Class of the error; what stands before its last dot is passed over, as it is not kept."""
    entity: str = ""
    version: str = ""
    """Code version of the worker it failed in."""
    kind: str = ""
    before: datetime | None = None
    """Failed last before this instant."""
    after: datetime | None = None

    def rows(self) -> QuerySet[DeadLetter]:
        """The rows that match, in any state and no order."""
        exact = {
            "group_name": self.group,
            "fingerprint": self.fingerprint,
            "event_type": self.event_type,
            "error_class": self.error.rpartition(".")[2] or self.error,
            "entity_id": self.entity,
            "code_version": self.version,
            "kind": self.kind,
            "last_failed_at__lt": self.before,
            "last_failed_at__gte": self.after,
        }
        return DeadLetter.objects.filter(**{name: value for name, value in exact.items() if value})

    @property
    def empty(self) -> bool:
        """Everything matches."""
        return self == LetterFilter()

    @property
    def described(self) -> str:
        """``group:portfolio error:ValueError before:2026-11-27T14:02:00+00:00``: as it is typed
        into search, times absolute, and read back by `letter_search.parse`."""
        told = self.as_json()
        return " ".join(f"{name}:{_quoted(told[f])}" for name, f in FIELDS.items() if f in told)


EVERYTHING = LetterFilter()


def _quoted(value: str) -> str:
    if re.fullmatch(r'[^\s"]+', value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
