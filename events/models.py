"""What the bus keeps in SQL: the store that is also the outbox, the inbox, dead letters, the audit.

These rows are written by `store`, `execution`, `operations` and `audit`; everybody else reads.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from events.envelope import Event, now

SEARCHED = (
    "last_failed_at", "group_name", "fingerprint", "event_type", "code_version", "error_class",
    "kind", "entity_id", "id",
)  # fmt: skip
"""What dead letters are searched by, besides their state; and the number they are found by, which
an index of PostgreSQL does not have by itself."""


def searched(name: str, *first: str) -> models.Index:
    """An index on dead letters of one state in an order of its own, with all that is searched."""
    rest = (column for column in SEARCHED if column not in first)
    return models.Index(fields=["state", *first, *rest], name=name)


class StoredEvent(models.Model):
    """An accepted event. A row without `relayed_at` still has to reach the bus."""

    seq = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    event_type = models.CharField(max_length=200)
    event_version = models.PositiveIntegerField()
    domain = models.CharField(max_length=60)
    entity_id = models.CharField(max_length=200)
    correlation_id = models.UUIDField()
    causation_id = models.UUIDField(null=True)
    producer = models.CharField(max_length=200)
    occurred_at = models.DateTimeField()
    stored_at = models.DateTimeField()
    relayed_at = models.DateTimeField(null=True)
    entry_id = models.CharField(max_length=50, db_default="")
    """Its entry on the bus; empty while it is not there, or when nobody knows which it is."""
    synthetic = models.BooleanField(default=False)
    body = models.TextField()
    """The envelope exactly as it travels."""

    class Meta:
        indexes = [
            models.Index(fields=["correlation_id"], name="stored_correlation"),
            models.Index(fields=["event_type", "seq"], name="stored_type"),
            models.Index(fields=["domain", "entity_id", "seq"], name="stored_entity"),
            models.Index(fields=["stored_at"], name="stored_at"),
            models.Index(fields=["seq"], name="stored_outbox", condition=Q(relayed_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"

    @property
    def event(self) -> Event:
        """The event this row holds."""
        return Event.from_json(self.body)


class SeenType(models.Model):
    """That a producer's events of a type and version were seen on the bus, and when last."""

    event_type = models.CharField(max_length=200)
    event_version = models.PositiveIntegerField()
    producer = models.CharField(max_length=200)
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_type", "event_version", "producer"], name="seen_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_type} v{self.event_version} of {self.producer}: {self.count}"


class ConsumerGroup(models.Model):
    """The small number by which the inbox knows a group."""

    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=100, unique=True)
    begun_at = models.DateTimeField(default=now)
    """When it was about to handle its first event: what is much older was never its own."""

    def __str__(self) -> str:
        return self.name


class HandledEvent(models.Model):
    """The inbox: this group is done with this event. Written with the handler's own effects."""

    group = models.ForeignKey(ConsumerGroup, on_delete=models.PROTECT, db_index=False)
    event_id = models.UUIDField(db_index=True)
    handled_at = models.DateTimeField()
    duration_us = models.PositiveIntegerField()
    attempts = models.PositiveSmallIntegerField()
    ignored = models.BooleanField(default=False)
    """No handler of the group wanted it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "event_id"], name="handled_once"),
        ]
        indexes = [models.Index(fields=["handled_at"], name="handled_at")]

    def __str__(self) -> str:
        return f"{self.event_id} by group {self.group_id}"


class DeadLetter(models.Model):
    """An event one group could not handle; the other groups know nothing of it."""

    class State(models.TextChoices):
        NEW = "new"
        INVESTIGATING = "investigating"
        REPLAYING = "replaying"
        RESOLVED = "resolved"
        DISCARDED = "discarded"

    class Kind(models.TextChoices):
        PERMANENT = "permanent"
        """The handler rejected it, or it does not validate."""
        EXHAUSTED = "exhausted"
        """It failed at every attempt its handler allows."""
        POISON = "poison"
        """Its handling was begun several times and never ended."""

    OPEN = (State.NEW, State.INVESTIGATING, State.REPLAYING)

    REPLAYABLE = (State.NEW, State.INVESTIGATING)
    """Open, and not on its way already."""

    group_name = models.CharField(max_length=100)
    event_id = models.UUIDField(null=True)
    """None when the entry was too malformed to have one."""
    event_type = models.CharField(max_length=200, blank=True)
    entity_id = models.CharField(max_length=200, blank=True)
    stream = models.CharField(max_length=200)
    entry_id = models.CharField(max_length=50)
    correlation_id = models.UUIDField(null=True)
    synthetic = models.BooleanField(default=False)
    handlers = models.TextField(blank=True)
    body = models.BinaryField()
    """The entry's bytes, unchanged."""

    kind = models.CharField(max_length=10, choices=Kind)
    error_class = models.CharField(max_length=200)
    message = models.TextField()
    traceback = models.TextField(blank=True)
    attempts = models.JSONField(default=list)
    """Every failed attempt: at, error, message, worker."""
    fingerprint = models.CharField(max_length=16)
    worker = models.CharField(max_length=100)
    code_version = models.CharField(max_length=50)
    first_failed_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()

    state = models.CharField(max_length=13, choices=State, default=State.NEW)
    opened_at = models.DateTimeField(default=now)
    """When it was last opened: at its first failure, at each one after a replay, when restored."""
    owner = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True)
    edit = models.ForeignKey(
        "EditedPayload", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    """What the replay under way sends in place of `body`; None when it sends that."""
    redelivered_at = models.DateTimeField(null=True)
    """When the bus took the latest replay; None while that is still to be done."""
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group_name", "event_id"], name="dead_once"),
        ]
        indexes = [
            # Each holds everything a search may ask for: no row is read to count, group or find.
            searched("dead_newest", "last_failed_at"),
            searched("dead_failure", "group_name", "fingerprint", "last_failed_at"),
            searched("dead_type", "event_type", "last_failed_at"),
            searched("dead_version", "code_version", "last_failed_at"),
            models.Index(
                fields=["group_name", "fingerprint", "redelivered_at"],
                name="dead_replayed",
                condition=Q(redelivered_at__isnull=False),
            ),
            # Narrow: counting reads an entry for each letter.
            models.Index(fields=["state", "group_name", "fingerprint", "id"], name="dead_counted"),
            models.Index(fields=["state", "event_type", "id"], name="dead_types"),
            models.Index(fields=["state", "code_version", "id"], name="dead_versions"),
            models.Index(fields=["correlation_id"], name="dead_correlation"),
            models.Index(fields=["event_id"], name="dead_event"),
            models.Index(fields=["entity_id"], name="dead_entity"),
            models.Index(
                fields=["id"],
                name="dead_to_redeliver",
                condition=Q(state="replaying", redelivered_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type or 'entry'} {self.event_id or self.entry_id} of {self.group_name}"


class EditedPayload(models.Model):
    """A payload an operator has put right for the one group that could not handle it.

    The event keeps its identity, its correlation and its cause; the store and the other groups keep
    what was said.
    """

    letter = models.ForeignKey(DeadLetter, on_delete=models.CASCADE, related_name="edits")
    body = models.BinaryField()
    """The envelope with the new payload, as it is sent."""
    changes = models.JSONField(default=list)
    """What differs: path, before, after; sensitive values masked."""
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=60)
    reason = models.TextField()
    edited_at = models.DateTimeField()
    operation = models.ForeignKey(
        "Operation", on_delete=models.SET_NULL, null=True, related_name="edits"
    )

    def __str__(self) -> str:
        return f"edit {self.pk} of dead letter {self.letter_id}"


class FailureNote(models.Model):
    """What operators say of the dead letters of one group with one fingerprint."""

    group_name = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=16)
    owner = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True)
    silenced_until = models.DateTimeField(null=True)
    """Until then it is not among what needs attention."""
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group_name", "fingerprint"], name="noted_once")
        ]

    def __str__(self) -> str:
        return f"{self.group_name} {self.fingerprint}: {self.note or self.owner}"


class PausedGroup(models.Model):
    """A group whose workers neither read nor run, until an operator says otherwise."""

    group_name = models.CharField(max_length=100, unique=True)
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=60)
    reason = models.TextField()
    paused_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.group_name} is paused"


class Operation(models.Model):
    """What an operator asked for, before anything of it is done: what exactly, how, who and why.

    Its set are its items, frozen when they are written. `operations` moves it on.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        """Shown, not confirmed: nothing of it is done."""
        RUNNING = "running"
        PAUSED = "paused"
        STOPPED = "stopped"
        """It has stopped by itself: too many failed again. It can be resumed."""
        CANCELLED = "cancelled"
        DONE = "done"

    UNDER_WAY = (State.RUNNING, State.PAUSED, State.STOPPED)

    kind = models.CharField(max_length=30)
    group_name = models.CharField(max_length=100)
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=60)
    reason = models.TextField(blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.DONE)
    state_reason = models.TextField(blank=True)
    """Why it is in this state, in a sentence; who paused, resumed or cancelled it."""
    asked = models.JSONField(default=dict)
    """What was asked for, by which the set was chosen."""
    details = models.JSONField(default=dict)
    """What a kind has to remember besides: positions before a move, results."""
    total = models.PositiveIntegerField(default=0)
    """Items of its set."""
    not_included = models.PositiveIntegerField(default=0)
    """What matched as well when the set was frozen, and was not shown."""
    settled = models.JSONField(default=dict)
    """Of the items up to `settled_to`: state -> [how many ended so, how many of them were sent]."""
    settled_to = models.BigIntegerField(default=0)
    """All its items up to this number have ended."""
    ramp = models.BooleanField(default=False)
    """Try 1, then 10, then 100, before the rest; stop when too many fail."""
    stop_percent = models.PositiveSmallIntegerField(default=10)
    """A ramp stops when more of what has ended failed again."""
    rate_per_s = models.FloatField(null=True)
    """Most events a second; None for as many as the group takes."""
    sent_at = models.DateTimeField(null=True)
    """When the last items were sent: what a rate goes by."""
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="operation_newest"),
            models.Index(fields=["state", "created_at"], name="operation_state"),
        ]

    def __str__(self) -> str:
        return f"operation {self.pk}: {self.kind}"


class OperationItem(models.Model):
    """One event of an operation's frozen set, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        """Its turn has not come."""
        SENT = "sent"
        """It is with the group, or on its way there."""
        HANDLED = "handled"
        FAILED = "failed"
        """It is a dead letter once more."""
        SKIPPED = "skipped"
        """It was not sent; `told` says why."""

    OPEN = (State.WAITING, State.SENT)

    operation = models.ForeignKey(
        Operation, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    letter = models.ForeignKey(DeadLetter, on_delete=models.SET_NULL, null=True, related_name="+")
    """None for an event that is no dead letter, and when the letter was removed since."""
    event_id = models.UUIDField(null=True)
    said_id = models.UUIDField(null=True)
    """Id of the new event it was said again as."""
    stream = models.CharField(max_length=200)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    told = models.TextField(blank=True)
    """The error it failed again with, or why it was skipped; masked."""
    result = models.JSONField(null=True)
    """What a rehearsal found."""
    sent_at = models.DateTimeField(null=True)
    relayed_at = models.DateTimeField(null=True)
    """When the bus took it; of a dead letter its `redelivered_at` tells."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["operation", "state", "id"], name="item_state"),
            models.Index(
                fields=["id"],
                name="item_to_redeliver",
                condition=Q(state="sent", letter=None, relayed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk} of operation {self.operation_id}: {self.state}"


class Reconciliation(models.Model):
    """How far the comparison of the store with the bus has come. One row, number 1."""

    seq = models.BigIntegerField(default=0)
    """Everything up to this row was compared."""
    lost_seq = models.BigIntegerField(default=0)
    """Rows up to this one were on the bus when it lost its data."""
    incarnation = models.CharField(max_length=50, blank=True)
    """The bus server's word at that time; another one means that it has lost its data."""
    server = models.CharField(max_length=60, blank=True)
    """The run of the server; another one may have taken over, or it was started again."""

    def __str__(self) -> str:
        return f"compared up to {self.seq}"


class AuditEntry(models.Model):
    """Who did what, and why. Each row commits to the one before it."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=60)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["action", "at"], name="audit_action_at")]

    def __str__(self) -> str:
        return f"{self.seq}: {self.actor} {self.action} {self.target}"
