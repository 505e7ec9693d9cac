"""The top-level keys of pass.json and the kind of value each takes.

Source: developer.apple.com/documentation/walletpasses/pass; apple-wallet 1.2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from passes.field_rules import STYLES

REQUIRED: Final = (
    "description",
    "formatVersion",
    "organizationName",
    "passTypeIdentifier",
    "serialNumber",
    "teamIdentifier",
)
_TEXTS: Final = (
    "appLaunchURL",
    "authenticationToken",
    "backgroundColor",
    "description",
    "expirationDate",
    "foregroundColor",
    "groupingIdentifier",
    "labelColor",
    "logoText",
    "organizationName",
    "passTypeIdentifier",
    "relevantDate",
    "serialNumber",
    "stripColor",
    "teamIdentifier",
    "webServiceURL",
)
_LISTS: Final = (
    "associatedStoreIdentifiers",
    "auxiliaryStoreIdentifiers",
    "barcodes",
    "beacons",
    "featuredActions",
    "locations",
    "preferredStyleSchemes",
    "relevantDates",
)
_FLAGS: Final = (
    "sharingProhibited",
    "suppressHeaderDarkening",
    "suppressStripShine",
    "useAutomaticColors",
    "voided",
)
_OBJECTS: Final = ("barcode", "nfc", "semantics", *STYLES)
TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(_TEXTS, (str,)),
    **dict.fromkeys(_LISTS, (list,)),
    **dict.fromkeys(_FLAGS, (bool,)),
    **dict.fromkeys(_OBJECTS, (dict,)),
    "formatVersion": (int,),
    "maxDistance": (int, float),
    "userInfo": (dict, list, str, int, float, bool),
}
# Known, of other styles than ours; their values are not judged.
_OTHER: Final = frozenset(
    "accessibilityURL addOnURL bagPolicyURL changeSeatURL contactVenueEmail "  # noqa: SIM905
    "contactVenuePhoneNumber contactVenueWebsite directionsInformationURL entertainmentURL "
    "eventLogoText footerBackgroundColor managementURL merchandiseURL orderFoodURL "
    "parkingInformationURL purchaseAdditionalBaggageURL purchaseLoungeAccessURL "
    "purchaseParkingURL purchaseWifiURL registerServiceAnimalURL reportLostBagURL "
    "requestWheelchairURL sellURL trackBagsURL transferURL transitInformationURL "
    "transitProviderEmail transitProviderPhoneNumber transitProviderWebsiteURL "
    "upcomingPassInformation upgradeURL".split()
)
KNOWN: Final = frozenset(TYPES) | _OTHER
