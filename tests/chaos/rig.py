"""Real processes under faults: clients, workers, their bus server and their database."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import redis

from events.transport.base import Append
from tests.chaos.oracle import Evidence, Pair, findings
from tests.chaos.proxy import LossyProxy
from tests.integration.deployment import ROOT, Deployment, deployed
from tests.servers import BusServer, tethered
from tests.waiting import eventually

ASKED, DONE = "astra.chaos.thingasked.v1", "astra.chaos.thingdone.v1"
READERS = {
    "Chaos.ThingAsked": ("chaos_single", "chaos_batch", "chaos_retrying"),
    "Chaos.ThingDone": ("chaos_following", "chaos_outside"),
}
POISONED = "chaos_single"
"""The group that a poison event hurts."""

RETRYING = "chaos_retrying"

CONSOLE = """
import json
from events.audit import first_broken
from events.queries.snapshot import take
groups = {
    state.name: [(state.lag or 0) + (state.pending or 0) + (state.retries_waiting or 0),
                 state.dead_letters]
    for state in take().groups if state.name.startswith("chaos_")
}
print(json.dumps({"groups": groups, "audit_broken": first_broken()}))
"""

DRAINED_WITHIN_S = 120
LEASE_S = 2


@dataclass
class Rig:
    """One deployment under faults."""

    deployment: Deployment
    database_url: str
    rng: random.Random
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    clients: list[subprocess.Popen[bytes]] = field(default_factory=list)
    by_hand: dict[str, bytes] = field(default_factory=dict)
    """Bytes put on the stream past `publish`, by the id they were given."""

    @property
    def folder(self) -> Path:
        return self.deployment.folder

    @property
    def server(self) -> BusServer:
        return self.deployment.server

    # --- processes ------------------------------------------------------------------------------

    def work(self, count: int = 2) -> None:
        """See to it that so many workers run: who died is replaced, as a supervisor does it."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < count:
            self.workers.append(self._start())

    def destroy_group(self, group: str) -> None:
        """Remove a group from its streams, as a careless operator does it."""
        with redis.Redis.from_url(self.server.url) as client:
            for stream in (ASKED, DONE):
                client.xgroup_destroy(stream, group)

    def replay(self) -> int:
        """Replay every dead letter, as an operator does it on the command line; its exit status."""
        letters = [str(pk) for (pk,) in self.rows("SELECT id FROM events_deadletter")]
        words = ("deadletters", "replay", *letters, "--reason", "mended")
        return self.deployment.manage(*words).returncode

    def lose_replies(self, proxy: LossyProxy) -> None:
        """Let every process started from now on speak to the bus by way of this proxy."""
        self.deployment.variables["REDIS_URL"] = proxy.url

    def short_of_memory(self, spare_bytes: int | None) -> None:
        """Leave the bus server so much memory beyond what it uses; None leaves it what it wants."""
        with redis.Redis.from_url(self.server.url) as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory", 0 if spare_bytes is None else used + spare_bytes)

    def _start(self) -> subprocess.Popen[bytes]:
        """A worker that is hurt itself, not the supervisor above it."""
        return self.deployment.start("runworkers", "--no-supervisor", "--domains", "chaos")

    def publish(self, count: int, rate: float, poison: str = "") -> subprocess.Popen[bytes]:
        """Let a client publish; its history is kept beside the others'."""
        number = len(self.clients)
        words = [str(count), str(rate), str(self.rng.randrange(10**6)), poison]
        argv = (sys.executable, "-m", "tests.chaos.client", str(self._history(number)), *words)
        with (self.folder / f"client-{number}.log").open("wb") as log:
            client = subprocess.Popen(
                tethered(argv), cwd=ROOT, env=self.deployment.environment, stdout=log, stderr=log
            )
        self.clients.append(client)
        return client

    def put_by_hand(self, body: bytes) -> None:
        """Put bytes on the stream that no client of the bus would have put there."""
        event_id = uuid4()
        self.deployment.transport.streams.append([Append(ASKED, event_id, body)])
        self.by_hand[str(event_id)] = body

    def kill_worker(self) -> None:
        """Kill -9 one, chosen by the seed."""
        self.deployment.kill(self.rng.choice(self.workers))

    def kill_busy_worker(self) -> None:
        """Kill -9 the one that is at work now."""
        self.deployment.kill(self._busy())

    def _busy(self) -> subprocess.Popen[bytes]:
        by_pid = {str(worker.pid): worker for worker in self.workers}
        return next(by_pid[pid] for _, _, pid in reversed(self.attempts()) if pid in by_pid)

    def freeze_worker(self, seconds: float) -> None:
        """Stop the one at work for longer than its lease, then let it go on: a zombie."""
        zombie = self._busy()
        zombie.send_signal(signal.SIGSTOP)
        time.sleep(seconds)  # the fault is its length
        zombie.send_signal(signal.SIGCONT)

    @contextmanager
    def locked_sql(self) -> Iterator[None]:
        """Hold SQLite's one write lock, as a careless script does."""
        with closing(sqlite3.connect(self.folder / "astra.sqlite3", timeout=20)) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def struck(self, crash: str) -> int:
        """How often workers said that they came to the last of these armed crash points."""
        point, action = crash.rsplit(",", maxsplit=1)[-1].split(":")[:2]
        logs = (path.read_text() for path in self.folder.glob("runworkers-*.log"))
        return sum(log.count(f"{action} on purpose at {point} ") for log in logs)

    # --- looking --------------------------------------------------------------------------------

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the database, whichever it is."""
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(query.encode()).fetchall()
        return self.deployment.rows(query)

    def told(self) -> dict[str, dict[str, Any]]:
        """What the clients' histories end with, by event id."""
        last: dict[str, dict[str, Any]] = {}
        files = map(self._history, range(len(self.clients)))
        for file in (file for file in files if file.exists()):
            for line in file.read_text().splitlines():
                entry = json.loads(line)
                last[entry["id"]] = entry
        return last

    def attempts(self) -> list[tuple[str, str, str]]:
        """Event id, group and process of every attempt."""
        file = self.folder / "attempts"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(event_id, group, pid) for event_id, group, pid in map(str.split, lines)]

    def redeliveries(self) -> int:
        """Entries taken over from a worker, and pairs that more than one process has attempted.

        Not those of the group that retries: whichever worker comes first makes its second attempt.
        """
        by_process = {one for one in self.attempts() if one[1] != RETRYING}
        again = len(by_process) - len({(event_id, group) for event_id, group, _ in by_process})
        file = self.folder / "reclaims"
        lines = file.read_text().splitlines() if file.exists() else []
        return again + sum(int(line.split()[1]) for line in lines)

    def idle(self) -> bool:
        """Nothing is waiting anywhere: neither in the outbox nor on the bus."""
        if self.rows("SELECT 1 FROM events_storedevent WHERE relayed_at IS NULL LIMIT 1"):
            return False
        inspector = self.deployment.inspector
        states = inspector.streams([ASKED, DONE]).values()
        ours = [g for state in states for g in state.groups if g.name.startswith("chaos_")]
        if any(group.pending or group.lag for group in ours):
            return False
        pairs = [(ASKED, g) for g in READERS["Chaos.ThingAsked"]]
        pairs += [(DONE, g) for g in READERS["Chaos.ThingDone"]]
        return not any(i.waiting or i.pending for i in inspector.retries(pairs).values())

    def settled_everything(self) -> bool:
        """Every stored event is handled or set aside in every group that reads it."""
        stored = self._stored()
        done = {*self._handled(), *self._dead()}
        return all((i, g) in done for i, kind in stored.items() for g in READERS[kind])

    def evidence(self, *, drained: bool = True) -> Evidence:
        """Everything the oracle judges by."""
        told, stored = self.told(), self._stored()
        expected = {(i, g) for i, kind in stored.items() for g in READERS[kind]}
        malformed = {
            (i, group): body
            for i, body in self.by_hand.items()
            for group in READERS["Chaos.ThingAsked"]
        }
        ill = {i for i, entry in told.items() if entry["poison"] and i in stored}
        bodies = {_id(i): bytes(b.encode()) for i, b in self._bodies()}
        console = self._console()
        return Evidence(
            accepted=frozenset(i for i, entry in told.items() if entry["outcome"] == "accepted"),
            stored=frozenset(stored),
            expected=frozenset(expected | set(malformed)),
            handled=self._handled(),
            effects=self._pairs("SELECT event_id, group_name FROM chaos_effect"),
            attempts=Counter((i, group) for i, group, _ in self.attempts()),
            dead=self._dead(),
            poison={**{(i, POISONED): bodies[i] for i in ill}, **malformed},
            appended=self._appended(),
            unattempted_by_design=frozenset(malformed),
            shown={name: tuple(counts) for name, counts in console["groups"].items()},
            audit_broken=console["audit_broken"],
            drained=drained,
        )

    def _appended(self) -> Counter[str]:
        with redis.Redis.from_url(self.server.url) as client:
            entries = [fields for name in (ASKED, DONE) for _, fields in client.xrange(name)]
        return Counter(fields[b"id"].decode() for fields in entries)

    def _stored(self) -> dict[str, str]:
        query = "SELECT event_id, event_type FROM events_storedevent"
        return {_id(i): str(kind) for i, kind in self.rows(query)}

    def _bodies(self) -> list[tuple[Any, ...]]:
        query = "SELECT event_id, body FROM events_storedevent WHERE event_type = "
        return self.rows(f"{query}'Chaos.ThingAsked'")

    def _handled(self) -> Counter[Pair]:
        return self._pairs(
            "SELECT h.event_id, g.name FROM events_handledevent h "
            "JOIN events_consumergroup g ON g.id = h.group_id"
        )

    def _dead(self) -> dict[Pair, bytes]:
        rows = self.rows("SELECT event_id, group_name, body FROM events_deadletter")
        return {(_id(i), str(group)): bytes(body) for i, group, body in rows}

    def _pairs(self, query: str) -> Counter[Pair]:
        return Counter((_id(i), str(group)) for i, group in self.rows(query))

    def _console(self) -> dict[str, Any]:
        """What the console's own queries say, in a process of theirs."""
        done = self.deployment.manage("shell", "-v0", "-c", CONSOLE)
        console: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return console

    def _history(self, number: int) -> Path:
        return self.folder / f"history-{number}.ndjson"


def _id(value: Any) -> str:
    return str(UUID(str(value)))


@contextmanager
def rigged(
    folder: Path, server: BusServer, seed: int, *, bug: str = "", crash: str = "", sql: str = ""
) -> Iterator[Rig]:
    """A deployment to be hurt; nothing runs yet but the bus server."""
    variables = {
        "APPS": "tests.chaos.app",
        "CHAOS_ATTEMPTS": str(folder / "attempts"),
        "ASTRA_LEASE_S": str(LEASE_S),
        "ASTRA_RECONCILE_AFTER_S": "5",
        **({"DATABASE_URL": sql} if sql else {}),
    }
    with deployed(folder, server, **variables) as deployment:
        # From here on: not the set-up is to be hurt, the run is.
        deployment.variables |= {"CHAOS_BUG": bug} if bug else {}
        deployment.variables |= {"ASTRA_CRASH": crash} if crash else {}
        yield Rig(deployment, sql, random.Random(seed))


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    evidence: Evidence
    redeliveries: int
    """Entries taken over, and pairs that more than one process attempted."""
    drained_s: float
    wrong: list[str]


def judged(rig: Rig, *, patience_s: float = DRAINED_WITHIN_S, only_idle: bool = False) -> Result:
    """Heal, wait until all is through, and ask the oracle.

    With `only_idle` what is lost is not waited for: for bugs that lose on purpose.
    """
    rig.deployment.variables.pop("ASTRA_CRASH", None)
    for client in rig.clients:
        client.wait(300)
    began = time.monotonic()
    drained = True
    try:
        eventually(lambda: _through(rig, only_idle), patience_s, "everything is through")
    except AssertionError:
        drained = False
    evidence = rig.evidence(drained=drained)
    took_s = time.monotonic() - began
    return Result(evidence, rig.redeliveries(), took_s, findings(evidence))


def _through(rig: Rig, only_idle: bool) -> bool:
    rig.work()
    time.sleep(0.3)  # looking is work too
    if not rig.idle():
        return False
    return only_idle or rig.settled_everything()
