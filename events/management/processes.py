"""The processes of the console: `manage.py up` and docker-compose.yml run these same commands."""

PYTHON = "python"
"""Stands for the interpreter; `up` puts its own in its place."""
MANAGE = (PYTHON, "manage.py")


def web(host: str, port: int) -> tuple[str, ...]:
    """HTTP and websockets; one process, for its snapshots are shared by all its tabs.

    Client messages are small (64 KiB); what is open at a stop has 5 s to finish.
    """
    return (
        *(PYTHON, "-m", "uvicorn", "astra_console.asgi:application"),
        *("--host", host, "--port", str(port)),
        *("--lifespan", "on", "--no-access-log", "--no-server-header"),
        *("--ws-max-size", "65536", "--timeout-graceful-shutdown", "5"),
    )


def workers() -> tuple[str, ...]:
    """Runs the handlers of every group; whoever starts these commands starts it again."""
    return (*MANAGE, "runworkers", "--no-supervisor")


def scheduler() -> tuple[str, ...]:
    """Offers itself for the periodic work."""
    return (*MANAGE, "runscheduler")


def simulator(rate: float) -> tuple[str, ...]:
    """Trades and all that goes with them, `rate` trades a second."""
    return (*MANAGE, "simulate", "--rate", f"{rate:g}")
