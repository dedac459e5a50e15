"""Carry the sets of earlier operations over, and what is known of dead letters besides."""

from __future__ import annotations

import json
from typing import Any

from django.db import migrations
from django.db.models import F

CHUNK = 500


def carry_over(apps: Any, schema_editor: Any) -> None:
    """A row for each event of a set; the instant letters were opened; whom they speak of."""
    letter, item = apps.get_model("events", "DeadLetter"), apps.get_model("events", "OperationItem")
    letter.objects.update(opened_at=F("last_failed_at"))
    for row in letter.objects.only("pk", "body").iterator(CHUNK):
        if entity_id := _entity_id(bytes(row.body)):
            letter.objects.filter(pk=row.pk).update(entity_id=entity_id)
    for operation in apps.get_model("events", "Operation").objects.iterator(CHUNK):
        found = letter.objects.in_bulk(operation.dead_letter_ids)
        item.objects.bulk_create(
            [_item(item, operation, row) for row in found.values()], batch_size=CHUNK
        )
        operation.total = len(operation.dead_letter_ids)
        operation.started_at = operation.created_at
        if any(row.state == "replaying" for row in found.values()):
            operation.state = "running"
        else:
            operation.ended_at = operation.created_at
        operation.save()


def _item(model: Any, operation: Any, row: Any) -> Any:
    became = {"resolved": "handled", "replaying": "sent"}.get(row.state, "failed")
    return model(
        operation=operation,
        letter=row,
        event_id=row.event_id,
        stream=row.stream,
        state=became,
        told=row.error_class if became == "failed" else "",
        sent_at=operation.created_at,
        ended_at={"handled": row.resolved_at, "failed": row.last_failed_at}.get(became),
    )


def _entity_id(body: bytes) -> str:
    try:
        return str(json.loads(body)["entity_id"])[:200].replace("\0", "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


class Migration(migrations.Migration):
    dependencies = [("events", "0007_operations")]
    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
