"""Which wallets a merchant's cards can be put into now: a wallet that is not set up is not offered."""

from __future__ import annotations

from dataclasses import dataclass

from loyalty.context import Loyalty
from storage.merchants import Merchant
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallets:
    """What is set up. `google_save_url` is where Google's button leads, for the page's policy."""

    apple: bool
    google: bool
    google_save_url: str


def wallets_of(ctx: Loyalty, work: UnitOfWork, merchant: Merchant) -> Wallets:
    """The wallets of the work's merchant.

    An expired certificate still offers nothing: a phone would refuse the pass.
    """
    pass_type = work.passes.current_pass_type()
    certificate = work.passes.newest_certificate(pass_type.id) if pass_type else None
    now = work.clock.now()
    return Wallets(
        apple=certificate is not None and certificate.not_before <= now < certificate.not_after,
        google=merchant.google_account_id is not None and ctx.google is not None,
        google_save_url=ctx.settings.google_save_url,
    )
