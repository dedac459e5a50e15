"""A large replay goes on while its workers are killed, and everything else is started again."""

from __future__ import annotations

import json
import time

import pytest

from tests.integration.deployment import Deployment
from tests.waiting import eventually

FEW, MANY = 1_000, 5_000
"""What every run of the tests replays, and what `make chaos` does."""
LASTS_S = 5
"""As many a second as let it last this long, if nobody were killed."""

KILL_EVERY_S = 3.0
GROUP = "revenue_trackers"

FREEZE = f"""
from events.operations import Actor, propose_replay
from events.queries.letter_filter import LetterFilter
actor = Actor("olga", "console", may_operate=True)
print(propose_replay(actor, LetterFilter(group={GROUP!r})).pk)
"""


BURY = f"""
from events.envelope import now
from events.models import DeadLetter, StoredEvent
DeadLetter.objects.bulk_create(
    DeadLetter(
        group_name={GROUP!r},
        event_id=row.event_id,
        event_type=row.event_type,
        stream=row.event.get_stream_name(),
        body=row.body.encode(),
        error_class="OutOfMoney",
        first_failed_at=now(),
        last_failed_at=now(),
    )
    for row in StoredEvent.objects.all()
)
"""


@pytest.fixture(params=[FEW, pytest.param(MANY, marks=pytest.mark.long)])
def letters(request: pytest.FixtureRequest) -> int:
    """How many dead letters there are."""
    return int(request.param)


@pytest.fixture
def failed(deployment: Deployment, letters: int) -> Deployment:
    """Every trade is a dead letter of one group, whose cause is gone now."""
    trade = {"event_type": "Trading.TradeExecuted", "metadata": {"synthetic": True}}
    lines = (
        json.dumps({**trade, "data": {"user_id": n % 50 + 1, "symbol": "STRK", "value": "1000.00"}})
        for n in range(letters)
    )
    published = deployment.manage("publish", "--file", "-", text="\n".join(lines))
    assert published.returncode == 0, published.stderr
    buried = deployment.manage("shell", "-v0", "-c", BURY)
    assert deployment.count("events_deadletter") == letters, buried.stderr
    return deployment


def handled(deployment: Deployment) -> int:
    """Events of the operation that its group has handled."""
    return deployment.count("events_operationitem", "state = 'handled'")


def test_all_are_replayed_while_workers_are_killed(failed: Deployment, letters: int) -> None:
    drafts = [failed.manage("shell", "-v0", "-c", FREEZE).stdout.split()[-1] for _ in range(2)]
    begin = (
        "operations",
        "begin",
        drafts[0],
        "--reason",
        "mended",
        "--rate",
        str(letters // LASTS_S),
    )
    assert failed.manage(*begin).returncode == 0
    assert failed.manage(*begin).returncode == 0, "a second click is the same operation"
    other = failed.manage("operations", "begin", drafts[1], "--reason", "a second tab")
    assert (other.returncode, "are part of operation" in other.stderr) == (1, True)

    scheduler = failed.start("runscheduler")
    kills = 0
    while (done := handled(failed)) < letters and kills < 40:
        worker = failed.start("runworkers", "--no-supervisor", "--groups", GROUP)
        eventually(lambda before=done: handled(failed) > before, 60, "it works again")
        if handled(failed) < letters:
            time.sleep(KILL_EVERY_S)  # what is tested is that it is killed this often
        failed.kill(worker)
        kills += 1
        if kills == 2:
            failed.kill(scheduler)
            scheduler = failed.start("runscheduler")
    failed.start("runworkers", "--no-supervisor", "--groups", GROUP)
    shown = failed.manage("operations", "show", drafts[0], "--wait", "60", "--json")

    operation = json.loads(shown.stdout)
    assert shown.returncode == 0, shown.stderr
    assert kills >= 2
    assert (operation["state"], operation["counts"]) == ("done", {"handled": letters})
    assert failed.count("events_deadletter", "redelivered_at IS NULL") == 0
    assert failed.count("events_deadletter", "state = 'resolved'") == letters
    assert failed.count("events_operation", "state <> 'draft'") == 1
    said = failed.count("events_storedevent", "event_type = 'Financial.RevenueRecorded'")
    once = "SELECT count(DISTINCT causation_id) FROM events_storedevent WHERE causation_id NOTNULL"
    assert said == failed.rows(once)[0][0] == letters
    assert failed.rows("SELECT count(DISTINCT group_id) FROM events_handledevent") == [(1,)]
