"""Builders of designs, contents and pictures with valid defaults."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from passes.apple import AppleIdentity
from passes.content import Content, Place, RewardLine
from passes.design import Design, ImageName, ImageRef
from passes.google import GoogleIdentity

COFFEE = RewardLine(name="Coffee", cost=10, due=False)


def a_design(**changes: Any) -> Design:
    values: dict[str, Any] = {
        "programme_name": "Bean Club",
        "organization_name": "Bean Co",
        "back_text": "Roasted on Mondays.",
        "website": "https://bean.example",
        "phone": "+44 20 7946 0000",
        "email": "hello@bean.example",
        "images": {ImageName.GOOGLE_LOGO: ImageRef(sha256="a" * 64, width=660, height=660)},
    }
    return Design(**values | changes)


def a_content(**changes: Any) -> Content:
    values: dict[str, Any] = {
        "serial_number": "0001",
        "language": "en",
        "member_number": "7K2M9-QXTR4",
        "member_name": "Ada L",
        "barcode": "0123456789ABCDEFGHJKMNPQRS",
        "unit": "points",
        "balance": 12,
        "goal": None,
        "progress": "40 cents count towards your next point",
        "next_reward": COFFEE,
        "rewards": (COFFEE,),
        "rules": ("For every £10.00 you get 1 point.",),
        "history": ("+12 points, High Street, 22 November",),
        "places": (Place(name="High Street", latitude=51.5, longitude=-0.12),),
        "card_link": "https://cards.example/m/abc",
    }
    return Content(**values | changes)


def a_stamp_card(**changes: Any) -> Content:
    return a_content(**{"unit": "stamps", "balance": 3, "goal": 9, "progress": ""} | changes)


def an_apple_identity(**changes: Any) -> AppleIdentity:
    values: dict[str, Any] = {
        "pass_type_identifier": "pass.example.bean",
        "team_identifier": "BEAN123456",
        "web_service_url": "https://cards.example/apple",
        "authentication_token": "t" * 43,
    }
    return AppleIdentity(**values | changes)


def a_google_identity(**changes: Any) -> GoogleIdentity:
    values: dict[str, Any] = {
        "issuer_id": "3388000000000000001",
        "class_id": "3388000000000000001.bean",
        "object_id": "3388000000000000001.m-0001",
        "image_base_url": "https://cards.example/google/images",
        "origin": "https://cards.example",
    }
    return GoogleIdentity(**values | changes)


def a_picture(
    width: int = 400, height: int = 300, *, mode: str = "RGB", kind: str = "PNG", **options: Any
) -> bytes:
    """An encoded picture: a gradient, so that turning and cropping show."""
    ramp = Image.linear_gradient("L").resize((width, height))
    flat = Image.new("L", (width, height), 80)
    bands = {
        "L": [ramp],
        "RGB": [ramp, flat, flat],
        "RGBA": [ramp, flat, flat, ramp],
        "CMYK": [ramp, flat, flat, flat],
    }
    out = io.BytesIO()
    Image.merge(mode, bands[mode]).save(out, kind, **options)
    return out.getvalue()


def pixels_of(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
