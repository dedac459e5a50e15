"""``manage.py runscheduler``: relay, trim and all other periodic work."""

from __future__ import annotations

import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.errors import BusUnavailable, ConfigurationError
from events.groups import jobs
from events.management.commands.runworkers import stop_on_signal
from events.policy import refuse_wrong_server
from events.presence import Heartbeat
from events.scheduler import Scheduler


class Command(BaseCommand):
    help = "Do the periodic work: relay, redelivery, trimming, retention, what apps register."

    def handle(self, **options: Any) -> None:
        try:
            refuse_wrong_server()
        except ConfigurationError as error:
            raise CommandError(f"{error}.") from error
        stop = threading.Event()
        stop_on_signal(stop.set)
        scheduler = Scheduler(stop)
        heartbeat = Heartbeat("scheduler")
        scheduler.start()
        self.stdout.write(f"scheduler {heartbeat.name} starts with {len(jobs())} jobs")
        self.stdout.flush()
        while not stop.wait(1.0):
            _beat(heartbeat)
        scheduler.stop()
        _leave(heartbeat)
        self.stdout.write(f"scheduler {heartbeat.name} has ended")


def _beat(heartbeat: Heartbeat) -> None:
    try:
        heartbeat.beat_if_due()
    except BusUnavailable:
        return  # the next second tries again; others see that it is not heard of


def _leave(heartbeat: Heartbeat) -> None:
    try:
        heartbeat.leave()
    except BusUnavailable:
        return  # it is forgotten by itself
