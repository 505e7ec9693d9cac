"""A new customer at the counter: by a phone number or a name alone, with or without a phone.

Who has a phone scans a code that brings the card to it; who has none gets it on paper. Rules: staff
are told whether a contact has a card already, because they look it up anyway; consent to offers is
never taken here, only by the customer.
"""

from __future__ import annotations

from typing import Final

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.counter_enrol import CounterForm, enrol_at_counter, open_programmes
from loyalty.find_member import FoundMember
from loyalty.new_phone import make_new_phone_link
from loyalty.printed_card import print_card
from loyalty.staff_session import TillSession
from loyalty.tokens import new_token
from web.codes import code_drawing
from web.errors import wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.throttle import NEW_PHONE, throttle
from web.till.door import blueprint
from web.till.handles import make_handle, open_handle
from web.till.session import open_till

PAPERS: Final = ("a6", "receipt")
ID_DIGITS_MAX: Final = 18
KEY_MAX: Final = 64


@blueprint.get("/till/new-customer")
def new_customer() -> ResponseReturnValue:
    """The form of a new customer."""
    till = open_till()
    return _form(till, shown())


@blueprint.post("/till/new-customer")
def enrol_customer() -> ResponseReturnValue:
    """Make the card, and show the code that brings it to the customer's phone."""
    till = open_till()
    throttle(NEW_PHONE, f"till-{till.till_id}")
    try:
        done = enrol_at_counter(
            services().loyalty,
            till.merchant_id,
            _sent(),
            language=till.language,
            actor=till.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            raise
        return _form(till, refused(error)), error.status
    return _welcome(till, done.found, known=done.known)


@blueprint.post("/till/print-card")
def print_customer_card() -> ResponseReturnValue:
    """The card on paper: A6, or as wide as a receipt."""
    till = open_till()
    found = open_handle(till, request.form.get("card", ""))
    throttle(NEW_PHONE, f"till-{till.till_id}")
    card = print_card(services().loyalty, till.merchant_id, found.member_id, actor=till.actor())
    paper = text("paper") if text("paper") in PAPERS else PAPERS[0]
    return render_template(
        "card/printed.html",
        card=card,
        paper=paper,
        code=code_drawing(card.code, title=_("The code of the card")),
        back=url_for("till.home"),
    )


def _sent() -> CounterForm:
    chosen = text("programme")
    usable = chosen.isascii() and chosen.isdigit() and len(chosen) <= ID_DIGITS_MAX
    return CounterForm(
        programme_id=int(chosen) if usable else 0,
        name=text("name"),
        phone=text("phone"),
        email=text("email"),
        form_key=text("form_key")[:KEY_MAX],
    )


def _form(till: TillSession, form: Form) -> str:
    programmes = open_programmes(services().loyalty, till.merchant_id)
    return render_template(
        "till/new_customer.html",
        till=till,
        form=form,
        programmes=programmes,
        choices=[(one.id, one.name) for one in programmes],
        form_key=form.value("form_key") or new_token(),
    )


def _welcome(till: TillSession, found: FoundMember, *, known: bool) -> ResponseReturnValue:
    link = make_new_phone_link(
        services().loyalty, till.merchant_id, found.member_id, actor=till.actor()
    )
    address = services().absolute(url_for("card.again", token=link.token))
    return render_template(
        "till/enrolled.html",
        till=till,
        found=found,
        known=known,
        handle=make_handle(till, found),
        address=address,
        code=code_drawing(address, title=_("Code for the customer's phone")),
        expires_at=link.expires_at,
    )
