"""How far the property tests look: as usual, or far with `REGULARS_PROPERTY=far`.

As usual they take a minute, the machine of programmes a good part of it; far is for the day when
the rules were changed, and takes an hour.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "usual",
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow,),
)
settings.register_profile(
    "far",
    parent=settings.get_profile("usual"),
    max_examples=4000,
    stateful_step_count=50,
)
settings.load_profile(os.environ.get("REGULARS_PROPERTY", "usual"))
