from datetime import UTC, datetime, timedelta

import pytest

from monitoring import formats

NOW = datetime(2026, 7, 1, 14, 2, 11, 418_000, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace("\u202f", "'").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1204, "1'204"), (1_000_000, "1'000'000"), (None, "—"), (2.5, "2.5")],
)
def test_numbers_have_narrow_spaces_between_thousands(value: float | None, shown: str) -> None:
    assert plain(formats.number(value)) == shown


@pytest.mark.parametrize(
    ("per_s", "shown"),
    [(0.0, "0"), (0.04, "0.0"), (3.44, "3.4"), (99.94, "99.9"), (99.96, "100"), (1603.7, "1'604")],
)
def test_a_rate_has_a_decimal_only_below_a_hundred(per_s: float, shown: str) -> None:
    assert plain(formats.rate(per_s)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0008, "0.8 ms"),
        (0.038, "38 ms"),
        (0.0996, "100 ms"),
        (0.4, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (252, "4 min 12 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_399.9, "1 d"),
        (273_600, "3 d 4 h"),
        (None, "—"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, shown: str) -> None:
    assert plain(formats.duration(seconds)) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(412, "412 B"), (1400, "1.4 kB"), (250_000_000, "250 MB"), (5e12, "5.0 TB")],
)
def test_sizes_count_in_thousands(count: int, shown: str) -> None:
    assert plain(formats.size(count)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "now"),
        (12, "12 s ago"),
        (180, "3 min ago"),
        (7200, "2 h ago"),
        (86_400, "1 d ago"),
        (-12, "in 12 s"),
    ],
)
def test_an_age_has_one_unit_and_a_direction(seconds: float, shown: str) -> None:
    assert plain(formats.age(NOW - timedelta(seconds=seconds), NOW)) == shown


def test_a_clock_names_the_date_only_when_it_is_not_today() -> None:
    assert formats.clock(NOW, NOW) == "14:02:11"
    assert formats.clock(NOW, NOW, precise=True) == "14:02:11.418"
    assert formats.clock(NOW, NOW + timedelta(days=1)) == "2026-07-01 14:02:11"


def test_the_exact_instant_is_there_for_people_and_for_machines() -> None:
    assert formats.exact(NOW) == "2026-07-01 14:02:11.418 UTC"
    assert formats.machine(NOW) == "2026-07-01T14:02:11.418Z"


def test_nouns_and_small_numbers_read_as_words() -> None:
    assert plain(formats.counted(1, "event")) == "1 event"
    assert plain(formats.counted(2, "delivery", "deliveries")) == "2 deliveries"
    assert formats.spelled(2) == "two"
    assert formats.spelled(17) == "17"
