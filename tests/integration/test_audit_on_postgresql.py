"""The audit on PostgreSQL, while several operators act at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections, transaction

from events.audit import Actor, first_broken, record
from events.models import AuditEntry

OPERATORS = 6
ROUNDS = 5


def test_operators_at_once_write_one_unbroken_chain(on_postgresql: None) -> None:
    together = Barrier(OPERATORS, timeout=10)

    def act(number: int) -> None:
        actor = Actor(f"operator {number}", "console", may_operate=True)
        try:
            for _ in range(ROUNDS):
                together.wait()
                with transaction.atomic():
                    record(actor, "dead-letters.replay", "operation 1")
        except Exception:
            together.abort()
            raise
        finally:
            connections.close_all()

    with ThreadPoolExecutor(OPERATORS) as pool:
        list(pool.map(act, range(OPERATORS)))

    assert AuditEntry.objects.count() == OPERATORS * ROUNDS
    assert first_broken() is None
