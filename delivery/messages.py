"""Messages to phones in the worker: begin what is due, choose cards, see when all were told.

Not done here: moving the chosen cards (slices.py), the bell on Android phones (google_messages.py).
"""

from __future__ import annotations

from typing import Final

from delivery.desk import Desk
from storage.message_steps import MessageSteps
from storage.unit_of_work import open_work, run_work

STEPS_MAX: Final = 3
"""Steps in a row, before the worker's other housework has its turn."""


def step_messages(desk: Desk) -> int:
    """Do the next steps of messages; returns how many were done."""
    for done in range(STEPS_MAX):
        with open_work(desk.database, None, clock=desk.clock, writing=False) as work:
            if not MessageSteps(work.scope).any_due():
                return done
        run_work(
            desk.database, None, lambda work: MessageSteps(work.scope).step(), clock=desk.clock
        )
    return STEPS_MAX
