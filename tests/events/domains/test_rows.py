"""Rows locked, written and forgotten."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from events.domains import rows
from events.domains.gamification.models import Standing, XPProfile

pytestmark = pytest.mark.django_db


def test_rows_that_are_absent_are_created_with_their_defaults() -> None:
    XPProfile.objects.create(user_id=2, total_xp=70)

    with transaction.atomic():
        found = rows.locked(XPProfile, [3, 2, 3])

    assert {key: row.total_xp for key, row in found.items()} == {2: 70, 3: 0}
    assert XPProfile.objects.count() == 2


def test_rows_come_in_the_order_of_their_keys_so_that_nobody_waits_in_a_circle() -> None:
    XPProfile.objects.bulk_create([XPProfile(user_id=number) for number in (9, 1, 5)])

    with transaction.atomic():
        found = rows.locked(XPProfile, [5, 9, 1])

    assert list(found) == [1, 5, 9]


def test_known_rows_cost_one_query_to_lock_and_one_to_write() -> None:
    keys = [("daily", "2026-01-15", user) for user in range(1, 40)]
    with transaction.atomic():
        rows.locked(Standing, keys)

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        found = rows.locked(Standing, keys)
        for row in found.values():
            row.score += row.user_id
        rows.save(Standing, found.values())

    assert len(queries) == 2
    assert Standing.objects.get(user_id=39).score == 39


def test_forgetting_takes_many_small_bites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FORGET_BATCH", 2)
    XPProfile.objects.bulk_create([XPProfile(user_id=number) for number in range(1, 8)])

    removed = rows.forget(XPProfile.objects.filter(user_id__lte=5))

    assert removed == 5
    assert set(XPProfile.objects.values_list("user_id", flat=True)) == {6, 7}
