"""Replaying and discarding exactly what was shown, whatever comes between page and click."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from events import Context, Event, Reject
from events.audit import first_broken
from events.envelope import now
from events.groups import Group
from events.models import AuditEntry, DeadLetter, Operation, OperationItem
from events.operations import (
    DISCARD,
    RESTORE,
    Actor,
    Decision,
    Manner,
    Refused,
    advance_operations,
    begin,
    cancel,
    decide,
    decisions,
    propose_decision,
    propose_replay,
)
from events.queries.letter_filter import LetterFilter
from tests.bus_fixture import Bus
from tests.events.letters import letters

OLGA = Actor("olga", "console", may_operate=True)
AGAIN = Actor("olga", "console", may_operate=True, stepped_up=True)
VICTOR = Actor("victor", "console")
ALL_AT_ONCE = Manner(ramp=False)
TESTERS = LetterFilter(group="testers")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def group(group_of: Callable[..., Group]) -> Group:
    def ill(event: Event, context: Context) -> None:
        raise Reject("still ill")

    return group_of(ill)


def states() -> dict[int, str]:
    return dict(DeadLetter.objects.values_list("pk", "state"))


def items(operation: Operation) -> dict[int | None, tuple[str, str]]:
    rows = operation.items.values_list("letter", "state", "told")
    return {letter: (state, told) for letter, state, told in rows}


def failed_again(pk: int) -> None:
    """It was resolved, and has failed since."""
    at = now()
    DeadLetter.objects.filter(pk=pk).update(
        state="new", opened_at=at, last_failed_at=at, fingerprint="e" * 16
    )


def test_ten_thousand_that_fail_between_page_and_click_are_counted_and_not_taken(
    bus: Bus, group: Group
) -> None:
    shown = letters(3, ago=MINUTE)
    as_of = now()
    newer = letters(10_000)

    draft = propose_replay(OLGA, TESTERS, as_of)
    discard = propose_decision(OLGA, DISCARD, TESTERS, as_of)
    begun = begin(OLGA, discard.pk, "sent by a test", ALL_AT_ONCE)

    assert (draft.total, draft.not_included) == (3, 10_000)
    assert (begun.total, begun.not_included) == (3, 10_000)
    assert {pk for pk, _ in items(draft).items()} == set(shown)
    assert {pk for pk, state in states().items() if state == "discarded"} == set(shown)
    assert DeadLetter.objects.filter(pk__in=newer, state="new").count() == 10_000


def test_what_fails_between_the_draft_and_its_begin_is_not_taken(bus: Bus, group: Group) -> None:
    shown = letters(3, ago=MINUTE)
    draft = propose_replay(OLGA, TESTERS, now())
    newer = letters(50)

    begin(OLGA, draft.pk, "mended", ALL_AT_ONCE)

    assert {pk for pk, state in states().items() if state == "replaying"} == set(shown)
    assert DeadLetter.objects.filter(pk__in=newer, state="new").count() == 50


@pytest.mark.parametrize("step", ["page", "draft"])
def test_a_letter_that_failed_again_or_was_restored_in_between_is_another_failure(
    bus: Bus, group: Group, step: str
) -> None:
    same, resolved, restored, gone = letters(4, ago=MINUTE)
    as_of = now()
    draft = propose_replay(OLGA, TESTERS, as_of) if step == "draft" else None
    failed_again(resolved)
    decide(OLGA, [restored, gone], "no", DISCARD)
    decide(OLGA, [restored], "yes", RESTORE)

    draft = draft or propose_replay(OLGA, TESTERS, as_of)
    begin(OLGA, draft.pk, "mended", ALL_AT_ONCE)

    assert states() == {
        same: "replaying", resolved: "new", restored: "new", gone: "discarded",
    }  # fmt: skip
    if step == "page":
        assert (draft.total, draft.not_included) == (1, 2)
    else:
        became = "something else became of it after it was shown"
        assert items(draft)[resolved] == items(draft)[restored] == ("skipped", became)
        assert items(draft)[gone] == ("skipped", "it is discarded meanwhile")


def test_a_page_that_says_it_is_of_tomorrow_takes_nothing_of_tomorrow(
    bus: Bus, group: Group
) -> None:
    letters(1, ago=MINUTE)

    draft = propose_replay(OLGA, TESTERS, now() + timedelta(days=1))
    failed_again(DeadLetter.objects.get().pk)
    begin(OLGA, draft.pk, "mended", ALL_AT_ONCE)

    assert [state for state, _ in items(draft).values()] == ["skipped"]


@pytest.mark.parametrize("step", ["page", "draft"])
def test_a_discard_of_many_leaves_alone_what_is_not_any_more_as_it_was_shown(
    bus: Bus, step: str
) -> None:
    same, again, replaying, removed = letters(4, ago=MINUTE)
    as_of = now()
    draft = propose_decision(OLGA, DISCARD, TESTERS, as_of) if step == "draft" else None
    failed_again(again)
    DeadLetter.objects.filter(pk=replaying).update(state="replaying", redelivered_at=now())
    DeadLetter.objects.filter(pk=removed).delete()

    draft = draft or propose_decision(OLGA, DISCARD, TESTERS, as_of)
    begin(OLGA, draft.pk, "sent by a test", ALL_AT_ONCE)

    assert states() == {same: "discarded", again: "new", replaying: "replaying"}
    assert items(draft)[same] == ("handled", "")


def test_a_discard_of_many_groups_goes_on_in_bounded_steps_and_is_restored_as_one(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "AT_ONCE", 60)
    letters(70, ago=MINUTE)
    letters(30, ago=MINUTE, group_name="others")

    draft = propose_decision(OLGA, DISCARD, LetterFilter(), now())
    begin(OLGA, draft.pk, "sent by a test", ALL_AT_ONCE)
    after_one_step = list(states().values()).count("discarded")
    advance_operations()
    advance_operations()

    draft.refresh_from_db()
    assert (draft.group_name, after_one_step, draft.state) == ("", 60, "done")
    assert set(states().values()) == {"discarded"}
    assert not DeadLetter.objects.filter(resolved_at=None).exists()

    back = propose_decision(OLGA, RESTORE, LetterFilter(), now())
    begin(OLGA, back.pk, "by mistake", ALL_AT_ONCE)
    advance_operations()
    assert set(states().values()) == {"new"}
    assert not DeadLetter.objects.exclude(resolved_at=None).exists()
    actions = list(AuditEntry.objects.order_by("seq").values_list("action", "reason"))
    assert actions == [
        ("operation.discard", "sent by a test"),
        ("operation.restore", "by mistake"),
    ]
    assert first_broken() is None


def test_a_discard_that_is_cancelled_goes_no_further(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "AT_ONCE", 2)
    letters(5, ago=MINUTE)
    draft = propose_decision(OLGA, DISCARD, TESTERS, now())

    begin(OLGA, draft.pk, "sent by a test", ALL_AT_ONCE)
    cancel(OLGA, draft.pk)
    advance_operations()

    assert sorted(states().values()) == ["discarded"] * 2 + ["new"] * 3


def test_beginning_twice_does_it_once(bus: Bus) -> None:
    letters(2, ago=MINUTE)
    draft = propose_decision(OLGA, DISCARD, TESTERS, now())

    begin(OLGA, draft.pk, "sent by a test", ALL_AT_ONCE)
    decide(OLGA, list(states()), "yes", RESTORE)
    begin(OLGA, draft.pk, "sent by a test", ALL_AT_ONCE)
    advance_operations()

    assert set(states().values()) == {"new"}
    assert AuditEntry.objects.filter(action="operation.discard").count() == 1


@pytest.mark.parametrize("decision", [DISCARD, RESTORE])
def test_more_than_a_hundred_need_the_password_again(bus: Bus, decision: Decision) -> None:
    state = decision.takes[0]
    moments = {"resolved_at": now() - MINUTE} if state == "discarded" else {}
    letters(101, ago=MINUTE, state=state, **moments)
    draft = propose_decision(OLGA, decision, TESTERS, now())

    with pytest.raises(Refused, match=f"Give your password again to {decision.verb} more than 100"):
        begin(OLGA, draft.pk, "sent by a test", ALL_AT_ONCE)
    assert set(states().values()) == {state}

    begin(AGAIN, draft.pk, "sent by a test", ALL_AT_ONCE)
    assert set(states().values()) == {decision.becomes}


def test_a_proposal_that_is_not_allowed_or_matches_nothing_leaves_no_draft(bus: Bus) -> None:
    with pytest.raises(Refused, match="No open dead letter is like that any more"):
        propose_decision(OLGA, DISCARD, TESTERS, now())
    letters(1, ago=MINUTE)
    with pytest.raises(Refused, match="victor may look but not discard"):
        propose_decision(VICTOR, DISCARD, TESTERS, now())
    draft = propose_decision(OLGA, DISCARD, TESTERS, now())
    with pytest.raises(Refused, match="a discard needs a reason"):
        begin(OLGA, draft.pk, " ", ALL_AT_ONCE)

    assert Operation.objects.get().state == "draft"
    assert OperationItem.objects.get().state == "waiting"
    assert set(states().values()) == {"new"}


def test_a_replay_of_a_search_takes_the_whole_filter_and_refuses_two_groups(
    bus: Bus, group: Group
) -> None:
    (wanted,) = letters(ago=MINUTE, error_class="Late", entity_id="7")
    letters(ago=MINUTE, error_class="Late")
    letters(ago=MINUTE, entity_id="7")
    letters(ago=MINUTE, group_name="others")

    draft = propose_replay(OLGA, LetterFilter(error="Late", entity="7"), now())

    assert list(items(draft)) == [wanted]
    assert LetterFilter.of_json(draft.asked) == LetterFilter(error="Late", entity="7")
    with pytest.raises(Refused, match="these belong to others and testers. Choose one."):
        propose_replay(OLGA, LetterFilter(), now())
