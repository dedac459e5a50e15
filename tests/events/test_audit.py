from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.test import override_settings

from events.audit import Actor, digest, first_broken, record
from events.envelope import now
from events.models import AuditEntry

OLGA = Actor("olga", "console", may_operate=True)


@pytest.fixture
def three_rows(db: None) -> None:
    for number in (1, 2, 3):
        record(OLGA, "dead-letters.replay", f"operation {number}", "ünïcode ☃", letters=[number])


def change(number: int, **fields: Any) -> None:
    AuditEntry.objects.filter(seq=number).update(**fields)


def test_a_row_says_who_did_what_when_and_why(db: None) -> None:
    before = now()

    record(OLGA, "dead-letters.replay", "operation 7", "the cause is gone", group="testers")

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via) == ("olga", "console")
    assert (entry.action, entry.target) == ("dead-letters.replay", "operation 7")
    assert (entry.reason, entry.details) == ("the cause is gone", {"group": "testers"})
    assert before <= entry.at <= now()


def test_each_row_commits_to_the_one_before(three_rows: None) -> None:
    first, second, third = AuditEntry.objects.order_by("seq")

    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert [first.previous_hash, second.previous_hash, third.previous_hash] == [
        "", first.hash, second.hash,
    ]  # fmt: skip
    assert first_broken() is None


def test_no_rows_verify_too(db: None) -> None:
    assert first_broken() is None


def test_what_is_rolled_back_leaves_no_gap(three_rows: None) -> None:
    class Undone(Exception):
        pass

    def record_and_think_again() -> None:
        with transaction.atomic():
            record(OLGA, "dead-letters.replay", "operation 4")
            raise Undone

    with pytest.raises(Undone):
        record_and_think_again()

    assert record(OLGA, "dead-letters.replay", "operation 5").seq == 4
    assert first_broken() is None


def test_a_row_outside_a_transaction_is_refused(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="belongs in the transaction"):
        record(OLGA, "dead-letters.replay", "operation 1")

    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "edit",
    [
        {"actor": "oleg"},
        {"via": "api"},
        {"action": "dead-letters.discard"},
        {"target": "operation 9"},
        {"reason": ""},
        {"details": {"letters": [9]}},
        {"at": F("at") + timedelta(seconds=1)},
        {"previous_hash": "0" * 64},
        {"hash": "0" * 64},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_an_edited_row_is_found(three_rows: None, edit: dict[str, Any]) -> None:
    change(2, **edit)

    assert first_broken() == 2


@pytest.mark.parametrize("seq", [1, 2])
def test_a_deleted_row_is_found(three_rows: None, seq: int) -> None:
    AuditEntry.objects.filter(seq=seq).delete()

    assert first_broken() == seq


def test_a_deleted_row_is_found_when_the_others_close_up(three_rows: None) -> None:
    AuditEntry.objects.filter(seq=2).delete()
    change(3, seq=2)

    assert first_broken() == 2


def test_swapped_rows_are_found(three_rows: None) -> None:
    change(2, seq=0)
    change(3, seq=2)
    change(0, seq=3)

    assert first_broken() == 2


def test_a_genuine_row_of_another_history_is_found(three_rows: None) -> None:
    genuine = AuditEntry.objects.get(seq=2)
    AuditEntry.objects.filter(seq__gte=2).delete()
    record(OLGA, "dead-letters.replay", "what really happened")
    record(OLGA, "dead-letters.replay", "afterwards")
    assert first_broken() is None

    genuine.save()

    assert first_broken() == 3


def test_an_appended_row_is_found(three_rows: None) -> None:
    last = AuditEntry.objects.get(seq=3)
    forged = AuditEntry(seq=4, at=now(), actor="oleg", via="console", previous_hash=last.hash)
    forged.hash = hashlib.sha256(last.hash.encode()).hexdigest()
    forged.save(force_insert=True)

    assert first_broken() == 4


def test_a_row_hashed_under_another_key_is_found(three_rows: None) -> None:
    forged = AuditEntry.objects.get(seq=2)
    forged.actor = "oleg"
    with override_settings(SECRET_KEY="what somebody without our key may try in its place"):
        forged.hash = digest(forged)
    forged.save()

    assert first_broken() == 2
