from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import psycopg
import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from events import InvalidEvent
from events import store as storing
from events.models import StoredEvent
from events.store import after_commit, remember, store, worth_repeating, writing
from events.validation import MAX_EVENT_BYTES
from tests.events.conftest import trade


class Undone(Exception):
    """The work was given up."""


def is_free() -> bool:
    """Whether another thread may write now."""
    answers: list[bool] = []

    def try_to_write() -> None:
        answers.append(storing._sqlite_writer.acquire(blocking=False))
        if answers[0]:
            storing._sqlite_writer.release()

    thread = threading.Thread(target=try_to_write)
    thread.start()
    thread.join()
    return answers[0]


def test_callbacks_run_after_the_commit_and_hold_no_lock(transactional_db: None) -> None:
    found: list[tuple[str, bool, bool]] = []

    with writing():
        after_commit(lambda: found.append(("first", is_free(), connection.in_atomic_block)))
        after_commit(lambda: found.append(("second", is_free(), connection.in_atomic_block)))
        assert (found, is_free()) == ([], connection.vendor != "sqlite")

    assert found == [("first", True, False), ("second", True, False)]


def test_a_callback_sees_what_was_committed_and_may_write(transactional_db: None) -> None:
    def remember_another() -> None:
        with writing():
            seen.append(StoredEvent.objects.count())
            remember([trade()])

    seen: list[int] = []

    with writing():
        store([trade()])
        after_commit(remember_another)

    assert seen == [1]
    assert StoredEvent.objects.count() == 2


def test_a_callback_of_a_callback_runs_too(transactional_db: None) -> None:
    said: list[str] = []

    def first() -> None:
        said.append("first")
        with writing():
            after_commit(lambda: said.append("second"))

    with writing():
        after_commit(first)

    assert said == ["first", "second"]


def test_a_rollback_runs_no_callback_and_frees_the_lock(transactional_db: None) -> None:
    said: list[str] = []

    def give_up() -> None:
        with writing():
            store([trade()])
            after_commit(lambda: said.append("too early"))
            raise Undone

    with pytest.raises(Undone):
        give_up()

    assert said == []
    assert is_free()
    assert StoredEvent.objects.count() == 0


def test_a_part_that_is_rolled_back_runs_none_of_its_callbacks(transactional_db: None) -> None:
    said: list[str] = []

    def give_up() -> None:
        with writing():
            after_commit(lambda: said.append("inner"))
            raise Undone

    with writing():
        after_commit(lambda: said.append("outer"))
        with pytest.raises(Undone):
            give_up()

    assert said == ["outer"]


def test_an_inner_transaction_waits_for_the_outer_one(transactional_db: None) -> None:
    said: list[str] = []

    with writing():
        with writing():
            after_commit(lambda: said.append("inner"))
        assert said == []

    assert said == ["inner"]


def test_callbacks_wait_for_the_commit_of_a_callers_own_transaction(
    transactional_db: None,
) -> None:
    said: list[str] = []

    with transaction.atomic():
        with writing():
            after_commit(lambda: said.append("committed"))
        assert said == []

    assert said == ["committed"]


def test_without_a_transaction_a_callback_runs_at_once(transactional_db: None) -> None:
    said: list[str] = []

    after_commit(lambda: said.append("now"))

    assert said == ["now"]


def test_what_is_stored_twice_in_one_call_is_one_row(db: None) -> None:
    known, new = trade(), trade()
    store([known])

    rows, duplicates = store([new, known, new])

    assert [row.event_id for row in rows] == [new.event_id]
    assert duplicates == [known.event_id, new.event_id]
    assert StoredEvent.objects.count() == 2


def test_a_row_holds_the_event_and_what_pages_ask_for(db: None) -> None:
    event = trade(metadata={"synthetic": True})

    store([event])

    row = StoredEvent.objects.get()
    assert row.event == event
    assert (row.event_type, row.domain, row.entity_id) == (event.event_type, "trading", "123")
    assert (row.correlation_id, row.causation_id) == (event.correlation_id, None)
    assert (row.synthetic, row.relayed_at) == (True, None)


def test_an_event_too_large_to_carry_keeps_all_out(db: None) -> None:
    with pytest.raises(InvalidEvent):
        store([trade(), trade(metadata={"ballast": "x" * MAX_EVENT_BYTES})])

    assert StoredEvent.objects.count() == 0


def test_what_is_remembered_counts_as_relayed(db: None) -> None:
    stored, new = trade(), trade()
    store([stored])

    assert remember([stored, new]) == 1

    waiting = StoredEvent.objects.filter(relayed_at=None)
    assert [row.event_id for row in waiting] == [stored.event_id]


def of_postgresql(state: str) -> Callable[[], DatabaseError]:
    def make() -> DatabaseError:
        error = OperationalError("whatever the server says, in whatever language")
        error.__cause__ = psycopg.errors.lookup(state)()
        return error

    return make


@pytest.mark.parametrize(
    ("make", "repeat"),
    [
        (lambda: OperationalError("database is locked"), True),
        (lambda: OperationalError("database table is locked: trading_trade"), True),
        (lambda: OperationalError("database is busy"), True),
        (lambda: OperationalError("database or disk is full"), True),
        (lambda: OperationalError("disk I/O error"), True),
        (lambda: OperationalError("no such table: trading_trade"), False),
        (lambda: InterfaceError("connection already closed"), True),
        (lambda: OperationalError("no such column: wallet.locked"), False),
        (lambda: IntegrityError("UNIQUE constraint failed: events_handledevent"), False),
        (lambda: IntegrityError("CHECK constraint failed: a locked wallet is locked"), False),
        (lambda: DataError("value too long"), False),
        (lambda: ValueError("database is locked"), False),
        (TimeoutError, False),
        (of_postgresql("40001"), True),
        (of_postgresql("40P01"), True),
        (of_postgresql("55P03"), True),
        (of_postgresql("57P01"), True),
        (of_postgresql("08006"), True),
        (of_postgresql("53300"), True),
        (of_postgresql("23505"), False),
        (of_postgresql("42P01"), False),
        (of_postgresql("22001"), False),
    ],
)
def test_which_database_errors_say_nothing_about_the_work(
    make: Callable[[], Exception], repeat: bool
) -> None:
    assert worth_repeating(make()) is repeat


@pytest.mark.parametrize(("vendor", "repeat"), [("postgresql", True), ("sqlite", False)])
def test_a_lost_connection_that_names_no_state_is_worth_repeating(
    monkeypatch: pytest.MonkeyPatch, vendor: str, repeat: bool
) -> None:
    monkeypatch.setattr(storing, "connection", SimpleNamespace(vendor=vendor))

    assert worth_repeating(OperationalError("the connection is lost")) is repeat
