from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.deployment import Deployment, deployed
from tests.servers import BusServer


@pytest.fixture
def deployment(tmp_path: Path, own_valkey: BusServer) -> Iterator[Deployment]:
    """An empty deployment; nothing runs yet but the bus server."""
    with deployed(tmp_path, own_valkey) as made:
        yield made
