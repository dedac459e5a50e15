"""What SQL says is unfinished and the bus no longer holds is put back on the bus.

A failover may forget appends that were acknowledged, a flush or an empty start forgets everything,
a group may be destroyed with what it held. The store knows what every group should have done; this
job walks it from a position it keeps, compares, and redelivers what nobody holds to the one group
that misses it. After a loss it begins again at the beginning.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.db.models.functions import Least

from events import transport
from events.audit import DATA_LOST, ENTRIES_LOST, PUT_BACK, Actor, record
from events.conf import bus_settings
from events.envelope import now, stream_name
from events.groups import Group, every, find, groups
from events.models import ConsumerGroup, DeadLetter, HandledEvent, Reconciliation, StoredEvent
from events.queries.lost import Stored, stored_at
from events.queries.skips import Skips
from events.registry import registry
from events.store import writing
from events.transport.base import Redelivery
from events.transport.mending import Dropped, Held

logger = logging.getLogger(__name__)

EVERY_S = 5.0

STREAM_RETENTION_S = 24 * 3_600
"""As long as the janitor keeps entries on the bus that everybody has finished."""

WINDOW = 500
"""Rows compared at a time."""

PASS_S = 2.0
"""How long one run goes on while it finds rows to compare."""

LATE = timedelta(minutes=1)
"""How long a transaction may stay open on PostgreSQL and still have its rows compared: they carry
numbers from its beginning, and the position may have gone past these."""

ALWAYS, NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Before every row, and behind."""

MOST_TOLD = 100
"""Entries that one audit row names."""

SYSTEM = Actor("reconciler", "system")


@dataclass(frozen=True, slots=True)
class Row:
    """A stored event, as far as the comparison goes."""

    seq: int
    event_id: UUID
    event_type: str
    stream: str
    entry_id: str
    stored_at: datetime


Missing = dict[tuple[str, str], list[Row]]
"""By stream and group: what SQL does not account for, or nobody holds."""


@every(EVERY_S, name="reconcile")
def reconcile() -> int:
    """Put back what the bus has lost; how many deliveries that were.

    Costs in good health: two looks at the bus and, for each 500 rows older than
    `reconcile_after_s` that were not compared before, three queries; nothing is asked of the bus
    but for what a group is behind with. Raises BusUnavailable.
    """
    put_back = _take_up(transport.current().mending.dropped([one.stream for one in registry.all()]))
    position = _position()
    word, server = transport.current().inspector.incarnation()
    if (word, server) != (position.incarnation, position.server):
        position = _begin_again(position, word, server)
    until = time.monotonic() + PASS_S
    after = position.seq
    while time.monotonic() < until and (rows := _rows(after)):
        put_back += _compare(rows, lost_data=after < position.lost_seq)
        after = rows[-1].seq
    _keep(after, position.seq)
    return put_back


def hurry() -> None:
    """Compare everything again, soon: a stream or a group was found gone. One statement.

    Numbers below 0 all mean the beginning; each is another, so that a pass under way, which may
    have gone past what is gone, notices that its own end does not count.
    """
    Reconciliation.objects.filter(pk=1).update(seq=Least(F("seq"), 0) - 1)


def _position() -> Reconciliation:
    row, _ = Reconciliation.objects.get_or_create(pk=1)
    return row


def _begin_again(position: Reconciliation, word: str, server: str) -> Reconciliation:
    """Another server answers, or it was started again, perhaps without its data: compare all.

    Where data were lost, replays that were on the bus are put there once more, and what a group
    keeps no marks of because its effects are sets is delivered to it again. A server met for the
    first time may have lost some already, which only the comparison can tell.
    """
    lost_data = bool(position.incarnation) and word != position.incarnation
    last = StoredEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    with writing():
        position.seq = 0
        position.lost_seq = last if lost_data else position.lost_seq
        position.incarnation, position.server = word, server
        position.save()
        if lost_data:
            DeadLetter.objects.filter(state=DeadLetter.State.REPLAYING).update(redelivered_at=None)
            record(SYSTEM, DATA_LOST, "bus", "the server came back without its data")
    if lost_data:
        logger.error("the bus server has lost its data; what is unfinished is put back")
    return position


def _keep(seq: int, begun_at: int) -> None:
    """Move the position forward, unless it was set back since this pass has begun.

    Not past rows that others may still commit rows before: on PostgreSQL a row carries a number
    from the beginning of its transaction. SQLite has one writer, whose rows come in their order.
    """
    reached = seq
    if connection.vendor != "sqlite":
        settled = now() - timedelta(seconds=bus_settings().reconcile_after_s) - LATE
        young = StoredEvent.objects.filter(stored_at__gte=settled).order_by("seq")
        first = young.values_list("seq", flat=True).first()
        reached = seq if first is None else min(seq, first - 1)
    if reached > begun_at:
        Reconciliation.objects.filter(pk=1, seq=begun_at).update(seq=reached)


def _rows(after: int) -> list[Row]:
    before = now() - timedelta(seconds=bus_settings().reconcile_after_s)
    found = StoredEvent.objects.filter(seq__gt=after, stored_at__lt=before).exclude(relayed_at=None)
    fields = found.order_by("seq").values_list(
        "seq", "event_id", "event_type", "event_version", "entry_id", "stored_at"
    )
    return [
        Row(seq, event_id, event_type, stream_name(event_type, version), entry_id, stored_at)
        for seq, event_id, event_type, version, entry_id, stored_at in fields[:WINDOW]
    ]


def _compare(rows: Sequence[Row], *, lost_data: bool) -> int:
    """Put back what nobody holds of these rows; how many deliveries that were.

    A group that is not on a stream yet, because the type or the version was said before its workers
    knew it, or not any more, is set up at the beginning: what still stands there it will read.
    """
    put_back = 0
    for (stream, group), missing in _unaccounted(rows, lost_data=lost_data).items():
        if transport.current().streams.ensure_group(stream, group):
            logger.warning("group %s was not there on %s; it reads it from now on", group, stream)
        wanted = [(row.event_id, row.entry_id) for row in missing]
        found = transport.current().inspector.whereabouts(stream, group, wanted)
        lost = [row for row in missing if found[row.event_id] == "gone"]
        if lost:  # it may have come to an end since SQL was asked
            done = _accounted([row.event_id for row in lost])
            lost = [row for row in lost if (group, row.event_id) not in done]
        if lost:
            _put_back(stream, group, [row.event_id for row in lost])
            put_back += len(lost)
    return put_back


def _take_up(dropped: Sequence[Dropped]) -> int:
    """Put back what sweeps found held and gone from its stream; how many deliveries that were.

    The store tells which events they were. Where it does not, because they stood in a retry stream
    or their entry is not known to it, everything is compared again; and it is said that they are
    gone. So it is of a group that nobody declares any more.
    """
    put_back = 0
    groups_of: dict[str, list[Dropped]] = defaultdict(list)
    for one in dropped:
        groups_of[one.group].append(one)
    for group, members in groups_of.items():
        places = [Held(one.stream, one.entry_id, "", one.retry) for one in members]
        known = stored_at(group, places) if find(group) else {}
        for stream in sorted({place.stream for place in known}):
            put_back += _put_back_known(stream, group, known)
        if unknown := [place for place in places if place not in known]:
            hurry()
            _note_unknown(group, unknown)
    if dropped:
        transport.current().mending.forget_dropped(dropped)
    return put_back


def _put_back_known(stream: str, group: str, known: Mapping[Held, Stored]) -> int:
    """What of these is neither finished nor skipped on purpose, nor on its way already, which a
    death may have left."""
    skips = Skips.of({group})
    there = [
        (one.event_id, place.entry_id)
        for place, one in known.items()
        if place.stream == stream
        and not one.settled
        and not skips.cover(stream, group, place.entry_id, NEVER)
    ]
    transport.current().streams.ensure_group(stream, group)
    found = transport.current().inspector.whereabouts(stream, group, there)
    lost = [event_id for event_id, _ in there if found[event_id] == "gone"]
    if lost:
        _put_back(stream, group, lost)
    return len(lost)


def _note_unknown(group: str, places: Sequence[Held]) -> None:
    logger.error("group %s: %d entries are gone that the store does not know", group, len(places))
    with writing():
        record(
            SYSTEM,
            ENTRIES_LOST,
            group,
            "entries were gone from their stream while they were held; the store does not say what "
            "they were",
            count=len(places),
            entries=[place.key for place in places[:MOST_TOLD]],
        )


def _unaccounted(rows: Sequence[Row], *, lost_data: bool) -> Missing:
    """What SQL knows no end of: no mark in the inbox, no dead letter."""
    done = _accounted([row.event_id for row in rows])
    missing: Missing = defaultdict(list)
    for group, row in _readings(rows, lost_data=lost_data):
        if (group.name, row.event_id) not in done:
            missing[row.stream, group.name].append(row)
    return _without_skipped(missing) if missing else missing


def _without_skipped(missing: Missing) -> Missing:
    """What an operator has moved a group past is nobody's loss."""
    skips = Skips.of({group for _, group in missing})
    kept = {
        (stream, group): [
            row for row in rows if not skips.cover(stream, group, row.entry_id, row.stored_at)
        ]
        for (stream, group), rows in missing.items()
    }
    return {place: rows for place, rows in kept.items() if rows}


def _readings(rows: Sequence[Row], *, lost_data: bool) -> Iterator[tuple[Group, Row]]:
    """Each row with each group that should have an end of it in SQL.

    A group whose effects are sets keeps no marks: it counts only where data were lost, and for what
    the bus would still have held.
    """
    since = now() - timedelta(seconds=STREAM_RETENTION_S)
    begun = _beginnings()
    for group in groups():
        reads = set(group.reads)
        for row in rows:
            if row.event_type not in reads:
                continue
            if group.idempotent:
                counts = lost_data and row.stored_at > since
            else:
                counts = row.stored_at >= begun[group.name]
            if counts:
                yield group, row


def _beginnings() -> Mapping[str, datetime]:
    """For each group since when events are its own.

    It is younger than the store, perhaps: it found on the bus what the janitor keeps there, and
    nothing older. One that was to begin at the end found what came while it was set up; that is
    taken for a minute. One that has never handled anything waits for all there is, or for nothing.
    """
    first = dict(ConsumerGroup.objects.values_list("name", "begun_at"))
    begun: dict[str, datetime] = {}
    for group in groups():
        at_end = group.start == "now"
        if group.name not in first:
            begun[group.name] = NEVER if at_end else ALWAYS
        else:
            found = LATE if at_end else timedelta(seconds=STREAM_RETENTION_S)
            begun[group.name] = first[group.name] - found
    return begun


def _accounted(event_ids: Sequence[UUID]) -> set[tuple[str, UUID]]:
    names = dict(ConsumerGroup.objects.values_list("pk", "name"))
    marks = HandledEvent.objects.filter(event_id__in=event_ids)
    letters = DeadLetter.objects.filter(event_id__in=event_ids)
    handled = marks.values_list("group_id", "event_id")
    buried = letters.values_list("group_name", "event_id")
    return {(names[number], event_id) for number, event_id in handled} | {
        (name, event_id) for name, event_id in buried if event_id is not None
    }


def _put_back(stream: str, group: str, lost: Sequence[UUID]) -> None:
    """Redeliver to the one group that misses them, and say so in the audit."""
    bodies = dict(StoredEvent.objects.filter(event_id__in=lost).values_list("event_id", "body"))
    transport.current().streams.redeliver(
        group,
        [
            Redelivery(stream, str(event_id), bodies[event_id].encode(), asked=False)
            for event_id in lost
            if event_id in bodies
        ],
    )
    logger.error("group %s: %d events of %s were lost; put back", group, len(lost), stream)
    with writing():
        record(
            SYSTEM,
            PUT_BACK,
            group,
            "the bus no longer held what the store says is unfinished",
            stream=stream,
            count=len(lost),
            first=str(lost[0]),
            last=str(lost[-1]),
        )
