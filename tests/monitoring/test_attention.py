from dataclasses import replace
from datetime import timedelta

import pytest

from events.pressure import Pressure
from events.queries.snapshot import Losses, RelayState, Snapshot
from monitoring.attention import Flow, Need, needs
from tests.monitoring.snapshots import NOW, SERVER, away, behind, group, snapshot


def found(now: Snapshot, flow: Flow | None = None) -> list[Need]:
    return list(
        needs(now, lambda name: flow or Flow(), lambda name: None, NOW - timedelta(seconds=33))
    )


def only(now: Snapshot, flow: Flow | None = None) -> Need:
    (need,) = found(now, flow)
    return need


def said(need: Need) -> str:
    return f"{need.subject} {need.sentence}".replace("\u00a0", " ").replace("\u202f", "'")


def test_a_quiet_bus_needs_nobody() -> None:
    assert found(snapshot(group())) == []


def test_a_group_that_waits_a_moment_needs_nobody() -> None:
    assert found(snapshot(behind("nft", 9.9))) == []


def test_a_group_that_does_not_catch_up_says_how_fast_it_falls_behind() -> None:
    need = only(snapshot(behind("nft_reward_distributors", 252)), Flow(12.1, 3.4))

    assert (need.kind, need.word) == ("warn", "falling behind")
    assert said(need) == (
        "nft_reward_distributors is 4 min 12 s behind and does not catch up:"
        " 12.1/s come in, 3.4/s are handled."
    )
    assert need.since == NOW - timedelta(seconds=252)
    assert need.url == "/groups/nft_reward_distributors/"


def test_a_group_that_catches_up_says_when_it_will_have() -> None:
    need = only(snapshot(behind("nft", 20, lag=100)), Flow(10, 20))

    assert need.word == "behind"
    assert "catches up in about 10 s" in said(need)


def test_a_group_ten_minutes_behind_that_does_not_catch_up_is_red() -> None:
    assert only(snapshot(behind("nft", 601)), Flow(5, 1)).kind == "bad"
    assert only(snapshot(behind("nft", 601)), Flow(1, 5)).kind == "warn"


def test_without_workers_one_line_stands_for_all_groups() -> None:
    need = only(snapshot(behind("nft", 60, lag=3), behind("social", 90, lag=4), workers=()))

    assert need.word == "no workers"
    assert "7 deliveries wait for 2 groups" in said(need)
    assert need.since == NOW - timedelta(seconds=90)


def test_a_bus_that_is_away_explains_all_that_is_unknown() -> None:
    need = only(away(behind("nft", 60)))

    assert (need.kind, need.word) == ("bad", "unreachable")
    assert need.since == NOW - timedelta(seconds=33)
    assert "refused" in need.detail


def test_a_bus_that_fills_up_is_named_before_it_is_full() -> None:
    full = replace(SERVER, used_memory_bytes=850, max_memory_bytes=1000)
    now = snapshot(group())

    need = only(replace(now, bus=replace(now.bus, server=full)))

    assert "85%" in said(need)


@pytest.mark.parametrize(
    ("waiting", "words"), [(3, "has 3 accepted"), (10_000, "has at least 10'000")]
)
def test_accepted_events_that_do_not_reach_the_bus_are_named(waiting: int, words: str) -> None:
    relay = RelayState(waiting, NOW - timedelta(seconds=11))

    assert words in said(only(snapshot(group(), relay=relay)))


def test_an_event_just_accepted_is_no_reason_for_worry() -> None:
    assert found(snapshot(group(), relay=RelayState(3, NOW - timedelta(seconds=2)))) == []


def test_a_group_with_dead_letters_links_to_them() -> None:
    need = only(snapshot(group("nft", dead_letters=3)))

    assert said(need) == "nft set aside 3 events it could not handle."
    assert need.url == "/dead-letters/?group=nft"


def test_many_failing_groups_are_one_line_with_the_worst_named() -> None:
    failing = [group(name, dead_letters=count) for name, count in (("a", 1), ("b", 7), ("c", 2))]

    need = only(snapshot(*failing))

    assert said(need) == "3 groups set aside 10 events they could not handle, 7 of them b."


def test_injected_faults_are_said_where_failures_are() -> None:
    need = only(snapshot(group("nft", dead_letters=3), faults="reject:0.1"))

    assert "injected" in need.detail


def test_what_is_red_comes_first() -> None:
    kinds = [need.kind for need in found(snapshot(behind("a", 30), group("b", dead_letters=1)))]

    assert kinds == ["bad", "warn"]


def test_a_stream_that_is_given_events_slowly_says_because_of_whom() -> None:
    held = {"astra.trading.tradeexecuted.v1": "nft is 3 entries behind", "other": "nft too"}

    need = only(replace(snapshot(group()), pressure=Pressure(streams=held)))

    assert (need.kind, need.word) == ("warn", "held back")
    assert said(need).startswith("2 streams are given events slowly: a group is too far behind.")
    assert need.detail == "nft is 3 entries behind"


def test_a_group_that_leaves_something_alone_says_what_and_that_nothing_is_lost() -> None:
    late = replace(behind("notification_senders", 60, lag=5), breakers={"mail": 1}, workers=2)

    need = only(snapshot(late))

    assert (need.kind, need.word) == ("warn", "breaker open")
    assert said(need).startswith("notification_senders waits for mail, which failed again and")
    assert need.detail.replace("\u00a0", " ") == (
        "5 waiting, none is lost · open in 1 of 2 workers"
    )


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        (
            Losses(NOW, True, {"a": 3, "b": 2}),
            "The bus came back without its data: 5 deliveries went back to 2 groups.",
        ),
        (
            Losses(NOW, True, {}),
            "The bus came back without its data: nothing unfinished was found so far.",
        ),
        (
            Losses(NOW, False, {"a": 1}),
            "The bus had lost what was unfinished: 1 delivery went back to 1 group.",
        ),
        (
            Losses(NOW, False, {"a": 1}, 2),
            "The bus had lost what was unfinished: 1 delivery went back to 1 group, and of 2"
            " entries nobody knows what was lost.",
        ),
    ],
)
def test_what_the_bus_had_lost_is_said_after_it_was_put_back(losses: Losses, sentence: str) -> None:
    need = only(snapshot(group(), losses=losses))

    assert (need.kind, need.word, said(need), need.since) == ("warn", "data lost", sentence, NOW)
