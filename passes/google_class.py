"""A programme as Google Wallet stores it: one LoyaltyClass, shared by all its members.

Colour, labels, logos, layout and the owner's contact live here. A programme with tiers has one
class for each, because a tier's name and colour can only be the class's; moving up moves the object.
Not here: a member's data (google.py), sending (delivery).

Source: developers.google.com/wallet/reference/rest/v1/loyaltyclass
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from common.errors import InvalidInput
from common.i18n import gettext as _
from common.i18n import use_language
from passes.content import Place
from passes.design import Design, ImageName, Texts
from passes.google_options import APP_TEXT_MAX, GoogleOptions
from passes.google_parts import (
    ACCOUNT_LABEL_MAX,
    BODY_MAX,
    HEADER_MAX,
    TEXTS_MAX,
    Document,
    GoogleIdentity,
    Languages,
    absolute,
    contact_links,
    cut,
    image,
    links,
    localized_string,
    locations,
    picture_text,
    pieces,
    without_empty,
)
from passes.tier_look import TIER_NAME_MAX, Tier

TIER_LABEL_MAX: Final = 9
SHARED_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    "heroImage": (),
    "linksModuleData": (),
    "countryCode": (),
    "callbackOptions": (),
    "localizedIssuerName": (),
    "appLinkData": ("androidAppLinkInfo", "webAppLinkInfo"),
    "securityAnimation": (),
}
_CLEARABLE: Final[dict[str, Sequence[str]]] = {
    **SHARED_CLEARABLE,
    "wideProgramLogo": (),
    "localizedProgramName": (),
    "localizedAccountNameLabel": (),
    "localizedAccountIdLabel": (),
    "rewardsTier": (),
    "rewardsTierLabel": (),
    "localizedRewardsTierLabel": (),
}
SHARED_ARRAYS: Final = (
    "textModulesData",
    "merchantLocations",
    "valueAddedModuleData",
    "redemptionIssuers",
)


def loyalty_class(
    design: Design,
    identity: GoogleIdentity,
    *,
    language: str = "en",
    country_code: str = "",
    callback_url: str = "",
    places: Sequence[Place] = (),
    tier: Tier | None = None,
) -> Document:
    """The LoyaltyClass of a programme, or of one of its tiers, for insert or PUT.

    Args:
        design: with `ImageName.GOOGLE_LOGO` among its images.
        identity: `object_id` is not looked at.
        language: BCP 47, of the words that are ours.
        country_code: ISO 3166 alpha-2, or empty.
        callback_url: where Google reports saves and deletes, or empty.
        places: the branches; the first ten are sent.
        tier: whose members' class this is, in the look it has in the design; None for those
            without one.

    Raises:
        InvalidInput: the design has no Google logo yet.
    """
    design = design.for_tier(tier.code if tier else "")
    spoken = Languages(design=design, default=language)
    with use_language(language):
        return without_empty(
            {
                "id": identity.class_id,
                **_names(spoken),
                **pictures(design, identity, language=language),
                **_tier(spoken, tier),
                "classTemplateInfo": _template(),
                **shared_by_classes(
                    spoken,
                    country_code=country_code,
                    callback_url=callback_url,
                    places=places,
                ),
            }
        )


def shared_by_classes(
    spoken: Languages, *, country_code: str, callback_url: str, places: Sequence[Place]
) -> Document:
    """What the classes of every kind of card say, in the current language; may hold empty names."""
    options, language = spoken.design.google, spoken.default
    return {
        # An approved class must be sent for review again with every change.
        "reviewStatus": "UNDER_REVIEW",
        "countryCode": country_code,
        "textModulesData": _about(spoken),
        "linksModuleData": links(contact_links(spoken.design)),
        "merchantLocations": locations((one.latitude, one.longitude) for one in places),
        "callbackOptions": {"url": callback_url} if callback_url else {},
        **_behaviour(options),
        "appLinkData": _app_link(options, language),
        "valueAddedModuleData": _extras(options, language),
    }


def class_patch(design: Design, identity: GoogleIdentity, **facts: Any) -> Document:
    """The PATCH body that brings an existing class to this design, whatever it was before.

    `facts` are those of `loyalty_class`.
    """
    document = loyalty_class(design, identity, **facts)
    del document["id"]
    return absolute(document, clearable=_CLEARABLE, arrays=SHARED_ARRAYS)


def tier_identity(identity: GoogleIdentity, tier_key: str) -> GoogleIdentity:
    """The identity of a card whose class is that of a tier; an empty key is the programme's own."""
    if not tier_key:
        return identity
    return replace(identity, class_id=f"{identity.class_id}-{tier_key}")


def class_pictures(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every picture that a class or object names: (Google's name for it, address)."""
    found = []
    for name in ("programLogo", "wideProgramLogo", "heroImage", "titleImage", "wideTitleImage"):
        uri = ((document.get(name) or {}).get("sourceUri") or {}).get("uri")
        if uri:
            found.append((name, str(uri)))
    return found


def _names(spoken: Languages) -> Document:
    def member(texts: Texts) -> str:
        return cut(texts.member_label, ACCOUNT_LABEL_MAX)

    def number(_texts: Texts) -> str:
        return cut(_("Member number"), ACCOUNT_LABEL_MAX)

    said = {
        "IssuerName": lambda texts: texts.organization_name,
        "ProgramName": lambda texts: texts.programme_name,
        "AccountNameLabel": member,
        "AccountIdLabel": number,
    }
    found: Document = {}
    for name, say in said.items():
        found[name[0].lower() + name[1:]] = spoken.text(say)
        found[f"localized{name}"] = spoken.localized(say)
    return found


def pictures(design: Design, identity: GoogleIdentity, *, language: str) -> Document:
    """The pictures and the colour of a class.

    Raises:
        InvalidInput: the design has no Google logo yet.
    """
    logo = design.images.get(ImageName.GOOGLE_LOGO)
    if logo is None:
        raise InvalidInput(
            _("This card has no logo for Google Wallet yet. Publish it again."), field="logo"
        )
    says = picture_text(design, language)
    return {
        "programLogo": image(logo, identity, says=says),
        "wideProgramLogo": image(
            design.images.get(ImageName.GOOGLE_WIDE_LOGO), identity, says=says
        ),
        "heroImage": image(design.images.get(ImageName.GOOGLE_HERO), identity, says=says),
        "hexBackgroundColor": design.background_colour.lower(),
    }


def _tier(spoken: Languages, tier: Tier | None) -> Document:
    if tier is None:
        return {}
    look = spoken.design.tier_looks.get(tier.code)
    name = (look.name if look else "") or tier.name

    def label(_texts: Texts) -> str:
        return cut(_("Level"), TIER_LABEL_MAX)

    return {
        "rewardsTier": cut(name, TIER_NAME_MAX),
        "rewardsTierLabel": spoken.text(label),
        "localizedRewardsTierLabel": spoken.localized(label),
    }


def _template() -> Document:
    """Two values, then the name that the plain layout hides in the details, then how far it is."""
    rows = [
        {
            "twoItems": {
                "startItem": _item("object.loyaltyPoints.balance"),
                "endItem": _item("object.secondaryLoyaltyPoints.balance"),
            }
        },
        {
            "twoItems": {
                "startItem": _item("object.accountName"),
                "endItem": _item("class.rewardsTier"),
            }
        },
        {"oneItem": {"item": _item("object.textModulesData['progress']")}},
    ]
    listed = {
        "firstRowOption": {"fieldOption": _fields("class.programName")},
        "secondRowOption": _fields("object.loyaltyPoints.balance"),
    }
    return {
        "cardTemplateOverride": {"cardRowTemplateInfos": rows},
        "listTemplateOverride": listed,
    }


def _item(path: str) -> Document:
    return {"firstValue": _fields(path)}


def _fields(path: str) -> Document:
    return {"fields": [{"fieldPath": path}]}


def _about(spoken: Languages) -> list[Document]:
    def header(texts: Texts) -> str:
        return cut(_("About %(name)s", name=texts.organization_name), HEADER_MAX)

    count = len(pieces(spoken.text(lambda texts: texts.back_text))[:TEXTS_MAX])
    found = []
    for place in range(count):
        body = partial(_piece, at=place, count=count)
        found.append(
            without_empty(
                {
                    "id": f"about-{place + 1}",
                    "header": spoken.text(header),
                    "body": spoken.text(body),
                    "localizedHeader": spoken.localized(header),
                    "localizedBody": spoken.localized(body),
                }
            )
        )
    return found


def _piece(texts: Texts, *, at: int, count: int) -> str:
    """One of `count` parts; what a longer translation has left over is cut in the last."""
    parts = pieces(texts.back_text)
    if at < count - 1:
        return parts[at] if at < len(parts) else ""
    return cut("\n\n".join(parts[at:]), BODY_MAX)


def _behaviour(options: GoogleOptions) -> Document:
    shared = "MULTIPLE_HOLDERS" if options.shareable else "ONE_USER_ALL_DEVICES"
    unlock = "UNLOCK_REQUIRED_TO_VIEW" if options.unlock_to_view else "UNLOCK_NOT_REQUIRED"
    return {
        "multipleDevicesAndHoldersAllowedStatus": shared,
        "viewUnlockRequirement": unlock,
        "securityAnimation": {"animationType": "FOIL_SHIMMER"} if options.shimmer else {},
        "enableSmartTap": bool(options.redemption_issuers),
        "redemptionIssuers": list(options.redemption_issuers),
    }


def _app_link(options: GoogleOptions, language: str) -> Document:
    """The button at the top: the application where the phone has it, the page elsewhere."""
    if not options.app_package and not options.app_url:
        return {}
    text = cut(options.app_text or _("Open"), APP_TEXT_MAX)
    found: Document = {"displayText": localized_string(language, text)}
    if options.app_package:
        found["androidAppLinkInfo"] = {"appTarget": {"packageName": options.app_package}}
    if options.app_url:
        target = {"targetUri": {"uri": options.app_url}}
        found["webAppLinkInfo"] = {"appTarget": target}
    return found


def _extras(options: GoogleOptions, language: str) -> list[Document]:
    return [
        without_empty(
            {
                "header": localized_string(language, one.header),
                "body": localized_string(language, one.body) if one.body else {},
                "uri": one.url,
                "sortIndex": place,
            }
        )
        for place, one in enumerate(options.extras, start=1)
    ]
