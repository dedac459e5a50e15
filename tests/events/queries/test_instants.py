"""Times as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from events.queries.instants import instant

AT = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", datetime(2026, 7, 1, 11, 58, 30, tzinfo=UTC)),
        ("30m", datetime(2026, 7, 1, 11, 30, tzinfo=UTC)),
        ("2h", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
        ("7d", datetime(2026, 6, 24, 12, 0, tzinfo=UTC)),
        ("1w", datetime(2026, 6, 24, 12, 0, tzinfo=UTC)),
        ("2026-06-30T10:00", datetime(2026, 6, 30, 10, 0, tzinfo=UTC)),
        ("2026-06-30T10:00+02:00", datetime(2026, 6, 30, 8, 0, tzinfo=UTC)),
        ("2026-06-30", datetime(2026, 6, 30, 0, 0, tzinfo=UTC)),
    ],
)
def test_what_is_meant(text: str, expected: datetime) -> None:
    found = instant(text, AT)

    assert found == expected
    assert found
    assert found.utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize(
    "text", ["", "soon", "2", "h", "2y", "-2h", "999999w", "2026-13-01", "0001-01-01T00:00+14:00"]
)
def test_what_is_no_time(text: str) -> None:
    assert instant(text, AT) is None
