"""Everything that is kept of one member, as a document they can take away (JSON, or movements as CSV).

Not done here: proving who asks (member_proof.py). Which tables it holds, and which it leaves out
with what reason, is said in storage/member_rows.py.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any, Final

from common.actor import Actor
from common.errors import NotFound
from common.i18n import gettext as _
from ledger import reasons
from ledger.programme_terms import ProgrammeTerms
from loyalty.context import Loyalty
from loyalty.member_profile import read_profile
from signing.sealing import unseal
from storage.member_rows import NOT_EXPORTED, rows_of_member
from storage.members import MemberState
from storage.unit_of_work import UnitOfWork, open_work, run_work

FORMAT: Final = "regulars member export 1"
CSV_HEAD: Final = ("at", "kind", "units", "unit", "balance_after", "reason", "id")
# A cell that a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export_member(ctx: Loyalty, merchant_id: int, member_id: int, *, actor: Actor) -> str:
    """Everything that is kept of the member, as JSON.

    Raises:
        NotFound: this merchant has no such member, or they were erased.
    """
    profile = asdict(read_profile(ctx, merchant_id, member_id))
    profile["questions"] = {one["key"]: one["text"] for one in profile["questions"]}
    rows = run_work(
        ctx.database,
        merchant_id,
        lambda work: _rows(ctx, work, member_id, actor=actor),
        clock=ctx.clock,
    )
    document = {
        "format": FORMAT,
        "made_at": ctx.clock.now().isoformat(),
        "about": _(
            "Everything that is kept of this member. `profile` is what was given; `tables` "
            "holds every row that names the member, as the books have it: money in minor units, "
            "moments in UTC. `left_out` says what is not here and why."
        ),
        "profile": profile,
        "tables": rows,
        "left_out": NOT_EXPORTED,
    }
    return json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n"


def export_movements(ctx: Loyalty, merchant_id: int, member_id: int, *, actor: Actor) -> str:
    """The member's movements with their reasons, as CSV.

    Raises:
        NotFound: this merchant has no such member, or they were erased.
    """
    rows = run_work(
        ctx.database,
        merchant_id,
        lambda work: _rows(ctx, work, member_id, actor=actor),
        clock=ctx.clock,
    )
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        terms = work.programmes.terms(work.members.get(member_id).programme_id)
    words = terms if isinstance(terms, ProgrammeTerms) else None
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(CSV_HEAD)
    for row in rows.get("operation", []):
        sentences = reasons.sentences(row["reason"], reward_name="", terms=words)
        cells = (row["created_at"], row["kind"], row["units"], row["unit"], row["balance_after"])
        writer.writerow((*cells, _cell(" ".join(sentences)), row["id"]))
    return sheet.getvalue()


def _rows(
    ctx: Loyalty, work: UnitOfWork, member_id: int, *, actor: Actor
) -> dict[str, list[dict[str, Any]]]:
    if work.members.get(member_id).state == MemberState.ERASED:
        raise NotFound(_("This member was erased: nothing is kept."))
    work.audit.add(
        actor=actor, action="member.export", subject_kind="member", subject_id=member_id, detail={}
    )
    merchant_id = work.scope.merchant

    def open_sealed(bound_to: str, sealed: bytes) -> str:
        opened = unseal(ctx.keyring, sealed, merchant_id=merchant_id, column=bound_to)
        return opened.decode("utf-8", "replace")

    return dict(rows_of_member(work.scope, member_id, open_sealed=open_sealed))


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
