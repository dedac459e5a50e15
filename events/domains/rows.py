"""Rows that many workers change: locked in one order, written in one statement.

The statements are made once for each model: building them anew for every event cost the ORM more
than the database needed to carry them out, and took half of a small transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)

FORGET_BATCH = 1_000
"""Rows one statement of `forget` removes: short enough a lock for those who write meanwhile."""

KEYS_AT_ONCE = 200
"""Keys one look-up names on SQLite, which bounds the number of parameters."""


def locked(model: type[Row], keys: Iterable[Any]) -> dict[Any, Row]:
    """The rows with these primary keys, ours until the transaction ends; absent ones are created.

    Every field but the key needs a default. Keys are taken in order, so that two workers with the
    same rows wait for each other instead of blocking each other. One statement, three when rows
    were absent.
    """
    wanted = sorted(set(keys))
    rows = _locked(model, wanted)
    missing = [model(pk=key) for key in wanted if key not in rows]
    if missing:
        _write(missing, _statements(model, connection.vendor).create)
        rows = _locked(model, wanted)
    return rows


def save(model: type[Row], rows: Iterable[Row]) -> None:
    """Write rows that `locked` gave, all their fields, in one statement."""
    changed = list(rows)
    if changed:
        _write(changed, _statements(model, connection.vendor).upsert)


def add(rows: Sequence[models.Model], *, unless_known: bool = False) -> None:
    """Write new rows of one model in one statement; no keys made by the database come back.

    One that breaks a unique constraint raises IntegrityError, or is passed over with
    `unless_known`.
    """
    if rows:
        said = _statements(type(rows[0]), connection.vendor)
        _write(rows, said.create if unless_known else said.add)


def forget(rows: models.QuerySet[Row]) -> int:
    """Delete these rows, a bounded number at a time, each in its own transaction; how many."""
    removed = 0
    while keys := list(rows.values_list("pk", flat=True)[:FORGET_BATCH]):
        removed += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return removed


@dataclass(frozen=True)
class _Statements:
    """What is said to one kind of database about one model."""

    fields: Sequence[Any]
    names: Sequence[str]
    converters: Sequence[Sequence[Callable[..., Any]]]
    """Of each field: how a value of the database becomes one of Python."""
    keys: Sequence[Any]
    select: str
    """``{}`` is the condition, on SQLite."""
    is_key: str
    """The condition for one key, on SQLite."""
    written: Sequence[Any]
    """Fields that are written: all but a key the database makes."""
    add: str
    create: str
    upsert: str


@cache
def _statements(model: type[models.Model], vendor: str) -> _Statements:
    fields = list(model._meta.concrete_fields)
    keys = list(model._meta.pk_fields)
    table, columns = _quoted(model._meta.db_table), ", ".join(_quoted(f.column) for f in fields)
    named_keys = ", ".join(_quoted(key.column) for key in keys)
    others = [_quoted(field.column) for field in fields if field not in keys]
    written = [field for field in fields if not isinstance(field, models.AutoField)]
    named = ", ".join(_quoted(field.column) for field in written)
    if vendor == "sqlite":
        source = f"VALUES ({', '.join(['%s'] * len(written))})"
    else:
        arrays = ", ".join(f"%s::{_type(field)}[]" for field in written)
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608
    insert = f"INSERT INTO {table} ({named}) {source}"
    nothing = " ON CONFLICT DO NOTHING"
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in others)
    among = "{}"
    lock = ""
    if vendor != "sqlite":
        key_arrays = ", ".join(f"%s::{_type(key)}[]" for key in keys)
        among = f"({named_keys}) IN (SELECT * FROM unnest({key_arrays}))"  # noqa: S608
        lock = " FOR UPDATE"
    return _Statements(
        fields=fields,
        names=[field.attname for field in fields],
        converters=[_converters(model, field) for field in fields],
        keys=keys,
        select=f"SELECT {columns} FROM {table} WHERE {among} ORDER BY {named_keys}{lock}",  # noqa: S608
        is_key="(" + " AND ".join(f"{_quoted(key.column)} = %s" for key in keys) + ")",
        written=written,
        add=insert,
        create=insert + nothing,
        upsert=insert
        + (
            f" ON CONFLICT ({named_keys}) DO UPDATE SET {changes}"
            if others
            else " ON CONFLICT DO NOTHING"
        ),
    )


def _converters(model: type[models.Model], field: Any) -> list[Callable[..., Any]]:
    column = field.get_col(model._meta.db_table)
    return [
        *connection.ops.get_db_converters(column),
        *field.get_db_converters(connection),
    ]


def _locked(model: type[Row], keys: Sequence[Any]) -> dict[Any, Row]:
    if not keys:
        return {}
    said = _statements(model, connection.vendor)
    found: list[Row] = []
    with connection.cursor() as cursor:
        for statement, values in _asked(said, [_prepared(said.keys, key) for key in keys]):
            cursor.execute(statement, values)
            found += [_row(model, said, values) for values in cursor.fetchall()]
    return {row.pk: row for row in found}


def _asked(said: _Statements, keys: list[list[Any]]) -> Iterator[tuple[str, list[Any]]]:
    """The look-ups for these keys, with their values: one on PostgreSQL, which takes arrays."""
    if connection.vendor != "sqlite":
        yield said.select, [list(column) for column in zip(*keys, strict=True)]
        return
    for at in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[at : at + KEYS_AT_ONCE]
        condition = " OR ".join([said.is_key] * len(some))
        yield said.select.format(condition), [value for key in some for value in key]


def _prepared(keys: Sequence[Any], value: Any) -> list[Any]:
    parts = value if len(keys) > 1 else (value,)
    return [key.get_db_prep_value(part, connection) for key, part in zip(keys, parts, strict=True)]


def _row(model: type[Row], said: _Statements, values: Sequence[Any]) -> Row:
    for converters in said.converters:
        if converters:
            values = [
                _converted(value, converters)
                for value, converters in zip(values, said.converters, strict=True)
            ]
            break
    return model.from_db(connection.alias, said.names, values)


def _converted(value: Any, converters: Sequence[Callable[..., Any]]) -> Any:
    for convert in converters:
        value = convert(value, None, connection)
    return value


def _write(rows: Sequence[models.Model], statement: str) -> None:
    fields = _statements(type(rows[0]), connection.vendor).written
    values = [
        [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
        for row in rows
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.executemany(statement, values)
        else:  # a column is an array: one statement for the server too, whatever the number of rows
            cursor.execute(statement, [list(column) for column in zip(*values, strict=True)])


def _type(field: Any) -> str:
    """The column's type in a cast; text for texts: a cast to varchar(n) would cut silently."""
    kind = str(field.cast_db_type(connection))
    return "text" if kind.startswith("varchar") else kind


def _quoted(name: str | None) -> str:
    return f'"{name}"'
