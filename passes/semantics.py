"""The semantic tags a loyalty card uses, and the names of the others.

Not here: the values of tags for flights, seats and concerts; they concern other makers and are taken
as they are.

Source: developer.apple.com/documentation/walletpasses/semantictags; apple-wallet 1.2
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from common.i18n import gettext as _
from passes.findings import Finding, fault
from passes.spelling import misspelt

PLACE: Final = "pass.json:semantics"
_TEXTS: Final = (
    "membershipProgramName",
    "membershipProgramNumber",
    "membershipProgramStatus",
)
_MONEY: Final = ("balance", "totalPrice")
_OTHER: Final = frozenset(
    "admissionLevel admissionLevelAbbreviation additionalTicketAttributes airlineCode "  # noqa: SIM905
    "albumIDs artistIDs attendeeName awayTeamAbbreviation awayTeamLocation awayTeamName "
    "boardingGroup boardingSequenceNumber boardingZone carNumber confirmationNumber "
    "currentArrivalDate currentBoardingDate currentDepartureDate departureAirportCode "
    "departureAirportLocation departureAirportName departureAirportTimeZone "
    "departureCityName departureGate departureLocation departureLocationDescription "
    "departureLocationSecurityPrograms departureLocationTimeZone departurePlatform "
    "departureStationName departureTerminal destinationAirportCode destinationAirportLocation "
    "destinationAirportName destinationAirportTimeZone destinationCityName destinationGate "
    "destinationLocation destinationLocationDescription destinationLocationSecurityPrograms "
    "destinationLocationTimeZone destinationPlatform destinationStationName "
    "destinationTerminal duration entranceDescription eventEndDate eventLiveMessage "
    "eventName eventStartDate eventStartDateInfo eventType flightCode flightNumber genre "
    "homeTeamAbbreviation homeTeamLocation homeTeamName internationalDocumentsAreVerified "
    "internationalDocumentsVerifiedDeclarationName leagueAbbreviation leagueName "
    "loungePlaceIDs membershipProgramName originalArrivalDate originalBoardingDate "
    "originalDepartureDate passengerAirlineSSRs passengerCapabilities "
    "passengerEligibleSecurityPrograms passengerInformationSSRs passengerName "
    "passengerServiceSSRs performerNames playlistIDs priorityStatus seats "
    "securityScreening silenceRequested sportName tailgatingAllowed ticketFareClass "
    "transitProvider transitStatus transitStatusReason vehicleName vehicleNumber "
    "vehicleType venueBoxOfficeOpenDate venueCloseDate venueDoorsOpenDate venueEntrance "
    "venueEntranceDoor venueEntranceGate venueEntrancePortal venueFanZoneOpenDate "
    "venueGatesOpenDate venueLocation venueName venueOpenDate venueParkingLotsOpenDate "
    "venuePhoneNumber venueRegionName venueRoom wifiAccess".split()
)
KNOWN_TAGS: Final = _OTHER | {*_TEXTS, *_MONEY}
_AMOUNT: Final = re.compile(r"-?\d{1,20}(\.\d{1,4})?", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)


def check_semantics(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Every broken rule of the whole pass's tags."""
    tags = document.get("semantics")
    if isinstance(tags, dict):
        yield from check_tags(tags, PLACE)


def check_tags(tags: Mapping[str, Any], place: str) -> Iterator[Finding]:
    """Every broken rule of a pass's or a field's tags."""
    yield from misspelt(tags, KNOWN_TAGS, place)
    for name in _TEXTS:
        if name in tags and type(tags[name]) is not str:
            yield fault(
                "semantics_text",
                f"{place}.{name}",
                rule=_("Wallet reads another kind of value here."),
                mend=_("Give a text."),
            )
    for name in _MONEY:
        if name in tags and not _is_amount(tags[name]):
            yield fault(
                "semantics_amount",
                f"{place}.{name}",
                rule=_("An amount has the texts amount and currencyCode."),
                mend=_('Write it like {"amount": "12.50", "currencyCode": "EUR"}.'),
            )


def _is_amount(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    amount, currency = value.get("amount"), value.get("currencyCode")
    return (
        isinstance(amount, str)
        and isinstance(currency, str)
        and _looks_like_money(amount, currency)
    )


@lru_cache(maxsize=1024)
def _looks_like_money(amount: str, currency: str) -> bool:
    return bool(_AMOUNT.fullmatch(amount) and _CURRENCY.fullmatch(currency))
