"""Settings of the console that the browser tests drive: its own, and one app that can be broken."""

from astra_console.settings import *  # noqa: F403
from astra_console.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = [*APPS, "tests.browser.brittle.apps.BrittleConfig"]
