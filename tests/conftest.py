"""Fixtures shared by all tests; each module below says what it gives."""

import pytest

pytest_plugins = ["tests.bus_fixture", "tests.chromium", "tests.servers"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module, and all of the browser, run in one process: they share servers.

    The cells under chaos share nothing and take longest: each goes where there is time.
    """
    for item in items:
        folder = item.path.parent.name
        if folder != "chaos":
            group = folder if folder == "browser" else item.path.as_posix()
            item.add_marker(pytest.mark.xdist_group(group))
