"""One client: publishes in a process of its own, and writes down what it was told.

``python -m tests.chaos.client HISTORY COUNT RATE SEED POISON`` (POISON as ``raise:0.05``). One line
of the history says that an event is about to be published, another what came of it; an event with
the first line only has an unknown outcome.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path


def main(history: Path, count: int, rate: float, seed: int, poison: str) -> None:
    """Publish `count` events, at most `rate` a second."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "astra_console.settings")
    import django

    django.setup()
    from events import Event, InvalidEvent, publish

    lots = random.Random(seed)
    kind, _, share = poison.partition(":")
    began = time.monotonic()
    with history.open("a", buffering=1) as lines:
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            ill = kind if kind and lots.random() < float(share) else ""
            event = Event.new("Chaos.ThingAsked", {"number": number, "poison": ill})
            told = {"id": str(event.event_id), "poison": ill, "at": time.time()}
            lines.write(json.dumps({**told, "outcome": "asked"}) + "\n")
            try:
                publish(event)
                outcome = "accepted"
            except InvalidEvent:
                outcome = "refused"
            except Exception as error:  # noqa: BLE001  whatever it is, nobody knows what came of it
                outcome, told["error"] = "unknown", repr(error)
            lines.write(json.dumps({**told, "outcome": outcome, "at": time.time()}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
