"""The record of what operators did: append-only, each row committing to the one before."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from events.envelope import now
from events.models import AuditEntry

LOCK = 0x4153_5452_4155
"""Number of PostgreSQL's advisory lock on the audit ("ASTRAU"); nobody else takes it."""


DATA_LOST, PUT_BACK, ENTRIES_LOST = "bus.data-lost", "bus.put-back", "bus.entries-lost"
"""Actions of the reconciler: the server came back empty; a group was given back what it lost; it
lost what nobody knows."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and by which way in."""

    name: str
    via: str
    """console, command line or api."""
    may_operate: bool = False
    may_admin: bool = False
    stepped_up: bool = False
    """Has given the password again in the last minutes, or is at the machine's own shell."""


def record(actor: Actor, action: str, target: str, reason: str = "", **details: Any) -> AuditEntry:
    """Write one row; call it in the transaction of the action itself.

    Sequence numbers have no gaps; the hash is an HMAC-SHA256 over the row and the hash before it,
    under a key that is not in the database. Two queries, three on PostgreSQL.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an audit row belongs in the transaction of what it records")
    _take_turn()
    last = AuditEntry.objects.order_by("-seq").first()
    entry = AuditEntry(
        seq=last.seq + 1 if last else 1,
        at=now(),
        actor=actor.name,
        via=actor.via,
        action=action,
        target=target,
        reason=reason,
        details=details,
        previous_hash=last.hash if last else "",
    )
    entry.hash = digest(entry)
    entry.save(force_insert=True)
    return entry


def _take_turn() -> None:
    """Wait for other transactions that write the audit.

    A lock on the last row does not do: who waited for it still takes it for the last one. SQLite
    lets one transaction write at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def digest(entry: AuditEntry) -> str:
    """What `entry.hash` must be, as 64 hex digits."""
    text = json.dumps(
        [
            entry.seq,
            entry.at.isoformat(),
            entry.actor,
            entry.via,
            entry.action,
            entry.target,
            entry.reason,
            entry.details,
            entry.previous_hash,
        ],
        sort_keys=True,
    )
    return hmac.new(_key(), text.encode(), hashlib.sha256).hexdigest()


def first_broken() -> int | None:
    """Number of the first row that was edited, lost or moved; None when the chain verifies."""
    previous_hash, expected = "", 1
    for entry in AuditEntry.objects.order_by("seq").iterator():
        intact = entry.seq == expected and entry.previous_hash == previous_hash
        if not intact or not hmac.compare_digest(entry.hash, digest(entry)):
            return expected
        previous_hash, expected = entry.hash, expected + 1
    return None


def _key() -> bytes:
    return hashlib.sha256(f"audit|{settings.SECRET_KEY}".encode()).digest()
