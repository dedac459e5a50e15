"""Which stored events go to a group again, as an address or a command says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, CharField, QuerySet, Value, When

from events.groups import Group
from events.models import StoredEvent
from events.queries.events import names_about, split_entity
from events.queries.filter_json import Filter
from events.queries.type_names import meant
from events.registry import registry


@dataclass(frozen=True, slots=True)
class HistoryFilter(Filter):
    """Stored events that match every field which is given. Times are of storing."""

    event_type: str = ""
    """A name, an alias or a short name."""
    entity: str = ""
    """``user:123``, or ``123`` for anything so called."""
    correlation: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def rows(self, group: Group | None) -> QuerySet[StoredEvent]:
        """Events the bus has and the group reads, or anybody where none is given; in no order, each
        with its `stream`."""
        entry = meant(self.event_type)
        names = {entry.name} if entry else {self.event_type} if self.event_type else None
        rows = StoredEvent.objects.exclude(relayed_at=None)
        if self.entity:
            label, entity_id = split_entity(self.entity)
            rows = rows.filter(entity_id=entity_id)
            about = set(names_about(label)) if label else None
            names = about if names is None else names & about if about is not None else names
        if self.correlation:
            rows = rows.filter(correlation_id=UUID(self.correlation))
        if self.since:
            rows = rows.filter(stored_at__gte=self.since)
        if self.until:
            rows = rows.filter(stored_at__lt=self.until)
        known = group.types if group else registry.all()
        types = [one for one in known if names is None or one.name in names]
        streams = (
            When(event_type=one.name, event_version=one.version, then=Value(one.stream))
            for one in types
        )
        rows = rows.filter(event_type__in={one.name for one in types})
        told = Case(*streams, default=Value(""), output_field=CharField())
        return rows.annotate(stream=told).exclude(stream="")

    @property
    def described(self) -> str:
        """``type:Trading.TradeExecuted since:2026-11-27T14:02``."""
        return " ".join(
            f"{'type' if name == 'event_type' else name}:{value}"
            for name, value in self.as_json().items()
        )
