"""The whole installation and its other side, as these tests use them."""

from tests.support.world import sandbox, world

__all__ = ["sandbox", "world"]
