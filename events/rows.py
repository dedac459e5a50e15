"""Rows of the hot tables, written and looked up without the ORM's query building.

Building an INSERT or a filter costs the ORM more than the database needs to carry it out, and so
does making an instance of a model only to write it. Statements and conversions are made once for
each table and kind of database; PostgreSQL gets columns as arrays, in one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection, models

from events.models import DeadLetter, HandledEvent, StoredEvent

Mark = tuple[UUID, datetime, str]
"""The bus has this event since then, as this entry ('' when nobody knows which)."""


def insert(
    model: type[models.Model],
    names: tuple[str, ...],
    rows: Collection[Sequence[Any]],
    *,
    unless_known: bool = False,
) -> None:
    """Write new rows of one model with one statement, whatever their number.

    `names` are attributes in the order of each row's values; every column without a default of
    the database's own must be among them. No signals, no primary keys given back. A row that breaks
    a unique constraint raises IntegrityError, or is passed over with `unless_known`.
    """
    if not rows:
        return
    table = _table(model, names, connection.vendor)
    statement = table.insert + (" ON CONFLICT DO NOTHING" if unless_known else "")
    _write(statement, _columns(table, rows))


def insert_unknown(
    names: tuple[str, ...], rows: Collection[Sequence[Any]], event_ids: Collection[UUID]
) -> set[UUID]:
    """Write those of these events that are not stored yet; returns their ids.

    `rows` in the order of `names`, `event_ids` their ids. One statement on PostgreSQL, which tells
    what it wrote; on SQLite one to look and one to write.
    """
    if not rows:
        return set()
    if connection.vendor == "sqlite":
        known = known_events(event_ids)
        pairs = zip(event_ids, rows, strict=True)
        new = {event_id: row for event_id, row in pairs if event_id not in known}
        insert(StoredEvent, names, list(new.values()), unless_known=True)
        return set(new)
    table = _table(StoredEvent, names, connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(
            table.insert + " ON CONFLICT DO NOTHING RETURNING event_id", _columns(table, rows)
        )
        return {event_id for (event_id,) in cursor.fetchall()}


def known_events(event_ids: Collection[UUID]) -> set[UUID]:
    """Which of these events are stored."""
    if not event_ids:
        return set()
    return _found("SELECT event_id FROM events_storedevent WHERE {}", [], event_ids)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Events of which one group wants to know whether it is done with them."""

    group_id: int
    group_name: str
    event_ids: Collection[UUID]
    first_time: Collection[UUID]
    """Those of them that no operator has asked for: a dead letter keeps these from running. One
    that was asked for runs unless its letter was opened or discarded since."""

    @property
    def asked_for(self) -> list[UUID]:
        """The others."""
        return [event_id for event_id in self.event_ids if event_id not in self.first_time]


HANDLED_BY = "SELECT group_id, event_id FROM events_handledevent WHERE group_id = %s AND "
BURIED_BY = (
    "SELECT CAST(%s AS smallint), event_id FROM events_deadletter "  # noqa: S608  our own words
    f"WHERE group_name = %s AND state <> '{DeadLetter.State.RESOLVED.value}' AND "
)

CLOSED_BY = (
    "SELECT CAST(%s AS smallint), event_id FROM events_deadletter "  # noqa: S608  our own words
    f"WHERE group_name = %s AND state NOT IN ('{DeadLetter.State.RESOLVED.value}', "
    f"'{DeadLetter.State.REPLAYING.value}') AND "
)


def settled(wanted: Sequence[Wanted]) -> set[tuple[int, UUID]]:
    """Which of these events a group has handled, or holds as a dead letter that is not resolved.

    Pairs of the group's number and the event's id. One statement for any number of groups.
    """
    asked: list[str] = []
    values: list[Any] = []
    for one in wanted:
        condition, given = _among(one.event_ids)
        asked.append(HANDLED_BY + condition)
        values += [one.group_id, *given]
        for ids, buried in ((one.first_time, BURIED_BY), (one.asked_for, CLOSED_BY)):
            if ids:
                condition, given = _among(ids)
                asked.append(buried + condition)
                values += [one.group_id, one.group_name, *given]
    if not asked:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked), values)
        return {(group_id, _uuid(event_id)) for group_id, event_id in cursor.fetchall()}


def mark_relayed(marks: Sequence[Mark]) -> None:
    """Note when the bus took these events and as which entries, for those without such a mark."""
    table = _table(StoredEvent, ("event_id", "relayed_at", "entry_id"), connection.vendor)
    columns = _columns(table, marks)
    if connection.vendor == "sqlite":
        event_ids, ats, entry_ids = columns
        _write(
            "UPDATE events_storedevent SET relayed_at = %s, entry_id = %s "
            "WHERE event_id = %s AND relayed_at IS NULL",
            [ats, entry_ids, event_ids],
        )
        return
    _write(
        "UPDATE events_storedevent SET relayed_at = mark.at, entry_id = mark.entry FROM "
        "unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS mark (event, at, entry) "
        "WHERE event_id = mark.event AND relayed_at IS NULL",
        columns,
    )


@dataclass(frozen=True)
class _Table:
    """What is said to one kind of database about some columns of a table."""

    insert: str
    convert: Sequence[Callable[[Any], Any] | None]


@cache
def _table(model: type[models.Model], names: tuple[str, ...], vendor: str) -> _Table:
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in names]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    if vendor == "sqlite":
        source = f"VALUES ({', '.join(['%s'] * len(fields))})"
    else:
        arrays = ", ".join(f"%s::{_type(field)}[]" for field in fields)
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608
    return _Table(
        insert=f'INSERT INTO "{model._meta.db_table}" ({columns}) {source}',
        convert=[_sqlite(field) if vendor == "sqlite" else _postgresql(field) for field in fields],
    )


def _type(field: Any) -> str:
    """The column's type in a cast; text for texts: a cast to varchar(n) would cut silently."""
    kind = str(field.cast_db_type(connection))
    return "text" if kind.startswith("varchar") else kind


def _postgresql(field: Any) -> Callable[[Any], str]:
    """How a value of this field stands in the text of an array (PostgreSQL, "Array Input").

    The driver's own arrays are written by a regular expression for each value, and took longer than
    all the rest of an insert.
    """
    if isinstance(field, models.CharField | models.TextField):
        return _array_text
    if isinstance(field, models.UUIDField):  # its text with dashes takes twice as long to make
        return lambda value: "NULL" if value is None else value.hex
    return lambda value: "NULL" if value is None else f'"{value}"'


def _array_text(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sqlite(field: Any) -> Callable[[Any], Any] | None:
    """How Django writes a value of this field to SQLite; None for what goes as it is."""
    if isinstance(field, models.UUIDField):
        return _hex
    if isinstance(field, models.DateTimeField):
        return _naive
    if isinstance(field, models.JSONField | models.DecimalField | models.DateField):
        return lambda value: field.get_db_prep_save(value, connection)
    return None


_hex_of = attrgetter("hex")


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex


def _naive(value: datetime | None) -> str | None:
    if value is None:
        return None
    return str((value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None))


def _columns(table: _Table, rows: Collection[Sequence[Any]]) -> list[Any]:
    """Rows turned to columns, as this database takes them: sequences, or an array's text."""
    columns = [
        values if convert is None else [convert(value) for value in values]
        for convert, values in zip(table.convert, zip(*rows, strict=True), strict=True)
    ]
    if connection.vendor == "sqlite":
        return columns
    return ["{" + ",".join(column) + "}" for column in columns]


def _write(statement: str, columns: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.executemany(statement, list(zip(*columns, strict=True)))
        else:
            cursor.execute(statement, columns)


def _found(statement: str, values: list[Any], event_ids: Collection[UUID]) -> set[UUID]:
    """Event ids a statement finds among these; ``{}`` in it is the condition."""
    condition, given = _among(event_ids)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(condition), [*values, *given])
        return {_uuid(found) for (found,) in cursor.fetchall()}


def _among(event_ids: Collection[UUID]) -> tuple[str, list[Any]]:
    """The condition that an event is one of these, and its values."""
    if connection.vendor == "sqlite":
        return f"event_id IN ({', '.join(['%s'] * len(event_ids))})", list(map(_hex, event_ids))
    return "event_id = ANY(%s::uuid[])", ["{" + ",".join(map(_hex_of, event_ids)) + "}"]


def _uuid(found: Any) -> UUID:
    return found if isinstance(found, UUID) else UUID(found)


HANDLED = ("group_id", "event_id", "handled_at", "duration_us", "attempts", "ignored")
"""Columns of an inbox mark."""


def mark_handled(rows: Collection[Sequence[Any]]) -> None:
    """Write inbox marks, their values in the order of HANDLED. Raises IntegrityError for one that
    is there already: another worker has handled the event at the same time."""
    insert(HandledEvent, HANDLED, rows)
