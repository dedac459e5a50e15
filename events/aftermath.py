"""What a failure leaves behind: a retry to be scheduled, or a dead letter."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from events.dead_letters import Burial, bury
from events.envelope import Event, now
from events.failures import (
    Bury,
    decide,
    describe,
    fingerprint,
    innermost_frame,
    traceback_text,
)
from events.groups import Group, Handler
from events.retry import RetryPolicy
from events.transport.base import Delivery, Failure, Handled, RetryLater, Settlement


class Aftermath:
    """Decides and records what follows from one group's failures."""

    def __init__(self, group: Group, worker: str) -> None:
        self._group = group
        self._worker = worker
        self._logger = logging.getLogger(f"events.group.{group.name}")
        self.dead = 0
        """Dead letters written since the start."""

    def of(
        self, delivery: Delivery, event: Event, error: BaseException, handlers: Sequence[Handler]
    ) -> Settlement:
        """A retry or a dead letter, as the failed handler's policy has it."""
        policy = handlers[0].policy if handlers else RetryPolicy()
        decision = decide(error, policy, delivery.attempt)
        if isinstance(decision, Bury):
            return self.buried(delivery, event, decision.kind, error, handlers)
        failures = (*delivery.failures, self._failure(error))
        self._logger.warning(
            "%s %s: attempt %d failed, next in %.1f s: %s",
            event.event_type,
            event.event_id,
            delivery.attempt,
            decision.delay_s,
            failures[-1].message,
        )
        return RetryLater(delivery, time.time() + decision.delay_s, failures)

    def buried(
        self,
        delivery: Delivery,
        event: Event | None,
        kind: str,
        error: BaseException,
        handlers: Sequence[Handler],
    ) -> Handled:
        """Write the dead letter, in a transaction of its own; what is left is to acknowledge."""
        error_class, message = describe(error)
        names = [handler.name for handler in handlers]
        written = bury(
            Burial(
                group=self._group.name,
                delivery=delivery,
                event=event,
                kind=kind,
                error_class=error_class,
                message=message,
                traceback=traceback_text(error),
                fingerprint=fingerprint(error_class, ", ".join(names), innermost_frame(error)),
                handlers=names,
                failures=(*delivery.failures, self._failure(error)),
                worker=self._worker,
            )
        )
        if written:
            self.dead += 1
            self._logger.error("%s: dead letter (%s): %s", delivery.event_id, kind, message)
        return Handled(delivery)

    def _failure(self, error: BaseException) -> Failure:
        error_class, message = describe(error)
        return Failure(now().isoformat(), error_class, message, self._worker)
