"""Where a merchant's cards live at Google, the same for the save click and for the worker.

Ids are made from ours, so that asking twice gives the same: the class from the programme's id
(several merchants may share an issuer) and its tier's code, the object from the card's random serial
number, unless the card adopted an object that was there before. A coupon's class is made from its
id, a card's copy from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.errors import DeliveryError, NotFound
from common.i18n import gettext as _
from passes.content import Place
from passes.design import Design
from passes.google_cards import class_change, class_document
from passes.google_class import tier_identity
from passes.google_parts import GoogleIdentity, GoogleKind
from passes.tier_look import Tier
from storage.faces import GIFT, Face
from storage.google_accounts import GoogleAccount
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork
from storage.wallet_passes import WalletPass

IMAGES_PATH: Final = "/google/images"
CALLBACK_PATH: Final = "/google/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleHome:
    """A merchant's account at Google, its public address and its branches."""

    merchant: Merchant
    account: GoogleAccount
    public_url: str
    places: tuple[Place, ...] = ()

    @property
    def callback_url(self) -> str:
        """Where Google tells of saves and deletes; one address for each account."""
        return f"{self.public_url}{CALLBACK_PATH}/{self.account.id}"

    def class_document(
        self, design: Design, identity: GoogleIdentity, *, tier: Tier | None = None
    ) -> dict[str, Any]:
        """The class of a programme or tier, to insert."""
        return class_document(design, identity, tier=tier, **self._facts)

    def class_patch(
        self, design: Design, identity: GoogleIdentity, *, tier: Tier | None = None
    ) -> dict[str, Any]:
        """The class of a programme or tier, to bring one that exists to the present."""
        return class_change(design, identity, tier=tier, **self._facts)

    def class_of_card(self, face: Face, identity: GoogleIdentity) -> dict[str, Any]:
        """The class that a card's object needs, to insert where it is missing."""
        return self.class_document(face.design, identity, tier=tier_of(face))

    @property
    def _facts(self) -> Mapping[str, Any]:
        return {
            "language": self.merchant.language,
            "country_code": self.merchant.country,
            "callback_url": self.callback_url,
            "places": self.places,
        }

    def identity(
        self,
        programme_id: int,
        card: WalletPass | None = None,
        *,
        tier: str = "",
        kind: GoogleKind = GoogleKind.LOYALTY,
    ) -> GoogleIdentity:
        """The ids of a programme's class, or its tier's, and, with `card`, of its object.

        Raises:
            DeliveryError: the public address is not one that Google fetches images from.
        """
        object_id = "" if card is None else _object_id(self.account.issuer_id, card)
        programme = self._identity(f"programme-{programme_id}", object_id, kind=kind)
        return tier_identity(programme, tier)

    def card_identity(self, face: Face) -> GoogleIdentity:
        """The ids of a card's class and object as they are now: another tier is another class.

        Raises:
            DeliveryError: as `identity`.
        """
        card = face.wallet_pass
        return self.identity(
            card.programme_id, card, tier=face.content.tier_code, kind=kind_of(face.kind)
        )

    def offer_identity(self, coupon_id: int, card: WalletPass | None = None) -> GoogleIdentity:
        """The ids of a coupon's class and, with `card`, of that card's copy.

        Raises:
            DeliveryError: as `identity`.
        """
        issuer = self.account.issuer_id
        copy = "" if card is None else f"{issuer}.{card.serial_number}-offer-{coupon_id}"
        return self._identity(f"offer-{coupon_id}", copy, kind=GoogleKind.OFFER)

    def _identity(self, suffix: str, object_id: str, *, kind: GoogleKind) -> GoogleIdentity:
        issuer = self.account.issuer_id
        try:
            return GoogleIdentity(
                issuer_id=issuer,
                class_id=f"{issuer}.{suffix}",
                object_id=object_id,
                image_base_url=f"{self.public_url}{IMAGES_PATH}",
                origin=self.public_url,
                kind=kind,
            )
        except ValueError as error:
            raise DeliveryError(
                _("Google takes cards only from a public https address. Set the public address.")
            ) from error


def kind_of(programme_kind: str) -> GoogleKind:
    """What a programme's cards are at Google."""
    return GoogleKind.GIFT_CARD if programme_kind == GIFT else GoogleKind.LOYALTY


def tier_of(face: Face) -> Tier | None:
    """The tier that a card shows, None for none."""
    said = face.content.rule_lines
    return Tier(code=said.tier_code, name=said.tier) if said and said.tier_code else None


def google_home(work: UnitOfWork, *, public_url: str) -> GoogleHome:
    """The merchant's home at Google.

    Raises:
        NotFound: the merchant has no account there.
    """
    merchant = work.merchants.get()
    if merchant.google_account_id is None:
        raise NotFound(_("Google Wallet is not set up for this shop yet."))
    return GoogleHome(
        merchant=merchant,
        account=work.google_accounts.get(merchant.google_account_id),
        public_url=(merchant.public_url or public_url).rstrip("/"),
        places=tuple(
            Place(name=one.name, latitude=one.latitude, longitude=one.longitude)
            for one in work.places.all()
            if one.latitude is not None and one.longitude is not None
        ),
    )


def _object_id(issuer: str, card: WalletPass) -> str:
    """The card's own object; one of an issuer that speaks no more for the shop does not count."""
    kept = card.google_object_id or ""
    return kept if kept.startswith(f"{issuer}.") else f"{issuer}.{card.serial_number}"
