"""The app, under a label that cannot be another's."""

from django.apps import AppConfig


class BrittleConfig(AppConfig):
    name = "tests.browser.brittle"
    label = "brittle"
