from datetime import timedelta

import pytest
from django.utils import timezone

from events.queries.snapshot import Snapshot
from monitoring import samples
from monitoring.overview import GROUPS_SHOWN, overview
from tests.monitoring.snapshots import away, behind, group, snapshot, stream

pytestmark = pytest.mark.django_db


def measure(*shots: Snapshot) -> None:
    """Keep samples of these, five seconds apart, the last of them now."""
    now = timezone.now()
    for index, shot in enumerate(shots):
        at = now - timedelta(seconds=5 * (len(shots) - 1 - index))
        samples.record(at, samples.values_of(shot), needs=0)


def at(published: int, handled: int = 0) -> Snapshot:
    return snapshot(
        group("a", added=published, delivered=handled),
        streams=(stream("trading", published), stream("nft", 0)),
    )


def test_the_sentence_says_rate_domains_and_what_needs_attention() -> None:
    measure(at(0), at(1560))

    assert (
        overview(at(1560), "1h").sentence
        == "312 events/s across one domain; nothing needs attention"
    )
    assert overview(snapshot(behind("a", 99)), "1h").sentence.endswith(
        "; one thing needs attention"
    )


def test_before_there_are_two_measurements_it_says_that_it_measures() -> None:
    assert overview(at(5), "1h").sentence.startswith("Measuring;")


def test_an_idle_bus_is_not_nought_events_per_second() -> None:
    measure(at(5), at(5))

    assert overview(at(5), "1h").sentence == "No events at the moment; nothing needs attention"


def test_a_bus_that_is_away_has_no_present_rates() -> None:
    measure(at(0), at(1000))

    page = overview(away(group("a")), "1h")

    assert page.sentence == "The bus does not answer; one thing needs attention"
    assert [figure.value for figure in page.figures[:3]] == ["—", "—", "—"]
    assert page.figures[4].value == "—"
    assert page.groups[0].outlook_text == "unknown"


def test_headline_figures_come_with_their_series() -> None:
    measure(at(0, 0), at(50, 100), at(100, 200), at(150, 300))

    published, handled, *_ = overview(at(150, 300), "1h").figures

    assert (published.value, handled.value) == ("10.0", "20.0")
    assert [rate for _, rate in published.series] == pytest.approx([10, 10, 10])


def test_only_the_worst_groups_are_listed_and_all_are_counted() -> None:
    many = [group(f"g{number}") for number in range(16)]

    page = overview(snapshot(*many, behind("late", 60)), "1h")

    assert len(page.groups) == GROUPS_SHOWN
    assert page.groups[0].state.name == "late"
    assert page.group_count == 17


@pytest.mark.parametrize(
    ("state", "outlook"),
    [
        (group(), ("ok", "keeps up")),
        (group(dead_letters=3), ("bad", "3 failed")),
        (group(retries_waiting=2), ("warn", "2 retries")),
        (group(lag=None), ("warn", "unknown")),
        (behind("a", 60), ("warn", "not draining")),
        (group(breakers={"mail": 1}, lag=9), ("warn", "breaker open")),
    ],
)
def test_a_group_has_one_word_for_its_state(state: object, outlook: tuple[str, str]) -> None:
    (row,) = overview(snapshot(state), "1h").groups  # type: ignore[arg-type]

    assert (row.outlook, row.outlook_text.replace("\u00a0", " ")) == outlook


def test_a_quiet_bus_says_since_when() -> None:
    measure(at(0), at(0))

    assert overview(at(0), "1h").quiet_since is not None
    assert overview(snapshot(behind("a", 60)), "1h").quiet_since is None


def test_domains_are_those_of_the_registry_with_their_types() -> None:
    shot = snapshot(
        streams=(stream("nft", 1, "NFT.A"), stream("nft", 2, "NFT.B"), stream("user", 3))
    )

    assert [(row.name, row.types) for row in overview(shot, "1h").domains] == [
        ("nft", 2),
        ("user", 1),
    ]
