"""What becomes of the crowd beside the trade: accounts, challenges, evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from random import Random
from typing import Literal

from events.domains.auth import services as auth
from events.domains.challenge import services as challenge
from events.domains.evaluation import services as evaluation
from events.domains.evaluation.metrics import METRICS
from events.management.steps import MARK, Activities, Step, Steps, whatever_happens

SESSIONS_LEFT = 3
"""So many sessions are left open; of more the oldest ends."""

PERMISSIONS_LEFT = 2
CHALLENGES_AT_ONCE = 2
EVALUATIONS_AT_ONCE = 3

IDLE_S = 1_800
TARGET, LOSS_LIMIT = Decimal(500), Decimal(250)
PHASES = 2
REWARD_XP = 50

METHODS: tuple[Literal["password", "passkey", "google"], ...] = ("password", "passkey", "google")
DEVICES = ("web", "ios", "android")
PERMISSIONS = ("trading.margin", "trading.options", "api.keys", "withdrawals.large")
CHALLENGES = ("Funded trader, 25 000", "Funded trader, 50 000", "Steady month")
RULES = {"daily_loss": 1_000, "open_positions": 5, "trade_size": 10_000}


@dataclass
class Run:
    """A challenge that somebody is in."""

    challenge_id: str
    phase: int = 1


class Careers:
    """What the users do and suffer over time; the draws are its own."""

    def __init__(self, seed: int, users: Sequence[int]) -> None:
        """Users who join later are seen too."""
        self._random = Random(f"{seed} careers")  # noqa: S311
        self._users = users
        self._with_account: list[int] = []
        self._sessions: list[str] = []
        self._permissions: list[tuple[int, str]] = []
        self._runs: list[Run] = []
        self._evaluations: list[str] = []
        self._activities: Activities = (
            (0.20, self._get_account),
            (0.06, self._log_in),
            (0.08, self._end_session),
            (0.04, self._grant_or_revoke),
            (0.20, self._challenge),
            (0.10, self._evaluate),
        )

    def steps(self) -> Steps:
        """What happens after one trade."""
        yield from whatever_happens(self._random, self._activities)

    def _get_account(self) -> Steps:
        """Whoever came first among those without an account gets one."""
        if len(self._with_account) == len(self._users):
            return
        user_id = self._users[len(self._with_account)]
        self._with_account.append(user_id)
        register = partial(
            auth.register_account,
            user_id,
            f"trader.{user_id}",
            self._random.choice(METHODS),
            ip=self._address(),
            metadata=MARK,
        )
        yield Step("account", register)

    def _log_in(self) -> Steps:
        if self._with_account:
            user_id, device = self._random.choice(self._with_account), self._random.choice(DEVICES)
            log_in = partial(auth.log_in, user_id, device, ip=self._address(), metadata=MARK)
            began = yield Step("sign-in", log_in)
            if began:
                self._sessions.append(began.data["session_id"])

    def _end_session(self) -> Steps:
        """The oldest ends: by its user, or because they forgot it."""
        forgotten = self._random.random() < 0.4
        if len(self._sessions) <= SESSIONS_LEFT:
            return
        session_id = self._sessions.pop(0)
        if forgotten:
            expire = partial(auth.expire_session, session_id, IDLE_S, metadata=MARK)
            yield Step("expiry", expire)
        else:
            yield Step("sign-out", partial(auth.log_out, session_id, metadata=MARK))

    def _grant_or_revoke(self) -> Steps:
        what = (self._user(), self._random.choice(PERMISSIONS))
        if len(self._permissions) > PERMISSIONS_LEFT:
            revoke = partial(auth.revoke_permission, *self._permissions.pop(0), metadata=MARK)
            yield Step("revocation", revoke)
            return
        granted = yield Step("grant", partial(auth.grant_permission, *what, metadata=MARK))
        if granted:
            self._permissions.append(what)

    def _challenge(self) -> Steps:
        """Somebody takes on a challenge, or one that runs sees the result of a trade."""
        user_id, name = self._user(), self._random.choice(CHALLENGES)
        if len(self._runs) < CHALLENGES_AT_ONCE:
            start = partial(challenge.start_challenge, user_id, name, TARGET, LOSS_LIMIT)
            start = partial(start, phases=PHASES, reward_xp=REWARD_XP, metadata=MARK)
            started = yield Step("challenge", start)
            if started:
                self._runs.append(Run(started.entity_id))
            return
        run = self._random.choice(self._runs)
        profit = Decimal(self._random.randint(-300_00, 400_00)).scaleb(-2)
        record = partial(challenge.record_result, run.challenge_id, profit, metadata=MARK)
        recorded = yield Step("result", record)
        if recorded:
            yield from self._judge(run, Decimal(recorded.data["profit"]))

    def _judge(self, run: Run, profit: Decimal) -> Steps:
        """A phase whose target is reached is passed, the last one ends it, and so do losses."""
        if profit >= TARGET and run.phase < PHASES:
            run.phase += 1
            yield Step("phase", partial(challenge.advance_phase, run.challenge_id, metadata=MARK))
        elif profit >= TARGET:
            self._runs.remove(run)
            complete = partial(challenge.complete_challenge, run.challenge_id, metadata=MARK)
            yield Step("completion", complete)
        elif profit <= -LOSS_LIMIT:
            self._runs.remove(run)
            fail = partial(challenge.fail_challenge, run.challenge_id, "Lost too much in a phase")
            yield Step("failure", partial(fail, metadata=MARK))

    def _evaluate(self) -> Steps:
        """Somebody's evaluation begins, gets a figure, sees a violation, or is closed."""
        user_id, drawn = self._user(), self._random.random()
        if len(self._evaluations) < EVALUATIONS_AT_ONCE:
            begin = partial(evaluation.begin_evaluation, user_id, metadata=MARK)
            begun = yield Step("evaluation", begin)
            if begun:
                self._evaluations.append(begun.entity_id)
            return
        evaluation_id = self._random.choice(self._evaluations)
        if drawn < 0.5:
            yield from self._calculate(evaluation_id)
        elif drawn < 0.7:
            yield from self._violate(evaluation_id)
        else:
            yield from self._close(evaluation_id)

    def _calculate(self, evaluation_id: str) -> Steps:
        metric, trades = self._random.choice(tuple(METRICS)), self._random.randint(5, 40)
        results = [Decimal(self._random.randint(-300_00, 400_00)).scaleb(-2) for _ in range(trades)]
        what = (evaluation_id, metric, results)
        yield Step("figure", partial(evaluation.calculate_metric, *what, metadata=MARK))

    def _violate(self, evaluation_id: str) -> Steps:
        rule = self._random.choice(tuple(RULES))
        value = Decimal(RULES[rule] + self._random.randint(1, RULES[rule]))
        what = (evaluation_id, rule, value, Decimal(RULES[rule]))
        yield Step("violation", partial(evaluation.record_violation, *what, metadata=MARK))

    def _close(self, evaluation_id: str) -> Steps:
        """Its last report, and the verdict; one without figures goes on."""
        verdict: Literal["passed", "failed"] = self._random.choice(("passed", "failed"))
        report = partial(evaluation.generate_report, evaluation_id, metadata=MARK)
        reported = yield Step("report", report)
        if reported:
            self._evaluations.remove(evaluation_id)
            close = partial(evaluation.change_status, evaluation_id, verdict, "Its time was over")
            yield Step("verdict", partial(close, metadata=MARK))

    def _user(self) -> int:
        return self._random.choice(self._users)

    def _address(self) -> str:
        return f"203.0.113.{self._random.randint(1, 254)}"
