"""Apple's object model of a store card: wallet-py3k's classes with their gaps closed.

The library spells the expiry wrong, knows a single barcode only, writes empty members, and knows
nothing of Wallet since iOS 8; what it lacks stands in apple.py. This is the one file that
touches it, so that it can be replaced. Not here: zip and signature; the library's own run a
subprocess with the password on its command line and are closed off below.

Sources: developer.apple.com/documentation/walletpasses/pass and .../passfieldcontent
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from wallet import models

QR: Final[str] = models.BarcodeFormat.QR
# Scanners at tills misread UTF-8 byte-mode codes; our messages are ASCII in any case.
BARCODE_ENCODING: Final = "iso-8859-1"
LOCATIONS_MAX: Final = 10
# Stands in a frame until the value comes.
SOME_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)


class TextField(models.Field):  # type: ignore[misc]  # the library ships no types
    """A field of text. `detectors` None leaves Wallet's default, an empty list turns it off."""

    def __init__(
        self,
        key: str,
        value: str | float,
        label: str = "",
        *,
        change_message: str = "",
        alignment: str | None = None,
        detectors: Sequence[str] | None = None,
    ) -> None:
        super().__init__(key, value, label)
        self.changeMessage = change_message
        self.textAlignment = alignment
        self.dataDetectorTypes = None if detectors is None else list(detectors)

    def json_dict(self) -> dict[str, Any]:
        return _present(self.__dict__)


class NumberField(TextField):
    """A whole or decimal number that the phone writes in its own language."""

    def __init__(self, key: str, value: float, label: str = "", **options: Any) -> None:
        super().__init__(key, _number(value), label, **options)
        self.numberStyle = models.NumberStyle.DECIMAL


class CurrencyField(TextField):
    """An amount in whole units of `currency` (ISO 4217); 12.5 EUR shows as 12,50 € in German."""

    def __init__(
        self, key: str, value: float, label: str = "", *, currency: str, **options: Any
    ) -> None:
        super().__init__(key, _number(value), label, **options)
        self.currencyCode = currency


class DateField(TextField):
    """A day by the shop's clock; both styles are always given, because Wallet refuses one alone."""

    def __init__(self, key: str, value: datetime, label: str = "", **options: Any) -> None:
        super().__init__(key, w3c(value), label, **options)
        self.dateStyle = models.DateStyle.MEDIUM
        self.timeStyle = models.DateStyle.NONE
        # A phone abroad would otherwise show the day before or after.
        self.ignoresTimeZone = True


class Barcode(models.Barcode):  # type: ignore[misc]
    """One code of `barcodes`; QR unless told otherwise."""

    def __init__(self, message: str, *, alt_text: str = "", code_format: str = QR) -> None:
        super().__init__(message, code_format, alt_text)
        self.messageEncoding = BARCODE_ENCODING

    def json_dict(self) -> dict[str, Any]:
        return _present(self.__dict__)


class Location(models.Location):  # type: ignore[misc]
    """A place in degrees; `relevant_text` shows on the lock screen nearby."""

    def __init__(self, latitude: float, longitude: float, *, relevant_text: str = "") -> None:
        super().__init__(_number(latitude), _number(longitude))
        self.altitude = None
        self.relevantText = relevant_text

    def json_dict(self) -> dict[str, Any]:
        return _present(self.__dict__)


class StoreCard(models.StoreCard):  # type: ignore[misc]
    """The fields of a store card by zone."""


class Pass(models.Pass):  # type: ignore[misc]
    """What is the same for every pass of a pass type: identifiers, organisation, format."""

    def __init__(self, card: StoreCard, *, pass_type_identifier: str, team_identifier: str) -> None:
        super().__init__(
            card, passTypeIdentifier=pass_type_identifier, teamIdentifier=team_identifier
        )

    def json_dict(self) -> dict[str, Any]:
        document: dict[str, Any] = super().json_dict()
        # No shine has been the default since iOS 7; `barcodes` replaces the single one.
        for obsolete in ("suppressStripShine", "barcode", "relevantDate", "locations"):
            document.pop(obsolete, None)
        return document

    def create(self, *_args: object, **_options: object) -> NoReturn:
        raise NotImplementedError("passes.bundle packs, signing signs")


def relevant_moment(start: datetime, end: datetime | None = None) -> dict[str, str]:
    """An entry of `relevantDates`: a moment, or a stretch of at most 24 hours."""
    if end is not None:
        return {"startDate": w3c(start), "endDate": w3c(end)}
    # iOS 18 reads `relevantDate` inside the entry, iOS 26 reads `date`.
    return {"date": w3c(start), "relevantDate": w3c(start)}


def w3c(moment: datetime) -> str:
    """An aware moment as Wallet reads it: seconds and an offset, never a bare local time."""
    if moment.tzinfo is None:
        raise ValueError("Wallet refuses a moment without an offset")
    return moment.isoformat(timespec="seconds")


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members with a value: null breaks a pass, and an empty text shows an empty line."""
    return {name: value for name, value in members.items() if value is not None and value != ""}


def _number(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a pass shows numbers as numbers, not {type(value).__name__}")
    return value
