"""What is typed to find dead letters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events.queries.letter_filter import LetterFilter
from events.queries.letter_search import SearchError, narrowed, parse

NOW = datetime(2026, 11, 27, 14, 2, 11, 5, tzinfo=UTC)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", LetterFilter()),
        ("group:nft kind:poison", LetterFilter(group="nft", kind="poison")),
        ("type:XPGained", LetterFilter(event_type="Gamification.XPGained")),
        ("type:Gone.Away", LetterFilter(event_type="Gone.Away")),
        ('error:"Two words" version:1.4', LetterFilter(error="Two words", version="1.4")),
        ('entity:"a \\"b\\" \\\\c"', LetterFilter(entity='a "b" \\c')),
        ("GROUP:nft", LetterFilter(group="nft")),
        ("failure:0123456789abcdef", LetterFilter(fingerprint="0123456789abcdef")),
        ("before:2h", LetterFilter(before=NOW - timedelta(hours=2))),
        ("after:7d before:30m", LetterFilter(before=NOW - timedelta(minutes=30),
                                             after=NOW - timedelta(days=7))),
        ("before:2026-11-27T12:00", LetterFilter(before=NOON)),
        ("before:2026-11-27T13:00+01:00", LetterFilter(before=NOON)),
        ("after:2026-11-27", LetterFilter(after=NOON.replace(hour=0))),
    ],
)  # fmt: skip
def test_qualifiers_become_a_filter_which_reads_back_as_itself(
    text: str, found: LetterFilter
) -> None:
    assert parse(text, NOW) == found
    assert parse(found.described, NOW + timedelta(days=1)) == found
    assert LetterFilter.of_json(found.as_json()) == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour:red", "There is no qualifier “colour:”; use group, type, error, entity, version,"),
        ("group:a group:b", "“group:” is given twice"),
        ("group: type:b", "“group:” says nothing: write for example group:revenue_trackers."),
        ("before:soon", "“soon” is no time for “before:”: write before:2h .* or before:2026-11-27"),
        ("after:999999w", "“999999w” is no time"),
        ("after:1h before:2h", "Nothing can match: “after:” is not earlier than “before:”."),
        ("ledger closed", "“ledger” is no qualifier, and the texts of errors are not searched"),
        ("0198c0de-0001-7000-8000-0000000000c1", "is an id: the field at the top of the page"),
        ("kind:bad", "There is no kind “bad”; there are permanent, exhausted and poison."),
        ('group:"open', 'cannot be read: write name:value, or name:"a value with blanks"'),
        ("entity:user:123", "takes the id alone"),
        ("x" * 1001, "at most 1000 characters; this one has 1001"),
    ],
)
def test_what_cannot_be_understood_is_said_plainly(text: str, sentence: str) -> None:
    with pytest.raises(SearchError, match=sentence):
        parse(text, NOW)


def test_a_choice_beside_the_search_narrows_it_and_never_contradicts_it() -> None:
    found = parse("group:nft error:Reject", NOW)

    assert narrowed(found, group="nft", fingerprint="f") == LetterFilter(
        group="nft", error="Reject", fingerprint="f"
    )
    with pytest.raises(SearchError, match="“group:” is given twice"):
        narrowed(found, group="social", fingerprint="")
