"""What financial keeps: payments, subscriptions, the revenue ledger and compliance findings."""

from __future__ import annotations

from django.db import models

from events.domains.fields import ExactDecimalField


class Payment(models.Model):
    """A payment this domain took; payments taken elsewhere are known by their events alone."""

    payment_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    amount = ExactDecimalField()
    currency = models.CharField(max_length=8)
    purpose = models.CharField(max_length=12)
    plan = models.CharField(max_length=40, blank=True)
    method = models.CharField(max_length=20, blank=True, db_default="")
    """How it was paid; empty where the caller did not tell."""
    paid_at = models.DateTimeField()
    refunded_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.amount} {self.currency}"


class Subscription(models.Model):
    """What a user has of a plan: one row, however often it ended and began again."""

    subscription_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(default=0, db_index=True)
    plan = models.CharField(max_length=40, default="")
    active = models.BooleanField(default=False)
    period_end = models.DateField(null=True)
    last_payment_id = models.CharField(max_length=100, default="")
    """The payment that began or last renewed it: giving that one back ends it."""

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.plan} until {self.period_end}"


class SubscriptionPayment(models.Model):
    """What became of a payment as far as subscriptions go by it.

    A payment and its refund travel on two streams, so either may be heard of first.
    """

    payment_id = models.CharField(primary_key=True, max_length=100)
    subscription_id = models.CharField(max_length=100, default="")
    """The subscription it paid for; empty before the payment was heard of."""
    refunded_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.payment_id} for {self.subscription_id}"


class RevenueEntry(models.Model):
    """An entry of the revenue ledger: what one event earned the house. Never changed."""

    event_id = models.UUIDField(primary_key=True)
    """The event it was earned with."""
    user_id = models.BigIntegerField(db_index=True)
    source = models.CharField(max_length=15)
    amount = ExactDecimalField()
    """In whole cents."""
    currency = models.CharField(max_length=8)
    reference = models.CharField(max_length=100)
    earned_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.source} {self.reference}: {self.amount} {self.currency}"


class ComplianceFinding(models.Model):
    """Something a compliance officer has to look at."""

    finding_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(db_index=True)
    rule = models.CharField(max_length=60)
    severity = models.CharField(max_length=6)
    amount = ExactDecimalField(null=True)
    event_id = models.UUIDField()
    """The event it was found in."""
    raised_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.rule} of user {self.user_id}, {self.severity}"
