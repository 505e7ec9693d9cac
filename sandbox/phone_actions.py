"""What a person can do with a pretend phone, by name; shared by the page and the test levers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sandbox.androids import Android
from sandbox.iphone import IPhone
from sandbox.parts import Parts


class BadAction(ValueError):
    """An action that does not exist or lacks a fact; the text says what to send."""


def act(parts: Parts, phone_id: str, action: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Do it and answer a small JSON value; most effects follow in the background.

    iPhone: add {url}, refresh, remove {card}, automatic_updates {card, on}, new_tokens,
    power {on}. Android: remove {card}. `card` is `<pass type>/<serial>` or `<kind>/<object id>`.
    """
    if phone_id.startswith("android-"):
        if action != "remove":
            raise BadAction(f"An Android phone cannot {action!r}; it can: remove.")
        parts.androids.remove_card(phone_id, _text(facts, "card"))
        return {"done": action}
    if action == "add":
        card = parts.iphones.add_from(phone_id, _text(facts, "url"))
        return {"done": action, "card": card.key}
    _act_on_iphone(parts, phone_id, action, facts)
    return {"done": action}


def _act_on_iphone(parts: Parts, phone_id: str, action: str, facts: dict[str, Any]) -> None:
    phones = parts.iphones
    match action:
        case "refresh":
            phones.refresh(phone_id)
        case "remove":
            phones.remove(phone_id, _text(facts, "card"))
        case "automatic_updates":
            phones.automatic_updates(phone_id, _text(facts, "card"), wanted=_flag(facts, "on"))
        case "new_tokens":
            phones.new_tokens(phone_id)
        case "power":
            phones.power(phone_id, on=_flag(facts, "on"))
        case _:
            raise BadAction(
                f"An iPhone cannot {action!r}; it can: add, refresh, remove, automatic_updates, "
                f"new_tokens, power."
            )


def phones_json(parts: Parts) -> dict[str, Any]:
    """Every phone with its cards, as tests read it. No authentication token is shown."""
    return {
        "iphones": [_iphone_json(parts, phone) for phone in parts.iphones.all()],
        "androids": [_android_json(parts, phone) for phone in parts.androids.all()],
    }


def _iphone_json(parts: Parts, phone: IPhone) -> dict[str, Any]:
    with parts.iphones.lock:
        cards = list(phone.cards.values())
        shown: dict[str, Any] = {
            "id": phone.id,
            "name": phone.name,
            "powered": phone.powered,
            "refusal": phone.refusal,
            "notices": list(phone.notices),
            "push_tokens": dict(phone.tokens),
            "services": [asdict(each) for each in phone.services.values()],
            "scores": {topic: round(each.score, 3) for topic, each in phone.scores.items()},
        }
    shown["cards"] = []
    for card in cards:
        opened = parts.iphones.opened(phone, card)
        facts = asdict(card)
        del facts["authentication_token"]
        values = opened.values()
        shown["cards"].append(
            {"card": card.key, **facts, "values": values, "pass": _public(opened.pass_json)}
        )
    return shown


def _public(pass_json: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in pass_json.items() if name != "authenticationToken"}


def _android_json(parts: Parts, phone: Android) -> dict[str, Any]:
    return parts.androids.as_json(phone)


def _text(facts: dict[str, Any], name: str) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or not value:
        raise BadAction(f"{name} is missing")
    return value


def _flag(facts: dict[str, Any], name: str) -> bool:
    value = facts.get(name)
    if not isinstance(value, bool):
        raise BadAction(f"{name} must be true or false")
    return value
