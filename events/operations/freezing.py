"""Writing the set of an operation: from what was chosen, in one statement."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable

from events.models import Operation, OperationItem


def freeze(operation: Operation, rows: QuerySet[Any, Any], **columns: Combinable) -> None:
    """Write an item that waits for each of `rows`, in their order, and note how many.

    `columns` says of further columns of an item what stands there; event and stream are those of
    the row. Call it in the transaction that writes the operation.
    """
    written = {
        "operation_id": Value(operation.pk),
        "event_id": F("event_id"),
        "stream": F("stream"),
        "state": Value(OperationItem.State.WAITING.value),
        "told": Value(""),
        **columns,
    }
    # Named apart from the fields of the rows, of which some are called the same.
    named = {f"item_{name}": value for name, value in written.items()}
    sql, params = rows.annotate(**named).values_list(*named).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO events_operationitem ({', '.join(written)}) {sql}", params)
    operation.total = operation.items.count()
    operation.save(update_fields=["total"])
