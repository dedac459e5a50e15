"""One measure in a process of its own: ``python -m ...bench.child NAME EVENTS ROUNDS``.

Its environment names the servers and the folder. Says one JSON object a line for each round.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys


def main(name: str, events: int, rounds: int) -> None:
    """Set up, measure, say."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "astra_console.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from events.management.bench import measures, trades

    measures.make_tables()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as a worker does it
    chosen = trades.chain if name == "chain" else measures.MEASURES[name]
    for found in chosen(events, rounds):
        _say({"values": found.values, "latencies_ms": found.latencies_ms})
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    _say({"peak_mb": round(peak_mb, 1)})


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
