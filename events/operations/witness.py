"""What a piece of work says to SQL: how many statements, and which rows of which tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from events.errors import AstraError

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]

WRITES = re.compile(
    r"\s*(?:(?P<insert>INSERT|REPLACE)\s+(?:OR\s+\w+\s+)?INTO|(?P<update>UPDATE)(?:\s+ONLY)?"
    r"|(?P<delete>DELETE)\s+FROM(?:\s+ONLY)?)\s+\"?(?P<table>\w+)\"?",
    re.IGNORECASE,
)
"""A statement that writes, and to which table."""

ENDS_IT = re.compile(
    r"(?:^|;)\s*(?:COMMIT|END|ABORT|BEGIN|START\s+TRANSACTION|PREPARE\s+TRANSACTION"
    r"|ROLLBACK(?!\s+(?:WORK\s+|TRANSACTION\s+)?TO\b))\b",
    re.IGNORECASE,
)
"""A statement that would end the transaction it is said in."""

BOOKKEEPING = re.compile(r"\s*(?:SAVEPOINT|RELEASE|ROLLBACK|SET|PRAGMA)\b", re.IGNORECASE)
"""Savepoints and the like: nothing that a handler asked for."""

SET_COLUMN = re.compile(r"(?<![.\w\"])\"?(\w+)\"?\s*=(?!=)")
PARENTHESES = re.compile(r"\([^()]*\)")
WHERE = re.compile(r"\bWHERE\b|\bFROM\b|\bRETURNING\b", re.IGNORECASE)


class EndsTransaction(AstraError):
    """Work that is watched said COMMIT or the like itself."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What was written to one table."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    upserted: int = 0
    """Inserted, or updated where they were there already: the database does not say which."""
    columns: tuple[str, ...] = ()
    """Columns that were set in rows that were there; their values are not kept."""


@dataclass(slots=True)
class Witness:
    """Listens to one thread's connection; give it to ``connection.execute_wrapper``.

    Costs one or two regular expressions a statement. A statement that begins with WITH counts, and
    what it writes is not seen.
    """

    statements: int = 0
    _tables: dict[str, dict[str, int]] = field(default_factory=dict)
    _columns: dict[str, dict[str, None]] = field(default_factory=dict)
    _pending: tuple[str, str, Any] | None = None

    def __call__(
        self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        """Carry a statement out and note what it did. Raises EndsTransaction instead where it would
        end the transaction, or where that has ended: it would be committed by itself."""
        if ENDS_IT.search(sql):
            raise EndsTransaction(f"{sql.strip()[:40]!r} would end the transaction it is said in")
        if connection.vendor == "sqlite" and not connection.connection.in_transaction:
            raise EndsTransaction("SQLite has rolled the transaction back by itself")
        self._settle()
        result = execute(sql, params, many, context)
        if BOOKKEEPING.match(sql):
            return result
        self.statements += 1
        found = WRITES.match(sql)
        if found:
            self._note(found, sql, context["cursor"])
        return result

    @property
    def rows(self) -> tuple[Rows, ...]:
        """What was written, by table."""
        self._settle()
        return tuple(
            Rows(table, columns=tuple(self._columns.get(table, ())), **counts)
            for table, counts in sorted(self._tables.items())
            if any(counts.values())
        )

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables something was written to."""
        return tuple(self._tables)

    def _note(self, found: re.Match[str], sql: str, cursor: Any) -> None:
        table = found["table"]
        rest = sql[found.end() :]
        upsert = re.search(r"ON\s+CONFLICT\b.*\bDO\s+UPDATE\s+SET\b", rest, re.I | re.S)
        kind = "deleted" if found["delete"] else "updated" if found["update"] else "inserted"
        if upsert and kind == "inserted":
            kind, rest = "upserted", rest[upsert.end() :]
        if kind in ("updated", "upserted"):
            self._columns.setdefault(table, {}).update(dict.fromkeys(_set_columns(rest)))
        self._tables.setdefault(table, {})
        self._pending = (table, kind, cursor)
        if connection.vendor != "sqlite" or "RETURNING" not in sql:
            self._settle()

    def _settle(self) -> None:
        """Count the rows of the latest write: of one that returns rows, SQLite knows only when all
        were fetched."""
        if self._pending is None:
            return
        table, kind, cursor = self._pending
        self._pending = None
        counts = self._tables[table]
        counts[kind] = counts.get(kind, 0) + max(cursor.rowcount, 0)


def _set_columns(assignments: str) -> list[str]:
    """Columns that are set at the head of these words; what stands in parentheses sets none."""
    flat, before = WHERE.split(assignments)[0], ""
    while flat != before:
        flat, before = PARENTHESES.sub("", flat), flat
    return SET_COLUMN.findall(flat)
