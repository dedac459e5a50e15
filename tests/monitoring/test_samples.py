from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from monitoring import samples
from monitoring.models import Sample
from monitoring.samples import GroupValues, Values
from tests.monitoring.snapshots import away, group, snapshot, stream

pytestmark = pytest.mark.django_db


def values(published: int | None = 0, **more: object) -> Values:
    given: dict[str, object] = {"handled": 0, "oldest_s": 0.0, "dead": 0, "workers": 1}
    given |= {"relay": 0, "domains": {}, "groups": {}}
    return Values(published=published, **{**given, **more})  # type: ignore[arg-type]


def fill(count: int, step_s: float = 5, growth: int = 50, needs: int = 0) -> datetime:
    """So many rows of the finest resolution, the last of them now."""
    now = timezone.now()
    for index in range(count):
        at = now - timedelta(seconds=(count - 1 - index) * step_s)
        samples.record(at, values(index * growth), needs)
    return now


def total(kept: Values) -> int | None:
    return kept.published


def test_a_rate_is_the_difference_of_two_totals() -> None:
    fill(4)

    assert samples.recent().rate_now(total) == pytest.approx(10)


def test_one_measurement_is_no_rate() -> None:
    fill(1)

    assert samples.recent().rate_now(total) is None


def test_old_measurements_say_nothing_of_the_present() -> None:
    fill(4)

    later = timezone.now() + timedelta(seconds=samples.NOW_WITHIN_S + 1)

    assert samples.recent().rate_now(total, later) is None


def test_a_total_that_shrank_or_is_unknown_gives_no_rate() -> None:
    now = timezone.now()
    for index, published in enumerate((100, 200, None, 5, 10)):
        samples.record(now - timedelta(seconds=20 - 5 * index), values(published), 0)

    rates = [rate for _, rate in samples.history(3600).rates(total)]

    assert rates == [pytest.approx(20), None, None, pytest.approx(1)]


def test_coarse_rows_are_written_only_when_they_are_due() -> None:
    fill(25)

    counts = {step: Sample.objects.filter(resolution_s=step).count() for step in samples.KEPT_S}

    assert counts == {5: 25, 60: 3, 900: 1}


def test_a_window_is_drawn_with_the_coarsest_rows_that_make_a_line() -> None:
    fill(20, step_s=60)

    steps = samples.history(3600)

    assert len(steps.rows) == 20
    assert {
        row.resolution_s for row in Sample.objects.filter(at__in=[r.at for r in steps.rows])
    } >= {60}


def test_single_streams_are_told_a_minute_apart() -> None:
    now = timezone.now()
    for index in range(25):
        at = now - timedelta(seconds=5 * (24 - index))
        samples.record(at, values(index, streams={"a": 10 * index}), 0)

    rates = samples.minutes(3600).rates(lambda kept: kept.streams.get("a"))

    assert [rate for _, rate in rates] == [pytest.approx(2), pytest.approx(2)]
    assert all(row.values.streams == {} for row in samples.recent().rows)


def test_a_long_line_is_thinned_and_keeps_its_end() -> None:
    now = fill(130, step_s=60)

    rows = samples.history(86_400).rows

    assert len(rows) <= samples.MOST_POINTS
    assert rows[-1].at == now


def test_a_coarse_line_ends_with_the_newest_measurement() -> None:
    now = fill(300)

    rows = samples.history(3600).rows

    assert len(rows) <= 3600 / 60
    assert rows[-1].at == now


def test_pruning_keeps_what_its_resolution_promises() -> None:
    now = timezone.now()
    old = {5: 2 * 3600, 60: 30 * 3600, 900: 9 * 86_400}
    for step, age_s in old.items():
        for at in (now, now - timedelta(seconds=age_s)):
            Sample.objects.create(at=at, resolution_s=step, values="{}")

    samples.prune()

    assert sorted(Sample.objects.values_list("resolution_s", "at")) == [(s, now) for s in old]


def test_quiet_began_after_the_last_need() -> None:
    assert samples.quiet_since() is None
    now = timezone.now()
    samples.record(now - timedelta(seconds=90), values(), needs=0)
    first = samples.quiet_since()
    samples.record(now - timedelta(seconds=60), values(), needs=2)
    samples.record(now, values(), needs=0)

    assert first == now - timedelta(seconds=90)
    assert samples.quiet_since() == now - timedelta(seconds=60)


def test_a_snapshot_becomes_totals_per_domain_and_group() -> None:
    now = snapshot(
        group("a", delivered=7, added=9, lag=2, oldest_waiting_s=3.0),
        group("b", delivered=None, dead_letters=4),
        streams=(stream("nft", 5), stream("nft", 6), stream("user", 1)),
    )

    kept = samples.values_of(now)

    assert kept.domains == {"nft": 11, "user": 1}
    assert (kept.published, kept.handled, kept.oldest_s, kept.dead) == (12, 7, 3.0, 4)
    assert kept.groups["a"] == GroupValues(2, 3.0, 9, 7, 0)


def test_a_bus_that_is_away_leaves_unknowns_not_zeros() -> None:
    kept = samples.values_of(away(group("a")))

    assert (kept.published, kept.handled, kept.oldest_s) == (None, None, None)
