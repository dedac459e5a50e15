"""The console's settings for tests: a throw-away data folder and the memory transport."""

import atexit
import os
import shutil
import tempfile

OURS = """
PORT HOST DATA_DIR SIMULATE ADMIN_PASSWORD REDIS_URL REDIS_CACHE_URL DATABASE_URL DATABASE_POOL
SECRET_KEY ENVIRONMENT HTTPS ALLOWED_HOSTS ORIGINS STATIC_ROOT LOG_LEVEL ASTRA_LEASE_S ASTRA_FAULTS
ASTRA_RETENTION_DAYS NOTIFICATION_WEBHOOK_URL
"""
for variable in OURS.split():
    os.environ.pop(variable, None)
data_dir = tempfile.mkdtemp(prefix="astra-tests-")
atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
os.environ["DATA_DIR"] = data_dir
os.environ["ASTRA_TRANSPORT"] = "memory"

from astra_console.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""Not for secrecy: the real one takes a third of a second per sign-in, on purpose."""
