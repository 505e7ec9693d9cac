"""Paper at the till: a printed coupon or reward is typed or scanned, looked at, and used once."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.money import parse_amount
from loyalty.print_paper import PaperAtTill, UnknownPaper, find_paper, use_paper
from loyalty.sold import SaleAtHand
from loyalty.staff_session import TillSession
from web.errors import answer, wants_json
from web.forms import Form, refused, secret, shown, text
from web.services import services
from web.throttle import TILL_MISS, throttle
from web.till.door import blueprint
from web.till.session import open_till


@blueprint.get("/till/paper")
def paper_desk() -> ResponseReturnValue:
    """Ask for the code."""
    return render_template("till/paper.html", till=open_till(), paper=None, form=shown(), code="")


@blueprint.post("/till/paper")
def look_at_paper() -> ResponseReturnValue:
    """What a sheet is for; nothing is used."""
    till = open_till()
    return _page(till, _find(till), shown())


@blueprint.post("/till/paper/use")
def use_one_paper() -> ResponseReturnValue:
    """Hand it over, once."""
    till = open_till()
    found = _find(till)
    try:
        sale = None
        typed = secret("amount").strip()
        if typed:
            amount = parse_amount(typed, till.currency, max_minor=till.sale_max_minor)
            sale = SaleAtHand(amount_minor=amount)
        result = use_paper(
            services().loyalty, till.merchant_id, text("paper"), sale=sale, actor=till.actor()
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        return _page(till, found, refused(error)), error.status
    return render_template("till/paper_used.html", till=till, paper=found, result=result)


def _find(till: TillSession) -> PaperAtTill:
    try:
        return find_paper(services().loyalty, till.merchant_id, text("paper"))
    except UnknownPaper:
        throttle(TILL_MISS, till.till_id)
        raise


def _page(till: TillSession, found: PaperAtTill, form: Form) -> str:
    return render_template("till/paper.html", till=till, paper=found, form=form, code=text("paper"))
