"""Decimal columns that stay exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection

from events.domains.analytics.models import MinuteMetric
from events.domains.fields import ExactDecimalField, plain
from events.envelope import now

TOO_LONG_FOR_A_DOUBLE = Decimal("12345678901234567890.12345678")


@pytest.mark.django_db
def test_a_sum_no_double_could_hold_comes_back_unchanged() -> None:
    MinuteMetric.objects.create(minute=now(), event_type="A.B", amount=TOO_LONG_FOR_A_DOUBLE)

    amount = MinuteMetric.objects.get().amount

    assert amount == TOO_LONG_FOR_A_DOUBLE


@pytest.mark.django_db
def test_ten_times_ten_cents_are_exactly_one() -> None:
    metric = MinuteMetric.objects.create(minute=now(), event_type="A.B", currency="USD")

    for _ in range(10):
        metric = MinuteMetric.objects.get(pk=metric.pk)
        metric.amount += Decimal("0.1")
        metric.save()

    assert MinuteMetric.objects.get(pk=metric.pk).amount == Decimal(1)


def test_only_postgresql_is_trusted_with_a_number() -> None:
    kind = ExactDecimalField(max_digits=20, decimal_places=4).db_type(connection)

    assert kind == ("numeric(20, 4)" if connection.vendor == "postgresql" else "text")


@pytest.mark.parametrize(
    ("given", "shown"),
    [("5", "5.00"), ("1500.00000000", "1500.00"), ("0.12500000", "0.125"), ("0E-8", "0.00")],
)
def test_a_sum_is_shown_with_two_decimals_or_as_many_as_it_needs(given: str, shown: str) -> None:
    assert str(plain(Decimal(given))) == shown


def test_a_sum_of_forty_digits_is_not_rounded() -> None:
    huge = Decimal("1" * 40)

    assert plain(huge) == huge
