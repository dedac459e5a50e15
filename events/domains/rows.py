"""Rows that many workers change: locked in one order, written in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)

FORGET_BATCH = 1_000
"""Rows one statement of `forget` removes: short enough a lock for those who write meanwhile."""


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
        model._default_manager.bulk_create(missing, ignore_conflicts=True)
        rows = _locked(model, wanted)
    return rows


def save(model: type[Row], rows: Iterable[Row]) -> None:
    """Write rows that `locked` gave, all their fields, in one statement."""
    keys = [field.name for field in model._meta.pk_fields]
    others = [f.name for f in model._meta.concrete_fields if f.name not in keys]
    model._default_manager.bulk_create(
        list(rows), update_conflicts=True, unique_fields=keys, update_fields=others
    )


def forget(rows: models.QuerySet[Row]) -> int:
    """Delete these rows, a bounded number at a time, each in its own transaction; how many."""
    removed = 0
    while keys := list(rows.values_list("pk", flat=True)[:FORGET_BATCH]):
        removed += rows.model._default_manager.filter(pk__in=keys).delete()[0]
    return removed


def _locked(model: type[Row], keys: list[Any]) -> dict[Any, Row]:
    rows = model._default_manager.select_for_update().filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}
