"""Tables in terminals of any width."""

from __future__ import annotations

from collections.abc import Callable

from events.management.output import table

HEADINGS = ["No.", "Group", "Message", "State"]


def row(message: str = "m" * 60, group: str = "g" * 30) -> list[object]:
    return [12, group, message, "new"]


def test_what_may_shrink_is_cut_to_the_width(terminal: Callable[[int], None]) -> None:
    terminal(80)

    heading, line = table(HEADINGS, [row()], shrink={2}).splitlines()

    assert heading.split() == HEADINGS
    assert len(line) <= 80
    assert line.split() == ["12", "g" * 30, line.split()[2], "new"]
    assert line.split()[2].endswith("m\N{HORIZONTAL ELLIPSIS}")


def test_what_fits_is_not_cut(terminal: Callable[[int], None]) -> None:
    terminal(120)

    assert "m" * 60 in table(HEADINGS, [row()], shrink={2})


def test_a_table_that_cannot_fit_is_whole_and_wraps(terminal: Callable[[int], None]) -> None:
    terminal(80)

    line = table(HEADINGS, [row(group="g" * 90)], shrink={2}).splitlines()[1]

    assert line.split()[1] == "g" * 90
    assert line.split()[3] == "new"
    assert 80 < len(line) <= 160


def test_a_table_without_rows_has_its_headings(terminal: Callable[[int], None]) -> None:
    terminal(10)

    assert table(HEADINGS, []).split() == HEADINGS


def test_wide_characters_take_two_columns(terminal: Callable[[int], None]) -> None:
    terminal(80)

    assert "\N{SNOWMAN}" * 5 + "日本" in table(["A", "B"], [["\N{SNOWMAN}" * 5 + "日本", "x"]])
