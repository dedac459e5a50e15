"""What the made-up people do: drawn from a seed, like a market."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from events.management.career_traffic import Careers
from events.management.desk_traffic import MOST_HALTED, Desk
from events.management.steps import Step
from events.management.traffic import FIRST_USERS, TRADE, Traffic


def planned(seed: int, count: int) -> list[Step]:
    """The first steps of a seed, none of them performed."""
    return list(islice(Traffic(seed).steps(), count))


def traded(steps: list[Step]) -> list[tuple[Any, ...]]:
    """Whom, what, which way, how much and at which price of every trade."""
    return [step.act.args for step in steps if step.kind == TRADE]  # type: ignore[attr-defined]


def test_a_seed_gives_the_same_steps_in_the_same_order() -> None:
    first, again, other = planned(7, 2_000), planned(7, 2_000), planned(8, 2_000)

    assert [step.kind for step in first] == [step.kind for step in again]
    assert traded(first) == traded(again)
    assert traded(first) != traded(other)


def test_nobody_trades_before_there_are_users() -> None:
    steps = planned(7, 2_000)

    kinds = [step.kind for step in steps]
    assert kinds[: 2 * FIRST_USERS] == ["register", "profile"] * FIRST_USERS
    assert kinds[2 * FIRST_USERS] in {"order", TRADE}


def test_values_have_a_heavy_tail() -> None:
    values = sorted(quantity * price for *_, quantity, price in traded(planned(7, 60_000)))

    usual = [value for value in values if 50 <= value <= 5_000]
    assert len(usual) > 0.97 * len(values)
    assert values[0] > 49
    assert 100_000 < values[-1] < 250_001


def test_every_domain_gets_its_share() -> None:
    kinds = Counter(step.kind for step in planned(7, 20_000))

    seldom = {kind for kind, count in kinds.items() if count < 10}
    assert seldom <= {"refund"}
    assert {"payment", "sale", "claim", "like", "battle", "session", "viral"} <= set(kinds)


def test_what_happens_beside_the_trades_changes_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    among_others = traded(planned(7, 4_000))

    for others in (Desk, Careers):
        monkeypatch.setattr(others, "steps", lambda _: iter(()))
    monkeypatch.setattr(Desk, "execution", lambda *_: iter(()))
    alone = traded(planned(7, 4_000))

    assert len(alone) > len(among_others) > 500
    assert alone[: len(among_others)] == among_others


def test_who_is_halted_neither_trades_nor_orders_nor_opens_a_position() -> None:
    traffic = Traffic(7)
    steps = traffic.steps()
    users = [next(steps).act.keywords["user_id"]]  # type: ignore[attr-defined]
    traffic._desk.halted = users

    later = [step for step in islice(steps, 4_000) if step.kind in {TRADE, "order", "position"}]

    assert len(later) > 500
    assert users[0] not in {step.act.args[0] for step in later}  # type: ignore[attr-defined]


def test_only_so_many_are_halted_and_who_was_first_resumes_first() -> None:
    steps = Traffic(7).steps()
    step, said = next(steps), []
    while len(said) < 40:
        if step.kind in {"halt", "resume"}:
            said.append((step.kind, step.act.args[0]))  # type: ignore[attr-defined]
        step = steps.send("done" if step.kind == "halt" else None)

    halted = [user_id for kind, user_id in said if kind == "halt"]
    resumed = [user_id for kind, user_id in said if kind == "resume"]
    assert resumed == halted[: len(resumed)]
    assert len(halted) - len(resumed) in {MOST_HALTED - 1, MOST_HALTED}
