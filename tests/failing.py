"""Ways to make things fail in a test, and to mend them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from events import groups as declared
from events import relay
from events.retry import RetryPolicy
from tests.bus_fixture import Bus

Break = Callable[..., Callable[[], None]]


@pytest.fixture
def broken() -> Iterator[Break]:
    """`broken("group", error)` makes the group's handlers raise; what it returns mends them.

    With `silently=True` they return without doing anything, with `max_retries` they are retried
    that often.
    """
    before = dict(declared._handlers)

    def break_group(
        group: str,
        error: Exception | None = None,
        *,
        silently: bool = False,
        max_retries: int = 3,
    ) -> Callable[[], None]:
        def fail(*_: Any) -> None:
            if not silently and error is not None:
                raise error

        for name, handler in before.items():
            if handler.group == group:
                policy = RetryPolicy(max_retries=max_retries, base_s=5.0)
                declared._handlers[name] = replace(handler, function=fail, policy=policy)
        return lambda: declared._handlers.update(before)

    yield break_group
    declared._handlers.update(before)


@contextmanager
def no_bus(bus: Bus) -> Iterator[None]:
    """The bus server is stopped for a while."""
    bus.memory.down = "connection refused"
    try:
        yield
    finally:
        bus.memory.down = ""
        relay.reopen()
