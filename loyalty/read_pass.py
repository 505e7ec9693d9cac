"""The signed Apple pass of a card as it is now, built at most once per revision.

Not here: what a card says (storage/faces.py), how Apple wants it (passes), who may ask
(devices.py). Rules:
- handing out is written down under the card's lock before its content is read, so that equal
  Last-Modified seconds mean equal cards (storage/stamps.py);
- signing happens outside the transaction; images are packed once per design version;
- nothing leaves that the validator finds a fault in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from common.errors import NotFound, SigningError
from common.i18n import gettext as _
from loyalty.context import Loyalty
from loyalty.devices import KnownCard
from loyalty.kept_tokens import kept_token
from passes.apple import AppleCard, AppleIdentity, apple_card
from passes.bundle import PackedFiles, build_bundle, pack_files
from passes.content import face_digest
from passes.gate import Gate
from passes.strings import pass_strings, strings_key
from signing.apple_certificates import PassCertificate, load_pass_certificate
from signing.cms import Signer, SignerCache
from signing.sealing import unseal
from signing.tokens import apple_authentication_token
from storage.engine import Database
from storage.faces import Face, load_face, load_images
from storage.kept_passes import KeptPass
from storage.stamps import Stamps
from storage.unit_of_work import UnitOfWork, open_work, run_work
from storage.wallet_passes import AppleCertificate, PassType, WalletPass

PACKED_DESIGNS_MAX: Final = 64
SIGNED_PASSES_MAX: Final = 256
CERTIFICATE_KEY_COLUMN: Final = "apple_certificate.key"
WEB_SERVICE_PATH: Final = "/apple"

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPass:
    """A .pkpass file; `last_modified_s` is in whole seconds since 1970."""

    data: bytes
    last_modified_s: int
    serial_number: str


class Shelf(Generic[Kept]):
    """The last `size` things by key; safe for threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, key: Hashable) -> Kept | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, thing: Kept) -> None:
        with self._lock:
            self._kept[key] = thing
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


class _Workshop:
    """What one process keeps for one database."""

    def __init__(self) -> None:
        self.signers = SignerCache()
        self.gate = Gate()
        self.packed: Shelf[PackedFiles] = Shelf(PACKED_DESIGNS_MAX)
        self.signed: Shelf[bytes] = Shelf(SIGNED_PASSES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Everything a pass is made of, read in one transaction."""

    card: WalletPass
    pass_type: PassType
    certificate: AppleCertificate
    last_modified_s: int
    face: Face
    packed: PackedFiles
    kept: KeptPass | None


_workshops: WeakKeyDictionary[Database, _Workshop] = WeakKeyDictionary()
_workshops_lock = threading.Lock()


def apple_pass(ctx: Loyalty, merchant_id: int, pass_id: int) -> SignedPass:
    """The card as a signed .pkpass.

    Raises:
        NotFound: there is no such card, or the merchant has no Apple certificate.
        CertificateExpired: the certificate cannot sign today.
        SigningError: the pass would be refused by Wallet; the sentence names rule and place.
    """
    workshop = _workshop(ctx.database)
    return _ready(ctx, merchant_id, pass_id, workshop) or _fresh(
        ctx, merchant_id, pass_id, workshop
    )


def apple_pass_of(ctx: Loyalty, known: KnownCard) -> SignedPass:
    """The same for a phone that has just shown the card's token: what it was asked is known.

    Raises:
        As `apple_pass`.
    """
    workshop = _workshop(ctx.database)
    return _kept(known.card, known.certificate_id, workshop) or _fresh(
        ctx, known.merchant_id, known.card.id, workshop
    )


def _fresh(ctx: Loyalty, merchant_id: int, pass_id: int, workshop: _Workshop) -> SignedPass:
    order = run_work(
        ctx.database,
        merchant_id,
        lambda work: _take_order(ctx, work, pass_id, workshop),
        clock=ctx.clock,
    )
    data = _build(ctx, merchant_id, order, workshop)
    workshop.signed.put(_key(order.card, order.certificate.id), data)
    return SignedPass(
        data=data,
        last_modified_s=order.last_modified_s,
        serial_number=order.card.serial_number,
    )


def _workshop(database: Database) -> _Workshop:
    with _workshops_lock:
        return _workshops.setdefault(database, _Workshop())


def _key(card: WalletPass, certificate_id: int) -> Hashable:
    return (card.id, card.revision, certificate_id)


def _ready(ctx: Loyalty, merchant_id: int, pass_id: int, workshop: _Workshop) -> SignedPass | None:
    with open_work(ctx.database, merchant_id, clock=ctx.clock, writing=False) as work:
        card = work.passes.get(pass_id)
        if card.fetched_revision != card.revision or card.pass_type_id is None:
            return None
        certificate = work.passes.newest_certificate(card.pass_type_id)
    return _kept(card, None if certificate is None else certificate.id, workshop)


def _kept(card: WalletPass, certificate_id: int | None, workshop: _Workshop) -> SignedPass | None:
    """The kept bytes, where this very revision was handed out before: nothing need be written."""
    if card.fetched_revision != card.revision or certificate_id is None:
        return None
    data = workshop.signed.get(_key(card, certificate_id))
    if data is None:
        return None
    return SignedPass(
        data=data, last_modified_s=card.last_modified_s, serial_number=card.serial_number
    )


def _take_order(ctx: Loyalty, work: UnitOfWork, pass_id: int, workshop: _Workshop) -> _Order:
    stamps = Stamps(work.scope)
    handed = stamps.hand_out(pass_id)
    card = work.passes.get(pass_id)
    pass_type = _pass_type(work, card)
    certificate = work.passes.newest_certificate(pass_type.id)
    if certificate is None:
        raise NotFound(_("Apple Wallet is not set up for this shop yet."))
    face = load_face(work, pass_id, keyring=ctx.keyring, public_url=ctx.settings.public_url)
    last_modified_s = stamps.show(handed, face_digest(face.design, face.content))
    return _Order(
        # Another second means that the card took another revision just now.
        card=card if last_modified_s == handed.last_modified_s else work.passes.get(pass_id),
        pass_type=pass_type,
        certificate=certificate,
        last_modified_s=last_modified_s,
        face=face,
        packed=_packed(work, face, workshop),
        kept=work.kept_passes.get(pass_id),
    )


def _pass_type(work: UnitOfWork, card: WalletPass) -> PassType:
    """The card's pass type, which it keeps for ever from its first Apple pass on."""
    if card.pass_type_id is not None:
        return work.passes.pass_type(card.pass_type_id)
    current = work.passes.current_pass_type()
    if current is None:
        raise NotFound(_("Apple Wallet is not set up for this shop yet."))
    work.passes.set_pass_type(card.id, current.id)
    return current


def _packed(work: UnitOfWork, face: Face, workshop: _Workshop) -> PackedFiles:
    """Pictures and translations, which all cards of a version, tier and state share."""
    design, content = face.design, face.content
    stamps = max(0, min(content.balance, content.goal)) if content.goal else None
    key = (
        face.wallet_pass.programme_id,
        face.design_version,
        (content.goal, stamps),
        strings_key(design, content),
        content.language if design.localised else "",
        content.tier_code if design.tier_looks else "",
    )
    packed = workshop.packed.get(key)
    if packed is None:
        images = load_images(
            work,
            design,
            goal=content.goal,
            balance=content.balance,
            language=content.language,
        )
        packed = pack_files(images, strings=pass_strings(design, content))
        workshop.packed.put(key, packed)
    return packed


def _build(ctx: Loyalty, merchant_id: int, order: _Order, workshop: _Workshop) -> bytes:
    signer = workshop.signers.get(
        order.certificate.id, lambda: _certificate(ctx, merchant_id, order.certificate)
    )
    identity = _identity(ctx, merchant_id, order, nfc=signer.nfc)
    card = apple_card(order.face.design, order.face.content, identity)
    _refuse_faulty(card, order.packed, workshop.gate)
    return build_bundle(card.document, order.packed, sign=_sign_now(ctx, signer))


def _sign_now(ctx: Loyalty, signer: Signer) -> Callable[[bytes], bytes]:
    return lambda manifest: signer.sign_manifest(manifest, now=ctx.clock.now())


def _identity(ctx: Loyalty, merchant_id: int, order: _Order, *, nfc: bool) -> AppleIdentity:
    """What the pass is to its phones; a card from before Regulars stays what it was to them."""
    kept = order.kept
    address = (kept and kept.web_service_url) or f"{order.face.public_url}{WEB_SERVICE_PATH}"
    return AppleIdentity(
        pass_type_identifier=order.pass_type.identifier,
        team_identifier=order.pass_type.team_identifier,
        web_service_url=address,
        authentication_token=apple_authentication_token(
            ctx.keyring, serial_number=order.card.serial_number
        )
        if kept is None
        else kept_token(ctx.keyring, merchant_id, kept),
        nfc=nfc,
    )


def _refuse_faulty(card: AppleCard, packed: PackedFiles, gate: Gate) -> None:
    found = gate.faults(card, packed.names)
    if found:
        first = found[0]
        raise SigningError(f"{first.place}: {first.rule} {first.mend}")


def _certificate(ctx: Loyalty, merchant_id: int, certificate: AppleCertificate) -> PassCertificate:
    key_pem = unseal(
        ctx.keyring,
        certificate.key_sealed,
        merchant_id=merchant_id,
        column=CERTIFICATE_KEY_COLUMN,
    )
    return load_pass_certificate(
        certificate.certificate_pem, certificate.intermediate_pem, key_pem, now=ctx.clock.now()
    )
