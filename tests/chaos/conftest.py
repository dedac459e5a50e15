"""The rig of a test, its artefacts kept in pytest's folder (the last three runs)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.rig import Rig, rigged
from tests.servers import BusServer

SEED = 7


@pytest.fixture
def rig_of(tmp_path: Path, own_valkey: BusServer) -> Iterator[Callable[..., Rig]]:
    """Make the rig of a test, with a bug or crash points if it wants."""
    with ExitStack() as stack:

        def make(**wanted: str) -> Rig:
            return stack.enter_context(rigged(tmp_path, own_valkey, SEED, **wanted))

        yield make
