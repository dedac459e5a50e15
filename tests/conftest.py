"""Fixtures shared by all tests; each module below says what it gives."""

pytest_plugins = ["tests.bus_fixture", "tests.chromium", "tests.servers"]
