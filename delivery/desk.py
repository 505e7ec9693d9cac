"""What every part of the worker is given."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from common.clock import Clock
from delivery.settings import DeliverySettings
from signing.keyring import Keyring
from storage.engine import Database

_DRAW_BITS = 30


def even_draw() -> float:
    """An even number from 0 to 1, 1 excluded; jitter, from the system's own source."""
    return secrets.randbits(_DRAW_BITS) / (1 << _DRAW_BITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Database, clock, keys and settings of one worker; `stop` ends it."""

    settings: DeliverySettings
    database: Database
    clock: Clock
    keyring: Keyring
    stop: threading.Event = field(default_factory=threading.Event)
    draw: Callable[[], float] = even_draw
