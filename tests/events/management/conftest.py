"""What the tests of commands share."""

from tests.failing import broken

__all__ = ["broken"]
