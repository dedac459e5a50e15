"""The console's settings for tests: a throw-away data folder and the memory transport."""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

example = Path(__file__).resolve().parent.parent / ".env.example"
OURS = frozenset(re.findall(r"^([A-Z_]+)=", example.read_text(), re.MULTILINE))
"""Every variable the console reads: whatever the developer has set must not reach the tests."""

for variable in OURS:
    os.environ.pop(variable, None)
data_dir = tempfile.mkdtemp(prefix="astra-tests-")
atexit.register(shutil.rmtree, data_dir, ignore_errors=True)
os.environ["DATA_DIR"] = data_dir
os.environ["ASTRA_TRANSPORT"] = "memory"

from astra_console.settings import *  # noqa: E402, F403

ASTRA = {**ASTRA, "mark_every_s": 0}  # noqa: F405
"""A test that has published may look at once."""

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""Not for secrecy: the real one takes a third of a second per sign-in, on purpose."""
