"""The web process offers itself for the periodic work as long as it lives."""

from __future__ import annotations

import threading

from asgiref.testing import ApplicationCommunicator

from astra_console.asgi import application
from tests.bus_fixture import Bus
from tests.waiting import eventually


def job_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("job ")]


async def test_the_web_process_does_periodic_work_until_it_is_shut_down(bus: Bus) -> None:
    process = ApplicationCommunicator(application, {"type": "lifespan"})

    await process.send_input({"type": "lifespan.startup"})
    assert (await process.receive_output(5))["type"] == "lifespan.startup.complete"
    assert "job relay" in job_threads()
    eventually(bus.transport.inspector.workers, 5, "the web process is heard of")
    (alive,) = bus.transport.inspector.workers()
    assert alive.kind == "web"

    await process.send_input({"type": "lifespan.shutdown"})
    assert (await process.receive_output(15))["type"] == "lifespan.shutdown.complete"
    assert job_threads() == []
    assert bus.transport.inspector.workers() == ()
