"""What others sent, as an error repeats it."""

from __future__ import annotations

from typing import Any

import pytest

from events.quoting import quoted, told


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Loud:
    def __repr__(self) -> str:
        return "two\nlines \x1b[31m"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 80, f"'{'x' * 80}'"),
        ("x" * 300_000, f"'{'x' * 80}'… (300,000 characters)"),
        ("a\n\x1b[0m\ud800", r"'a\n\x1b[0m\ud800'"),
        (7, "7"),
        (None, "None"),
        ({"a": ["b"]}, "{'a': ['b']}"),
        (Loud(), r"two\nlines \x1b[31m"),
    ],
)
def test_a_value_is_told_as_python_writes_it(value: Any, shown: str) -> None:
    assert quoted(value) == shown


@pytest.mark.parametrize(
    "value",
    [
        ["x" * 1_000] * 1_000,
        {str(key): key for key in range(1_000)},
        10**4_000,
        Silent(),
        b"x" * 999,
    ],
)
def test_whatever_it_is_it_stays_short(value: Any) -> None:
    assert 0 < len(quoted(value)) <= 81


def test_what_is_nested_beyond_reading_is_told_too() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]

    assert len(quoted(deep)) < 80


def test_a_number_of_more_digits_than_python_writes_is_told_by_its_type() -> None:
    assert quoted(10**5_000) == "a value of type int"


def test_a_text_stays_on_its_line_and_is_cut() -> None:
    assert told("a word") == "a word"
    assert told("Zoë\n") == r"Zoë\n"
    assert told("two\nlines\u2028of \U000e0001", 12) == r"two\nlines\u2028of…"
