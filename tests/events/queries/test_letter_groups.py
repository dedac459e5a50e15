"""Dead letters that are alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.envelope import now
from events.models import DeadLetter, FailureNote
from events.queries import dead_letters, letter_groups, letter_trend
from events.queries.failure_notes import silenced_by_group
from events.queries.letter_filter import LetterFilter
from events.queries.letter_groups import By, Grouped, grouped
from tests.events.letters import letters

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
XP = "Gamification.XPGained"


def counts(found: Grouped) -> dict[tuple[str, ...], int]:
    return {row.key: row.count for row in found.rows}


@pytest.fixture
def mixed() -> None:
    """Three failures of two groups."""
    letters(3, ago=2 * HOUR, error_class="Late", fingerprint="a" * 16)
    letters(1, fingerprint="a" * 16, event_type=XP, code_version="2", error_class="Late")
    letters(2, fingerprint="b" * 16, kind="poison", entity_id="7")
    letters(1, group_name="others", fingerprint="a" * 16)
    letters(5, state="resolved")


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        ("failure", {("testers", "a" * 16): 4, ("testers", "b" * 16): 2, ("others", "a" * 16): 1}),
        ("type", {("Trading.TradeExecuted",): 6, (XP,): 1}),
        ("group", {("testers",): 6, ("others",): 1}),
        ("version", {("1",): 6, ("2",): 1}),
    ],
)
def test_open_ones_are_lines_by_what_they_have_in_common_largest_first(
    mixed: None, by: By, lines: dict[tuple[str, ...], int]
) -> None:
    found = grouped(LetterFilter(), by=by)

    assert list(counts(found).items()) == list(lines.items())
    assert (found.total, found.lines, found.next) == (7, len(lines), None)


@pytest.mark.parametrize(
    ("chosen", "total"),
    [
        (LetterFilter(error="Late"), 4),
        (LetterFilter(error="some.module.Late"), 4),
        (LetterFilter(error="ate"), 0),
        (LetterFilter(error="Late."), 0),
        (LetterFilter(kind="poison"), 2),
        (LetterFilter(entity="7"), 2),
        (LetterFilter(version="2"), 1),
        (LetterFilter(event_type=XP, group="testers"), 1),
        (LetterFilter(before=now() - HOUR), 3),
        (LetterFilter(after=now() - HOUR), 4),
    ],
)
def test_a_search_narrows_lines_and_letters_alike(
    mixed: None, chosen: LetterFilter, total: int
) -> None:
    assert grouped(chosen).total == total
    assert len(dead_letters.letters("open", chosen).rows) == total


def test_a_line_says_first_last_last_replayed_types_and_its_newest() -> None:
    at = now()
    (first,) = letters(ago=3 * HOUR)
    (last,) = letters(event_type=XP, message="the newest")
    letters(state="replaying", ago=HOUR, redelivered_at=at)
    letters(state="resolved", redelivered_at=at - HOUR)

    (line,) = grouped(LetterFilter()).rows

    assert (line.count, line.replaying, line.several_types) == (3, 1, True)
    assert line.first_failed_at == DeadLetter.objects.get(pk=first).first_failed_at
    assert (line.sample.id, line.sample.message, line.last_replayed_at) == (last, "the newest", at)


def test_a_letter_that_failed_again_is_the_newest_whatever_its_number() -> None:
    (early, _) = (*letters(ago=3 * HOUR), *letters(ago=HOUR))
    DeadLetter.objects.filter(pk=early).update(last_failed_at=now())

    assert grouped(LetterFilter()).rows[0].sample.id == early


def test_the_trend_counts_the_last_24_hours_in_equal_stretches() -> None:
    letters(3)
    letters(2, ago=23 * HOUR)
    letters(4, ago=30 * HOUR)
    letters(1, fingerprint="b" * 16)

    line, other = grouped(LetterFilter()).rows

    assert [count for _, count in line.trend] == [2, *[0] * 10, 3]
    assert [count for _, count in other.trend] == [*[0] * 11, 1]
    assert line.trend[-1][0] - line.trend[0][0] == 22 * HOUR


def test_a_trend_of_too_many_is_of_a_shorter_time_and_counts_what_it_spans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letter_trend, "MOST_COUNTED", 9)
    for minutes in range(20):
        letters(ago=timedelta(minutes=minutes))

    (line,) = grouped(LetterFilter()).rows

    assert line.trend[-1][0] - line.trend[0][0] < timedelta(minutes=10)
    assert sum(count for _, count in line.trend) == 10


def test_what_is_said_of_a_failure_stands_on_its_line_and_a_silence_ends_by_itself() -> None:
    letters(2)
    letters(3, fingerprint="b" * 16)
    letters(4, fingerprint="b" * 16, group_name="others")
    at = now()
    for mark, until in (("f" * 16, at - HOUR), ("b" * 16, at + HOUR)):
        FailureNote.objects.create(
            group_name="testers", fingerprint=mark, owner="olga", silenced_until=until,
            changed_at=at, changed_by="olga",
        )  # fmt: skip

    said = {row.key: row.said for row in grouped(LetterFilter()).rows}

    ended, silenced = said["testers", "f" * 16], said["testers", "b" * 16]
    assert ended
    assert silenced
    assert (ended.owner, ended.silenced_until) == ("olga", None)
    assert silenced.silenced_until == at + HOUR
    assert said["others", "b" * 16] is None
    assert silenced_by_group(at) == {"testers": 3}


def test_lines_come_in_pages_and_all_of_them_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_groups, "LINES_SHOWN", 2)
    for mark in "abc":
        letters(2 if mark == "b" else 1, fingerprint=mark * 16)

    first = grouped(LetterFilter())
    second = grouped(LetterFilter(), skip=first.next or 0)

    assert [row.key[1][0] for row in (*first.rows, *second.rows)] == ["b", "a", "c"]
    assert (first.next, first.lines, first.total) == (2, 3, 4)
    assert (second.next, second.lines, second.total) == (None, 3, 4)


SEARCHES: list[Callable[[], object]] = [
    lambda: grouped(LetterFilter()),
    lambda: grouped(LetterFilter(error="Error1", kind="permanent")),
    lambda: grouped(LetterFilter(entity="5"), by="group"),
    lambda: grouped(LetterFilter(), by="type"),
    lambda: grouped(LetterFilter(), by="version"),
    dead_letters.letters,
    lambda: dead_letters.letters("open", LetterFilter(error="Error1", version="1")),
    lambda: dead_letters.letters("open", LetterFilter(group="testers", entity="none")),
    lambda: dead_letters.letters("open", LetterFilter(group="testers", fingerprint="1" * 16)),
]


def fill(count: int) -> None:
    """In 30 failures."""
    for number in range(30):
        error, version = f"Error{number % 9}", str(number % 3)
        mark = f"{number % 10}" * 15 + f"{number // 10}"
        letters(
            count // 30, ago=number * HOUR, fingerprint=mark, error_class=error,
            code_version=version, entity_id=str(number),
        )  # fmt: skip


def test_ten_times_the_letters_cost_the_same_statements_and_read_no_more_rows() -> None:
    fill(900)
    few = [_measured(search) for search in SEARCHES]
    fill(8_100)
    many = [_measured(search) for search in SEARCHES]

    assert [len(sql) for sql in many] == [len(sql) for sql in few]
    assert max(len(sql) for sql in many) <= 13
    if connection.vendor == "sqlite":
        assert not [step for sql in many for one in sql for step in _reads_rows(one)]


def _measured(search: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        search()
    return [query["sql"] for query in captured.captured_queries]


def _reads_rows(sql: str) -> list[str]:
    """Steps of the plan that read rows of dead letters otherwise than by their numbers."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        steps = [row[3] for row in cursor.fetchall()]
    return [
        f"{step}: {sql}"
        for step in steps
        if step.startswith(
            ("SCAN events_deadletter", "SEARCH events_deadletter", "SCAN U", "SEARCH U")
        )
        and "COVERING INDEX" not in step
        and "PRIMARY KEY" not in step
    ]
