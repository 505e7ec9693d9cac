"""The till door: a paired device at the counter, opened by a PIN.

`door` has the blueprint and everything before the first scan; `counter` what happens to a card,
`sale` what is taken off a sale and collected for it, `refunds` what comes back;
`enrolling` makes a card for who has none;
`handover` brings a card to another phone or replaces a lost one; `pins` lets staff choose a PIN.
"""

from __future__ import annotations

from web.till import check_in, counter, enrolling, gifts, handover, paper, pins, refunds, sale
from web.till.door import blueprint

__all__ = [
    "blueprint",
    "check_in",
    "counter",
    "enrolling",
    "gifts",
    "handover",
    "paper",
    "pins",
    "refunds",
    "sale",
]
