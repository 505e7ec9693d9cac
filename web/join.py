"""The join door: `/j/<code>`, a public page for a phone at the counter.

Rules (DESIGN 8, reliability C2):
- Buckets per address and per shop, a field that only robots fill, and a signed minimum time.
- A contact that joined before gets the very same answer as a new one: where mail is set up and an
  address was typed, a page that says a mail is on its way, to both. Without, a known one's buttons
  lead nowhere, to a page that says staff hand the card over.
- Sent twice is joined once: the form carries a number that enrol remembers.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeSerializer

from common.actor import Actor, ActorKind
from common.clock import from_micros, to_micros
from common.errors import InvalidInput, TooMany, WalletError
from common.i18n import current_language
from common.i18n import gettext as _
from loyalty.coming_rules import coming_rules
from loyalty.enrol import EnrolRequest, NotOpen
from loyalty.join import Joined
from loyalty.join import join as join_programme
from loyalty.join_answers import ANSWER_FIELD
from loyalty.open_join import JoinPage, Teaser, UnknownJoinCode, open_join, open_teaser
from loyalty.posting import MerchantSuspended
from loyalty.tokens import new_token
from loyalty.waiting import wait_for
from web.device import this_device
from web.errors import answer, wants_json
from web.forms import Form, flag, refused, shown, text
from web.months import months, sent_birthday
from web.security import address
from web.services import services
from web.throttle import CARD_MISS, JOIN_ADDRESS, JOIN_SHOP, throttle
from web.wallet_buttons import wallet_buttons

# Nobody reads and fills a form in less; a script waits for it by itself.
FILL_TIME_MIN: Final = timedelta(seconds=1)
FORM_LIFE: Final = timedelta(hours=1)
TRAP: Final = "company"
# What a link brings along: an invitation's code, and the code of where the link hangs.
CARRIED: Final = ("invite", "from", "friend")
CARRIED_MAX: Final = 32
_TOKEN: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")

blueprint = Blueprint("join", __name__)


@blueprint.get("/j/<code>")
def show(code: str) -> ResponseReturnValue:
    """The form; of an announced card, what it will be."""
    try:
        page = open_join(services().loyalty, code)
    except NotOpen:
        teaser = open_teaser(services().loyalty, code)
        if teaser is None or wants_json():
            raise
        return _teaser(teaser, shown())
    carried = {name: request.args.get(name, "")[:CARRIED_MAX] for name in CARRIED}
    return _form(page, shown(carried))


@blueprint.post("/j/<code>/tell-me")
def tell_me(code: str) -> ResponseReturnValue:
    """Keep whom to mail when an announced card opens; twice gets the same answer as once."""
    teaser = open_teaser(services().loyalty, code)
    if teaser is None:
        raise NotOpen(_("This card is not announced any more. Open the link again."))
    throttle(JOIN_ADDRESS, f"{teaser.merchant_id}|{address()}")
    throttle(JOIN_SHOP, teaser.merchant_id)
    try:
        if not text(TRAP):
            wait_for(services().loyalty, teaser.merchant_id, teaser.programme_id, text("email"))
    except InvalidInput as error:
        if wants_json():
            raise
        return _teaser(teaser, refused(error)), error.status
    return redirect(url_for(".show", code=teaser.code, told="1"), 303)


@blueprint.post("/j/<code>")
def join(code: str) -> ResponseReturnValue:
    """Join, and go on to the page with the wallet buttons."""
    page = open_join(services().loyalty, code)
    throttle(JOIN_ADDRESS, f"{page.merchant_id}|{address()}")
    throttle(JOIN_SHOP, page.merchant_id)
    if text(TRAP):
        by_mail = page.mails_card and bool(text("email"))
        return _welcome(page, Joined(card_token=new_token(), by_mail=by_mail))
    try:
        form_key = _checked_seal(page)
        joined = _join(page, form_key=form_key)
    except InvalidInput as error:
        if wants_json():
            raise
        return _form(page, refused(error)), error.status
    return _welcome(page, joined)


@blueprint.get("/j/<code>/welcome")
def welcome(code: str) -> ResponseReturnValue:
    """The page after joining, the same for everybody."""
    page = open_join(services().loyalty, code)
    token = request.args.get("card", "")
    if request.args.get("mail") == "1":
        return render_template("join/mailed.html", page=page, inbox=_inbox(page))
    if not _TOKEN.fullmatch(token):
        return redirect(url_for(".show", code=page.code))
    buttons = wallet_buttons(token, page.wallets, sandbox=page.sandbox)
    mails = services().loyalty.settings.sends_mail and page.asks["email"] != "off"
    return render_template(
        "join/welcome.html", page=page, buttons=buttons, token=token, mails=mails
    )


@blueprint.errorhandler(UnknownJoinCode)
def _unknown(error: WalletError) -> ResponseReturnValue:
    try:
        throttle(CARD_MISS, address())
    except TooMany as too_many:
        return answer(too_many)
    return _closed(error)


@blueprint.errorhandler(NotOpen)
@blueprint.errorhandler(MerchantSuspended)
def _closed(error: WalletError) -> ResponseReturnValue:
    if wants_json():
        return answer(error)
    return render_template("join/closed.html", error=error), error.status


def _join(page: JoinPage, *, form_key: str) -> Joined:
    """What the next page shows; the token opens nothing for a known contact."""
    done = join_programme(
        services().loyalty,
        page.merchant_id,
        EnrolRequest(
            programme_id=page.programme_id,
            name=text("name"),
            email=text("email"),
            phone=text("phone"),
            language=current_language(),
            offers=flag("offers"),
            source="join",
            actor=Actor(kind=ActorKind.MEMBER),
            form_key=form_key,
            address=text("address"),
            birthday=sent_birthday(),
            brand=text("brand"),
            answers={
                question.key: text(ANSWER_FIELD + question.key)
                for question in page.joining.questions
            },
            invitation=text("invite"),
            interested=flag("interest"),
            came_from=text("from"),
        ),
        friend_of=text("friend"),
        device=this_device() if text("friend") else "",
    )
    return replace(done, card_token=done.card_token or new_token())


def _welcome(page: JoinPage, joined: Joined) -> ResponseReturnValue:
    if joined.by_mail:
        return redirect(url_for(".welcome", code=page.code, mail="1"), 303)
    return redirect(url_for(".welcome", code=page.code, card=joined.card_token), 303)


def _inbox(page: JoinPage) -> str:
    """Where the sandbox keeps its mails, empty outside it."""
    address = services().settings.sandbox_page_url if page.sandbox else None
    return f"{address.rstrip('/')}/mail" if address else ""


def _teaser(teaser: Teaser, form: Form) -> str:
    return render_template(
        "join/announced.html",
        page=teaser,
        form=form,
        trap=TRAP,
        told=request.args.get("told") == "1",
        opens_on=_day_there(teaser),
    )


def _day_there(teaser: Teaser) -> date | None:
    """The day of opening by the shop's clock."""
    if teaser.opens_at is None:
        return None
    return teaser.opens_at.astimezone(ZoneInfo(teaser.time_zone)).date()


def _form(page: JoinPage, form: Form) -> str:
    contact = page.asks["email"] != "off" or page.asks["phone"] != "off"
    return render_template(
        "join/join.html",
        page=page,
        form=form,
        seal=_new_seal(page),
        trap=TRAP,
        asks_contact=contact,
        coming=coming_rules(services().loyalty, page.merchant_id, page.programme_id),
        who=str(page.joining.who),
        answer_field=ANSWER_FIELD,
        months=months(),
        fill_time_ms=int(FILL_TIME_MIN.total_seconds() * 1000),
    )


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(services().settings.secret_key, salt="join-form")


def _new_seal(page: JoinPage) -> str:
    facts = [page.programme_id, new_token(), to_micros(services().loyalty.clock.now())]
    return str(_signer().dumps(facts))


def _checked_seal(page: JoinPage) -> str:
    """The form's number.

    Raises:
        InvalidInput: forged, of another card, filled by no human hand, or a page left open long.
    """
    try:
        programme_id, key, made = _signer().loads(request.form.get("seal", ""))
        age = services().loyalty.clock.now() - from_micros(made)
    except (BadSignature, ValueError, TypeError) as error:
        raise _again() from error
    if programme_id != page.programme_id or age > FORM_LIFE:
        raise _again()
    if age < FILL_TIME_MIN:
        raise InvalidInput(_("That was quick. Please press the button once more."), field="seal")
    return str(key)


def _again() -> InvalidInput:
    return InvalidInput(
        _("This page was open for long. Please press the button once more."), field="seal"
    )
