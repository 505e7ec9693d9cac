"""Where a merchant's cards live at Google, the same for the save click and for the worker.

Ids are made from ours, so that asking twice gives the same: the class from the programme's id
(several merchants may share an issuer), the object from the card's random serial number, unless the
card adopted an object that was there before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.errors import DeliveryError, NotFound
from common.i18n import gettext as _
from passes.content import Place
from passes.design import Design
from passes.google_class import class_patch, loyalty_class
from passes.google_parts import GoogleIdentity
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

    def class_document(self, design: Design, identity: GoogleIdentity) -> dict[str, Any]:
        """The programme's class, to insert."""
        return loyalty_class(design, identity, **self._facts)

    def class_patch(self, design: Design, identity: GoogleIdentity) -> dict[str, Any]:
        """The programme's class, to bring one that exists to the present."""
        return class_patch(design, identity, **self._facts)

    @property
    def _facts(self) -> Mapping[str, Any]:
        return {
            "language": self.merchant.language,
            "country_code": self.merchant.country,
            "callback_url": self.callback_url,
            "places": self.places,
        }

    def identity(self, programme_id: int, card: WalletPass | None = None) -> GoogleIdentity:
        """The ids of a programme's class and, with `card`, of its object.

        Raises:
            DeliveryError: the public address is not one that Google fetches images from.
        """
        issuer = self.account.issuer_id
        try:
            return GoogleIdentity(
                issuer_id=issuer,
                class_id=f"{issuer}.programme-{programme_id}",
                object_id="" if card is None else _object_id(issuer, card),
                image_base_url=f"{self.public_url}{IMAGES_PATH}",
                origin=self.public_url,
            )
        except ValueError as error:
            raise DeliveryError(
                _("Google takes cards only from a public https address. Set the public address.")
            ) from error


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
