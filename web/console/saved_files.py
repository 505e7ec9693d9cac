"""Small tables that a page offers to save, inside their own address.

Nothing of them stays on the server.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable


def csv_address(head: tuple[str, str], rows: Iterable[tuple[object, str]]) -> str:
    """A CSV file as the address of a link."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return "data:text/csv;base64," + base64.b64encode(out.getvalue().encode()).decode()
