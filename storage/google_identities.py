"""Where a merchant's cards live at Google, the same for the save click and for the worker.

Ids are made from ours, so that asking twice gives the same: the class from the programme's id
(several merchants may share an issuer), the object from the card's random serial number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.errors import DeliveryError, NotFound
from common.i18n import gettext as _
from passes.google import GoogleIdentity
from storage.google_accounts import GoogleAccount
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork
from storage.wallet_passes import WalletPass

IMAGES_PATH: Final = "/google/images"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleHome:
    """A merchant's account at Google, and its public address."""

    merchant: Merchant
    account: GoogleAccount
    public_url: str

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
                object_id="" if card is None else f"{issuer}.{card.serial_number}",
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
    )
