"""The card's look, pictures, rule, rewards and publishing in the console, on both engines."""

from __future__ import annotations

import html
import io
import re

import pytest
from flask import Flask
from PIL import Image

from common.clock import ManualClock
from loyalty.context import Loyalty
from storage.unit_of_work import open_work
from tests.support.console import an_owner
from tests.support.house import Browser, House, a_house, an_app

CAFE = 101


@pytest.fixture
def app(ctx: Loyalty) -> Flask:
    return an_app(ctx)


@pytest.fixture
def house(ctx: Loyalty, clock: ManualClock) -> House:
    return a_house(ctx, clock)


@pytest.fixture
def owner(app: Flask, ctx: Loyalty, house: House) -> Browser:
    return an_owner(app, ctx, CAFE)


def a_picture(size: tuple[int, int] = (400, 200), form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB" if max(size) < 5000 else "1", size, "#aa3300").save(out, form)
    return out.getvalue()


def upload(browser: Browser, house: House, role: str, data: bytes, **headers: str):
    action = f"/console/cards/{house.programme_id}/{role}"
    browser.get(f"/console/cards/{house.programme_id}")
    fields = {**browser.hidden(action), role: (io.BytesIO(data), "a.png")}
    return browser.client.post(
        action, data=fields, base_url="http://127.0.0.1:8080", headers=headers
    )


def test_owner_edits_the_look_and_sees_it_before_publishing(owner, house):
    path = f"/console/cards/{house.programme_id}"
    owner.get(path)
    words = _values(owner.page, "look") | {
        "programme_name": "Kaffeekarte",
        "background_colour": "#102030",
    }

    shown = owner.ask(f"{path}/preview", form=path, **words)
    owner.send(path, **words)

    assert 'fill="#102030"' in shown.text
    assert "Kaffeekarte" in shown.text
    assert "Saved" in owner.page
    assert "changes not published" in owner.page
    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        published = work.programmes.published_design(house.programme_id)
        draft = work.programmes.draft(house.programme_id)
    assert published.design.programme_name == "Bean Club"
    assert draft.design.programme_name == "Kaffeekarte"
    assert draft.design.images != published.design.images  # the letter was drawn anew


def test_the_preview_shows_the_texts_and_pictures_of_a_language(owner, house):
    path = f"/console/cards/{house.programme_id}"
    upload(owner, house, "logo", a_picture())
    owner.get(path)
    owner.send(path, **_values(owner.page, "look") | {"language": "en", "languages": "de"})
    owner.get(path)
    owner.send(path, **_values(owner.page, "look") | {"balance_label.de": "Punktestand"})
    owner.get(path)
    fields = {**owner.hidden(f"{path}/logo"), "picture_language": "de"}
    owner.client.post(
        f"{path}/logo",
        data={**fields, "logo": (io.BytesIO(a_picture((300, 200), "JPEG")), "de.jpg")},
        base_url="http://127.0.0.1:8080",
    )
    owner.get(path)
    words = _values(owner.page, "look")

    english, german, other = (
        owner.ask(f"{path}/preview", form=path, **words | {"preview_language": language}).text
        for language in ("en", "de", "xx")
    )

    assert "Punktestand" in german
    assert "Punktestand" not in english
    assert _pictures(german) != _pictures(english)
    assert _pictures(other) == _pictures(english)


def _pictures(text: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(/[^"]*/[0-9a-f]{16,}[^"]*)"', text))


def test_preview_works_without_a_script(owner, house):
    path = f"/console/cards/{house.programme_id}"
    owner.get(path)

    owner.send(
        path, **(_values(owner.page, "look") | {"background_colour": "#345678"}), do="preview"
    )

    assert owner.status == 200
    assert 'fill="#345678"' in owner.page
    assert 'value="#345678"' in owner.page


def test_a_bad_look_is_refused_whole_with_every_complaint(owner, house):
    path = f"/console/cards/{house.programme_id}"
    owner.get(path)

    owner.send(
        path,
        programme_name="",
        background_colour="red; }",
        label_colour="#fff",
        website="javascript:alert(1)",
        balance_label="x" * 16,
    )

    assert owner.status == 422
    for field in (
        "programme_name",
        "background_colour",
        "label_colour",
        "website",
        "balance_label",
    ):
        assert f'id="{field}-error"' in owner.page
    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        assert work.programmes.draft(house.programme_id).design.programme_name == "Bean Club"


def test_markup_in_a_name_stays_text(owner, house):
    path = f"/console/cards/{house.programme_id}"
    owner.get(path)
    hostile = '"><script>{{7*7}}</script>'

    owner.send(path, **(_values(owner.page, "look") | {"programme_name": hostile}))
    owner.get(path)

    assert "<script>{{" not in owner.page
    assert "&lt;script&gt;{{7*7}}&lt;/script&gt;" in owner.page


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_in_every_size(owner, house, form):
    answer = upload(owner, house, "logo", a_picture(form=form))

    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        design = work.programmes.draft(house.programme_id).design
    assert answer.status_code == 303
    assert design.images["icon@3x.png"].width == 114
    assert design.images["google-logo.png"].width == 660
    assert "logo" in design.source_images


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "Choose a picture"),
        (b"just text", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (a_picture()[:200], "damaged"),
        (a_picture((10, 10_001)), "pixels long"),
        (a_picture((8000, 8000)), "megapixels"),
    ],
    ids=["empty", "text", "svg", "cut", "long", "bomb"],
)
def test_what_is_no_picture_is_refused_in_the_page(owner, house, data, sentence):
    answer = upload(owner, house, "strip", data)

    assert answer.status_code == 422
    assert 'id="strip-error"' in answer.text
    assert sentence in answer.text
    assert "Bean Club" in answer.text


def test_an_upload_over_ten_megabytes_is_refused(owner, house):
    answer = owner.client.post(
        f"/console/cards/{house.programme_id}/strip",
        input_stream=io.BytesIO(b"--x\r\n"),
        environ_overrides={"CONTENT_LENGTH": str(11 * 1024 * 1024)},
        content_type="multipart/form-data; boundary=x",
        base_url="http://127.0.0.1:8080",
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 413
    assert answer.json["code"] == "body_too_large"


def test_another_ground_draws_the_icon_anew_and_removing_brings_the_letter_back(owner, house):
    upload(owner, house, "logo", a_picture())
    path = f"/console/cards/{house.programme_id}"
    owner.get(path)
    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        before = work.programmes.draft(house.programme_id).design

    owner.send(path, **(_values(owner.page, "look") | {"background_colour": "#445566"}))
    owner.send(f"{path}/logo/remove")

    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        after = work.programmes.draft(house.programme_id).design
    assert before.source_images
    assert not after.source_images
    assert after.images["icon.png"] != before.images["icon.png"]


def test_publishing_shows_link_and_poster_and_wakes_every_card(owner, house):
    house.enrol(name="Ada")
    path = f"/console/cards/{house.programme_id}"
    owner.get(path)
    owner.send(path, **(_values(owner.page, "look") | {"programme_name": "New"}))
    owner.get(f"{path}/publish")

    owner.send(f"{path}/publish")

    assert "Published" in owner.page
    assert f"http://127.0.0.1:8080/j/{house.join_code}" in owner.page
    assert 'class="qr"' in owner.get(f"{path}/poster?paper=a5").text
    assert owner.get(f"{path}/join.svg").mimetype == "image/svg+xml"
    with open_work(house.ctx.database, CAFE, clock=house.clock, writing=False) as work:
        assert work.programmes.get(house.programme_id).design_version == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rule": "points", "spend": "-1", "points": "1"}, "spend"),
        ({"rule": "points", "spend": "1e9", "points": "1"}, "spend"),
        ({"rule": "points", "spend": "10.00", "points": "0"}, "points"),
        ({"rule": "points", "spend": "10.00", "points": "1.5"}, "points"),
        ({"rule": "stamps", "goal": "0"}, "goal"),
        ({"rule": "stamps", "goal": "9999999999999"}, "goal"),
        ({"rule": "magic"}, "rule"),
    ],
)
def test_an_impossible_rule_is_refused_at_its_field(owner, house, values, field):
    path = f"/console/cards/{house.programme_id}/rule"
    owner.get(path)

    owner.send(path, **values)

    assert owner.status == 422
    assert f'href="#{field}"' in owner.page


def test_the_rule_takes_a_comma_and_counts_from_now_on(owner, house):
    path = f"/console/cards/{house.programme_id}/rule"
    owner.get(path)

    owner.send(path, rule="points", spend="2,50", points="3")

    assert "counts from now on" in owner.page
    assert 'value="2.50"' in owner.page


def test_points_turn_to_stamps_only_while_nobody_holds_a_card(owner, house):
    path = f"/console/cards/{house.programme_id}/rule"
    owner.get(path)
    owner.send(path, rule="stamps", goal="9")
    assert "counts from now on" in owner.page
    house.enrol(name="Ada")

    owner.send(path, rule="points", spend="1", points="1")

    assert "cannot turn to stamps" in owner.page


def test_rewards_are_added_changed_and_taken_off(owner, house):
    path = f"/console/cards/{house.programme_id}/rewards"
    owner.get(path)
    owner.send(path, name="Cake", cost="25")
    assert "Cake" in owner.page
    one = re.search(rf"{path}/(\d+)\"[^>]*>Cake", owner.page)[1]
    owner.get(f"{path}/{one}")

    owner.send(f"{path}/{one}", name="Big cake", cost="30")

    assert "Big cake" in owner.page
    assert "Not offered" in owner.page
    owner.get(path)
    owner.send(path, name=" ", cost="zero")
    assert owner.status == 422


def test_a_second_card_can_be_begun(owner, house):
    owner.get("/console/cards/new")

    owner.send("/console/cards/new", name="Lunch", rule="stamps", goal="5")

    assert "The card is begun" in owner.page
    assert "Lunch" in owner.get("/console/cards").text


def _values(page: str, form_id: str) -> dict[str, str]:
    """What a form holds as it stands, like a browser that sends it untouched."""
    inside = re.search(rf'<form[^>]*id="{form_id}"[^>]*>(.*?)</form>', page, re.DOTALL)[1]
    values = {}
    for tag in re.findall(r"<input[^>]*>", inside):
        found = dict(re.findall(r'\b(name|value|form|type)="([^"]*)"', tag))
        if "name" in found and "form" not in found and found.get("type") not in {"file", "submit"}:
            values[found["name"]] = _plain(found.get("value", ""))
    for name, text in re.findall(
        r'<textarea id="[^"]*" name="([^"]*)"[^>]*>\n(.*?)</textarea>', inside, re.DOTALL
    ):
        values[name] = _plain(text)
    return values


def _plain(text: str) -> str:
    return html.unescape(text)
