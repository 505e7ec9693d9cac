"""What each kind of mail says, in the receiver's language and by the receiver's clock.

Pure: payload in, sentences out. Not done here: MIME and headers (mail_message.py), sending (smtp).
Rule: nothing that a stranger typed stands in a mail to an address nobody proved: a "name" could be
an advertisement, and we would carry it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_time

from common.i18n import DEFAULT_LANGUAGE, languages, use_language
from common.i18n import gettext as _
from storage.mails import Mail
from storage.outbox import OutboxKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLetter:
    """A mail before it is MIME. `code` stands large; `button` is a text and an https address."""

    shop: str
    language: str
    subject: str
    title: str
    paragraphs: tuple[str, ...]
    code: str = ""
    button: tuple[str, str] | None = None
    footer: tuple[str, ...] = ()


Facts = Mapping[str, str]


def write_letter(kind: str, mail: Mail, *, written_at: datetime) -> MailLetter:
    """The letter of a kind.

    Args:
        kind: one of `OutboxKind` that is a mail.
        mail: the payload.
        written_at: aware; when the outbox row was written.

    Raises:
        KeyError: no such kind, or a fact is missing: the row cannot be sent as it is.
    """
    language = spoken(mail.language)
    moment = _moment(written_at, mail.time_zone, language)
    with use_language(language):
        return _LETTERS[OutboxKind(kind)](dict(mail.facts), language, moment)


def spoken(language: str) -> str:
    """The language of a mail: one with a catalogue."""
    known = languages()
    return next(
        (one for one in (language, language.partition("-")[0]) if one in known), DEFAULT_LANGUAGE
    )


def _welcome(facts: Facts, language: str, moment: str) -> MailLetter:
    shop, card = facts["shop"], facts["card"]
    return MailLetter(
        shop=shop,
        language=language,
        subject=_("Your card at %(shop)s", shop=shop),
        title=_("Welcome to %(card)s", card=card),
        paragraphs=(
            _(
                "This is your card. Open it on your phone, put it into your wallet, and show it at the till."
            ),
            _("Keep this mail: its link opens your card on a new phone, too."),
        ),
        button=(_("Open my card"), facts["url"]),
        footer=(
            _(
                "You get this because somebody joined %(card)s with your address on %(moment)s. "
                "If that was not you, leave the link unopened; you get no further mail.",
                card=card,
                moment=moment,
            ),
        ),
    )


def _known(facts: Facts, language: str, moment: str) -> MailLetter:
    shop, card = facts["shop"], facts["card"]
    return MailLetter(
        shop=shop,
        language=language,
        subject=_("Your card at %(shop)s", shop=shop),
        title=_("Here is your card again"),
        paragraphs=(
            _("You joined %(card)s before, so your balance is where it was.", card=card),
            _("Open your card on this phone, and put it into your wallet."),
        ),
        button=(_("Open my card"), facts["url"]),
        footer=(
            _(
                "You get this because somebody joined %(card)s with your address on %(moment)s. "
                "If that was not you, nothing happened: nobody else was shown your card.",
                card=card,
                moment=moment,
            ),
        ),
    )


def _new_card_code(facts: Facts, language: str, moment: str) -> MailLetter:
    return MailLetter(
        shop=facts["shop"],
        language=language,
        subject=_("Your code for %(shop)s", shop=facts["shop"]),
        title=_("Your code for a new card"),
        paragraphs=(
            _(
                "Type it on the page where you asked for it, within %(minutes)s minutes.",
                minutes=facts["minutes"],
            ),
            _("Your balance moves to the new card, and the old one stops working."),
        ),
        code=facts["code"],
        footer=(
            _(
                "Asked for on %(moment)s. If that was not you, do nothing: your card stays as it "
                "is. Nobody at %(shop)s ever asks you for this code.",
                moment=moment,
                shop=facts["shop"],
            ),
        ),
    )


def _member_code(facts: Facts, language: str, moment: str) -> MailLetter:
    shop = facts["shop"]
    return MailLetter(
        shop=shop,
        language=language,
        subject=_("Your code for %(shop)s", shop=shop),
        title=_("Your code to see and change your details"),
        paragraphs=(
            _(
                "Type it on the page where you asked for it, within %(minutes)s minutes.",
                minutes=facts["minutes"],
            ),
        ),
        code=facts["code"],
        footer=(
            _(
                "Asked for on %(moment)s. If that was not you, do nothing: nothing changes. "
                "Nobody at %(shop)s ever asks you for this code.",
                moment=moment,
                shop=shop,
            ),
        ),
    )


def _contact_changed(facts: Facts, language: str, moment: str) -> MailLetter:
    shop = facts["shop"]
    return MailLetter(
        shop=shop,
        language=language,
        subject=_("Your address at %(shop)s was changed", shop=shop),
        title=_("Mails about your card go elsewhere now"),
        paragraphs=(
            _(
                "On %(moment)s the e-mail address of your card at %(shop)s was changed.",
                moment=moment,
                shop=shop,
            ),
            _("If that was you, all is well. If not, tell the shop at once: staff can help."),
        ),
        footer=(_("This address is not kept any more, and gets no further mail."),),
    )


def _opened(facts: Facts, language: str, moment: str) -> MailLetter:
    shop, card = facts["shop"], facts["card"]
    return MailLetter(
        shop=shop,
        language=language,
        subject=_("%(card)s is open", card=card),
        title=_("Your card at %(shop)s waits for you", shop=shop),
        paragraphs=(_("You asked to be told: from today on %(card)s takes members.", card=card),),
        button=(_("Get my card"), facts["url"]),
        footer=(
            _(
                "You get this one mail because this address was left on the page of %(card)s. "
                "It is forgotten as soon as this is sent. %(moment)s",
                card=card,
                moment=moment,
            ),
        ),
    )


def _sign_in(facts: Facts, language: str, moment: str) -> MailLetter:
    return MailLetter(
        shop=facts["shop"],
        language=language,
        subject=_("Sign in to %(shop)s", shop=facts["shop"]),
        title=_("Your link to sign in"),
        paragraphs=(_("It works once, within %(minutes)s minutes.", minutes=facts["minutes"]),),
        button=(_("Sign in"), facts["url"]),
        footer=(
            _(
                "Asked for on %(moment)s. If that was not you, do nothing: without this mail "
                "nobody gets in.",
                moment=moment,
            ),
        ),
    )


def _gift(facts: Facts, language: str, _written: str) -> MailLetter:
    """The one mail that says what a buyer typed: it leaves only once somebody paid for it."""
    shop, amount = facts["shop"], facts["amount"]
    recipient, buyer, words = facts["recipient"], facts["buyer"], facts["message"]
    said = (
        _("A gift card of %(amount)s from %(buyer)s.", amount=amount, buyer=buyer)
        if buyer
        else _("A gift card of %(amount)s.", amount=amount)
    )
    return MailLetter(
        shop=shop,
        language=language,
        subject=_("A gift card for you, from %(shop)s", shop=shop),
        title=_("%(name)s, this is for you", name=recipient) if recipient else _("This is for you"),
        paragraphs=tuple(
            text
            for text in (
                said,
                words,
                _("Open it on your phone, put it into your wallet, and show it at the till."),
            )
            if text
        ),
        button=(_("Open the gift card"), facts["url"]),
        footer=(
            _(
                "You get this because somebody bought a gift card of %(shop)s and gave your "
                "address. Whoever has the link above can use the card, so keep this mail to "
                "yourself. You get no further mail.",
                shop=shop,
            ),
        ),
    )


def _alarm(facts: Facts, language: str, _written: str) -> MailLetter:
    title, sentences = _ALARMS[facts["alarm"]](facts)
    return MailLetter(
        shop=facts["shop"],
        language=language,
        subject=f"{facts['shop']}: {title}",
        title=title,
        paragraphs=sentences,
        button=(_("Open the console"), facts["url"]),
        footer=(_("You get this because you own %(shop)s in Regulars.", shop=facts["shop"]),),
    )


def _stopped(facts: Facts) -> tuple[str, tuple[str, ...]]:
    wallet = {"apple": "Apple Wallet", "google": "Google Wallet"}[facts["channel"]]
    return (
        _("%(wallet)s stands still", wallet=wallet),
        (
            _(
                "The other side refuses the credential (%(reason)s), so no card there is updated.",
                reason=facts["reason"],
            ),
            _(
                "Nothing is lost: every change waits, and leaves by itself as soon as this is mended."
            ),
        ),
    )


def _slow(facts: Facts) -> tuple[str, tuple[str, ...]]:
    wallet = {"apple": "Apple Wallet", "google": "Google Wallet"}[facts["channel"]]
    return (
        _("Updates wait: %(wallet)s", wallet=wallet),
        (
            _("A change has been waiting for %(minutes)s minutes.", minutes=facts["minutes"]),
            _(
                "Is the machine on the network, and does its worker run? Nothing is lost: every change leaves as soon as it can."
            ),
        ),
    )


def _worker(facts: Facts) -> tuple[str, tuple[str, ...]]:
    return (
        _("The worker does not run"),
        (
            _(
                "No worker gave a sign of life for %(minutes)s minutes, so no card and no e-mail leaves.",
                minutes=facts["minutes"],
            ),
            _(
                "Tills go on and nothing is lost. Whoever runs the machine starts `regulars serve` again, or the worker's service; its log says why it ended."
            ),
        ),
    )


def _parked(facts: Facts) -> tuple[str, tuple[str, ...]]:
    return (
        _("Updates were given up"),
        (
            _(
                "Cards whose update was refused for good: %(count)s. The first reason: %(reason)s.",
                count=facts["count"],
                reason=facts["reason"],
            ),
            _("The console lists them. Once the cause is mended, one tap tries them again."),
        ),
    )


def _dead_mails(facts: Facts) -> tuple[str, tuple[str, ...]]:
    return (
        _("E-mails could not be delivered"),
        (
            _(
                "E-mails that were refused for good: %(count)s. The first reason: %(reason)s.",
                count=facts["count"],
                reason=facts["reason"],
            ),
            _("The console lists them under Set-up, E-mail, and sends each again on request."),
        ),
    )


def _certificate(facts: Facts) -> tuple[str, tuple[str, ...]]:
    if facts["days"] == "0":
        return (
            _("The Apple certificate has ended"),
            (
                _(
                    "No iPhone gets a card or an update of %(name)s until it is renewed.",
                    name=facts["name"],
                ),
            ),
        )
    return (
        _("The Apple certificate ends soon"),
        (
            _("The certificate of %(name)s ends on %(day)s.", name=facts["name"], day=facts["day"]),
            _(
                "Renew it in the console under Set-up; both may lie side by side, so nothing stands still."
            ),
        ),
    )


_LETTERS: Final[Mapping[OutboxKind, Callable[[Facts, str, str], MailLetter]]] = {
    OutboxKind.WELCOME: _welcome,
    OutboxKind.KNOWN: _known,
    OutboxKind.NEW_CARD_CODE: _new_card_code,
    OutboxKind.MEMBER_CODE: _member_code,
    OutboxKind.CONTACT_CHANGED: _contact_changed,
    OutboxKind.OPENED: _opened,
    OutboxKind.SIGN_IN: _sign_in,
    OutboxKind.ALARM: _alarm,
    OutboxKind.GIFT: _gift,
}
_ALARMS: Final[Mapping[str, Callable[[Facts], tuple[str, tuple[str, ...]]]]] = {
    "stopped": _stopped,
    "slow": _slow,
    "parked": _parked,
    "worker": _worker,
    "dead_mails": _dead_mails,
    "certificate": _certificate,
}


def _moment(moment: datetime, time_zone: str, language: str) -> str:
    """The day and the time by the receiver's clock: `22 Nov 2026, 14:05 CET`."""
    try:
        locale = Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = Locale.parse(DEFAULT_LANGUAGE)
    there = moment.astimezone(ZoneInfo(time_zone))
    clock = format_time(there, "short", locale=locale)
    return f"{format_date(there.date(), 'medium', locale=locale)}, {clock} {there.tzname()}"
