"""What the tests of queries share."""

from tests.failing import broken

__all__ = ["broken"]
