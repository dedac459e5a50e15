"""The tests' settings with PostgreSQL, whose address is in TEST_POSTGRESQL."""

import os

import dj_database_url

from tests.settings import *  # noqa: F403

DATABASES = {"default": dict(dj_database_url.parse(os.environ["TEST_POSTGRESQL"]))}
