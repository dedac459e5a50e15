"""Fixtures shared by all tests; each module below says what it gives."""

import os

import pytest

pytest_plugins = ["tests.bus_fixture", "tests.chromium", "tests.servers"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the tests of a module, and all of the browser, run in one process: they share servers.

    The cells under chaos share nothing and take longest: each goes where there is time. A second
    time, on PostgreSQL, only what speaks SQL is run.
    """
    if "TEST_POSTGRESQL" in os.environ:
        left = [item for item in items if not _speaks_sql(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if _speaks_sql(item)]
    for item in items:
        folder = item.path.parent.name
        if folder != "chaos":
            group = folder if folder == "browser" else item.path.as_posix()
            item.add_marker(pytest.mark.xdist_group(group))


def _speaks_sql(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(fixtures & {"db", "transactional_db"}) or bool(item.get_closest_marker("django_db"))
