"""The entries one group runner holds, known to its lane and to the thread that keeps leases."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from events.transport.base import Delivery


class Holdings:
    """Entries by identity: one object goes all the way from the read to the settlement.

    Those taken over from another worker wait in quarantine, in order, until each is begun.
    """

    def __init__(self) -> None:
        self._held: dict[int, Delivery] = {}
        self._quarantined: deque[Delivery] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def quarantined(self) -> int:
        """How many wait to be begun."""
        return len(self._quarantined)

    def hold(self, deliveries: Sequence[Delivery], *, quarantined: bool = False) -> None:
        """Take responsibility for entries: from now on they are renewed."""
        with self._lock:
            self._held.update(zip(map(id, deliveries), deliveries, strict=True))
            if quarantined:
                self._quarantined.extend(deliveries)

    def let_go(self, deliveries: Iterable[Delivery]) -> None:
        """These are settled, or another's."""
        let_go = self._held.pop
        with self._lock:
            for delivery in deliveries:
                let_go(id(delivery), None)

    def all(self) -> list[Delivery]:
        """What is held, for its leases to be renewed."""
        with self._lock:
            return list(self._held.values())

    def next_quarantined(self) -> Delivery | None:
        """The entry to begin next. It is let go: beginning it gives a new one to hold."""
        with self._lock:
            if not self._quarantined:
                return None
            delivery = self._quarantined.popleft()
            self._held.pop(id(delivery), None)
            return delivery

    def unbegun(self, but: Iterable[Delivery] = ()) -> list[Delivery]:
        """What is held but for these, each with the starts to give back: an entry counts as begun
        when it is read, one that was taken over only once `begin` has said so."""
        with self._lock:
            return self._unbegun(set(map(id, but)))

    def clear(self) -> list[Delivery]:
        """Let everything go; what that was, as `unbegun` tells it."""
        with self._lock:
            unbegun = self._unbegun(frozenset())
            self._held.clear()
            self._quarantined.clear()
            return unbegun

    def _unbegun(self, but: AbstractSet[int]) -> list[Delivery]:
        waiting = set(map(id, self._quarantined))
        return [
            replace(one, starts=one.starts + 1) if key in waiting else one
            for key, one in self._held.items()
            if key not in but
        ]
