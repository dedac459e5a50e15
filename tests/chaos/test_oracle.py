"""The oracle itself: of sound evidence it says nothing, of every kind of loss it does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.oracle import Evidence, findings

GOOD, BAD = ("one", "chaos_single"), ("two", "chaos_single")
SOUND = Evidence(
    accepted=frozenset({"one", "two"}),
    stored=frozenset({"one", "two"}),
    expected=frozenset({GOOD, BAD}),
    handled=Counter([GOOD]),
    effects=Counter([GOOD]),
    attempts=Counter([GOOD, BAD]),
    dead={BAD: b"bytes"},
    poison={BAD: b"bytes"},
    shown={"chaos_single": (0, 1)},
)


def test_sound_evidence_is_sound() -> None:
    assert findings(SOUND) == []


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        ({"stored": frozenset({"two"})}, "not in the store"),
        ({"handled": Counter()}, "neither handled nor a dead letter"),
        ({"attempts": Counter([BAD])}, "never attempted"),
        ({"effects": Counter()}, "without its effect"),
        ({"effects": Counter([GOOD, BAD])}, "an effect without its mark"),
        ({"effects": Counter([GOOD, GOOD])}, "done more than once"),
        ({"handled": Counter([GOOD, GOOD])}, "marked more than once"),
        ({"dead": {}}, "poison that is no dead letter"),
        ({"poison": {}}, "a dead letter that was no poison"),
        ({"dead": {BAD: b"other"}}, "whose bytes differ"),
        ({"handled": Counter([GOOD, BAD])}, "handled and a dead letter too"),
        ({"shown": {"chaos_single": (1, 1)}}, "shows 1 waiting and 1 dead"),
        ({"shown": {"chaos_single": (0, 0)}}, "shows 0 waiting and 0 dead"),
        ({"audit_broken": 3}, "breaks at row 3"),
        ({"drained": False}, "not drained in time"),
    ],
)
def test_every_kind_of_loss_is_told(seen: dict[str, Any], sentence: str) -> None:
    assert any(sentence in finding for finding in findings(replace(SOUND, **seen)))
