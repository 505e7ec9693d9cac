"""`earn`, `stamp`, `redeem`, `reverse`, `balance`: the ledger from the shell.

MEMBER is the member number on the card; AMOUNT is digits with at most the currency's decimals
after `.` or `,`.
"""

from __future__ import annotations

from typing import Any, Final

import click

from common.actor import SYSTEM
from common.errors import InvalidInput, NotFound
from common.ids import new_id
from common.money import parse_amount
from loyalty.balance import CardState, card_state
from loyalty.earn import EarnRequest, earn
from loyalty.find_member import find_by_code
from loyalty.redeem import RedeemRequest, redeem
from loyalty.results import OperationResult
from loyalty.reverse import ReverseRequest, reverse
from regulars.commands.frame import Desk, chosen, framed, merchant_option

SOURCE = "command"
# `-5` is a wrong amount to be told so, not an option.
NEGATIVES: Final = {"ignore_unknown_options": True}

key_option = click.option("--key", help="The same key gives the same answer, once done.")


@click.command("earn", context_settings=NEGATIVES)
@click.argument("member")
@click.argument("amount")
@key_option
@merchant_option
@framed
def earn_command(
    desk: Desk, member: str, amount: str, *, key: str | None, merchant: str | None
) -> None:
    """Credit MEMBER for a sale of AMOUNT."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    request = EarnRequest(
        member_id=find_by_code(installation.loyalty, shop.id, member).member_id,
        amount_minor=parse_amount(amount, shop.currency, max_minor=shop.sale_max_minor),
        visits=None,
        actor=SYSTEM,
        idempotency_key=_key(key),
        source=SOURCE,
    )
    _show(desk, earn(installation.loyalty, shop.id, request))


@click.command("stamp", context_settings=NEGATIVES)
@click.argument("member")
@click.argument("count", default="1")
@key_option
@merchant_option
@framed
def stamp_command(
    desk: Desk, member: str, count: str, *, key: str | None, merchant: str | None
) -> None:
    """Give MEMBER a stamp for a visit, or COUNT of them."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    if not (count.isascii() and count.isdigit() and len(count) <= 4):  # noqa: PLR2004 - digits
        raise InvalidInput("Give the number of stamps in digits, like 1.", field="count")
    request = EarnRequest(
        member_id=find_by_code(installation.loyalty, shop.id, member).member_id,
        amount_minor=None,
        visits=int(count),
        actor=SYSTEM,
        idempotency_key=_key(key),
        source=SOURCE,
    )
    _show(desk, earn(installation.loyalty, shop.id, request))


@click.command("redeem")
@click.argument("member")
@click.argument("reward")
@key_option
@merchant_option
@framed
def redeem_command(
    desk: Desk, member: str, reward: str, *, key: str | None, merchant: str | None
) -> None:
    """Redeem REWARD (its short name) for MEMBER."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    member_id = find_by_code(installation.loyalty, shop.id, member).member_id
    request = RedeemRequest(
        member_id=member_id,
        reward_id=_reward(card_state(installation.loyalty, shop.id, member_id), reward),
        actor=SYSTEM,
        idempotency_key=_key(key),
        source=SOURCE,
    )
    _show(desk, redeem(installation.loyalty, shop.id, request))


def _reward(state: CardState, slug: str) -> int:
    for reward in state.rewards:
        if reward.slug == slug:
            return reward.id
    names = ", ".join(reward.slug for reward in state.rewards) or "none"
    raise NotFound(f"There is no reward {slug!r} now. Rewards: {names}.")


@click.command("reverse", context_settings=NEGATIVES)
@click.argument("operation", type=int)
@key_option
@merchant_option
@framed
def reverse_command(desk: Desk, operation: int, *, key: str | None, merchant: str | None) -> None:
    """Undo OPERATION: exactly what it gave or took, once."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    request = ReverseRequest(
        operation_id=operation, actor=SYSTEM, idempotency_key=_key(key), own_recent_only=False
    )
    _show(desk, reverse(installation.loyalty, shop.id, request))


@click.command("balance")
@click.argument("member")
@merchant_option
@framed
def balance_command(desk: Desk, member: str, *, merchant: str | None) -> None:
    """Show what MEMBER's card holds."""
    installation = desk.open()
    shop = chosen(installation, merchant)
    member_id = find_by_code(installation.loyalty, shop.id, member).member_id
    state = card_state(installation.loyalty, shop.id, member_id)
    facts = {
        "member_number": state.number,
        state.unit: state.balance,
        "balance": state.balance,
        "unit": state.unit,
        "carried": state.carry_minor,
        "rewards": [
            {"slug": r.slug, "name": r.name, "cost": r.cost, "due": r.due} for r in state.rewards
        ],
    }
    due = [f"{r.name} ({r.cost}){' is due' if r.due else ''}" for r in state.rewards]
    carried = [state.carried] if state.carried else []
    desk.console.show(facts, f"{state.number}: {state.balance} {state.unit}", *carried, *due)


def _key(key: str | None) -> str:
    return key or f"command-{new_id()}"


def _show(desk: Desk, result: OperationResult) -> None:
    facts: dict[str, Any] = {
        "operation": result.operation_id,
        "kind": result.kind,
        result.unit: result.units,
        "balance": result.balance,
        "carried": result.carry_minor,
        "replayed": result.replayed,
        "reason": list(result.sentences),
    }
    desk.console.show(
        facts, *result.sentences, f"Balance {result.balance}. Operation {result.operation_id}."
    )


COMMANDS = (earn_command, stamp_command, redeem_command, reverse_command, balance_command)
