"""A card a second time, slow and obvious: every single unit is a thing with a birth and an end.

It shares the values of terms with the engine and none of its functions. Rating stands in
slow_rating.py, what is counted over time in slow_progress.py, when units end in slow_units.py; here
it is what happens to the card.
What a refund leaves is rated from the same snapshot as the sale was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import floor

from ledger.activity import Activity, ActivityKind, Line
from ledger.programme_terms import (
    ChallengeRule,
    DebtPolicy,
    GrantKind,
    LimitKind,
    PaymentRule,
    ProgrammeTerms,
    SetRule,
    SpentReward,
    TierBasis,
)
from ledger.refund_plan import Refund
from tests.support.slow_progress import (
    NO_FACT,
    Fact,
    SetTally,
    Tally,
    counts_on,
    risen_tier,
    set_tally,
    tally,
    walk_tiers,
)
from tests.support.slow_rating import SlowRater
from tests.support.slow_units import One, SlowUnits
from tests.support.slow_values import Rated, Seen, SlowPromise


@dataclass(frozen=True, kw_only=True)
class Around:
    """What a sale meets that is not of this card: averages, and what others earned today."""

    member_average: int | None = None
    shop_average: int | None = None
    others: int = 0


NOTHING = Around()


@dataclass(eq=False)
class SlowSale:
    activity: Activity
    seen: Seen
    given: Rated
    standing: dict[str, int]
    carry_change: dict[str, int]
    facts: dict[str, Fact]
    once: set[str]
    counted: int
    promised: list[SlowPromise]
    consumed: list[SlowPromise]
    rewards: list[list[One]]
    paid_back: int = 0
    lines_back: list[Line] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        activity = self.activity
        return max(0, activity.gross_minor - activity.discount_minor - activity.redeemed_minor)

    @property
    def is_back(self) -> bool:
        return self.paid_back >= self.paid > 0


class SlowCard(SlowUnits):
    """One member's card under one version of the terms."""

    def __init__(self, terms: ProgrammeTerms) -> None:
        super().__init__(terms)
        self.sales: list[SlowSale] = []
        self.promises: list[SlowPromise] = []
        self.carry: dict[str, int] = {}
        self.debt: dict[str, int] = {}
        self.facts: dict[str, list[Fact]] = {}
        self.once: set[str] = set()
        self.tier = ""

    # What can be asked.

    def open_promises(self) -> list[SlowPromise]:
        return [one for one in self.promises if one.state == "open"]

    def tally(self, rule: ChallengeRule) -> Tally:
        return tally(rule, self.facts.get(rule.code, []))

    def set_tally(self, rule: SetRule) -> SetTally:
        return set_tally(rule, self.facts.get(rule.code, []))

    def refuses(self, activity: Activity) -> str | None:
        """The limit that refuses a scan, or None."""
        day = self._day(activity.at)
        times = [sale.activity.at for sale in self.sales]
        for limit in self.terms.limits:
            today = [sale for sale in self.sales if self._day(sale.activity.at) == day]
            too_often = limit.kind is LimitKind.EARNS_PER_DAY and len(today) >= limit.most
            too_soon = (
                limit.kind is LimitKind.MINUTES_BETWEEN
                and bool(times)
                and (abs(activity.at - max(times)) < timedelta(minutes=limit.most))
            )
            too_much = limit.kind is LimitKind.SALE_MAX and activity.gross_minor > limit.most
            if too_often or too_soon or too_much:
                return str(limit.kind)
        return None

    # What can happen.

    def joins(self, now: datetime, *, welcomed: bool) -> None:
        rater = SlowRater(
            self.terms, Activity(kind=ActivityKind.JOIN, at=now), self._seen(now, now)
        )
        self.promises += rater.joins(welcomed=welcomed).promised

    def buys(
        self,
        activity: Activity,
        now: datetime,
        *,
        around: Around = NOTHING,
        rewards: list[list[One]] | None = None,
    ) -> Rated:
        self.lets_expire(now)
        seen = self._seen(activity.at, now, around)
        rated = SlowRater(self.terms, activity, seen).rate()
        sale = SlowSale(
            activity=activity,
            seen=seen,
            given=rated,
            standing=dict(rated.units),
            carry_change={u: c - seen.carry.get(u, 0) for u, c in rated.carry.items()},
            facts=dict(rated.facts),
            once=set(rated.once),
            counted=rated.counted,
            promised=list(rated.promised),
            consumed=list(rated.consumed),
            rewards=list(rewards or []),
        )
        self._raise_tier(sale)
        self.sales.append(sale)
        # The rest of the sale is rated under what was used up, not under what lay beside it.
        seen.promises = list(rated.consumed)
        self._receives(rated, activity, now)
        self.carry.update(rated.carry)
        self._remembers(rated)
        self.last_active = max(activity.at, self.last_active or activity.at)
        return rated

    def spends(self, unit: str, units: int, now: datetime) -> list[One]:
        self.lets_expire(now)
        spent = self._spendable(unit, now)[:units]
        for one in spent:
            one.state = "spent"
        self.last_active = max(now, self.last_active or now)
        return spent

    def looks_at_tier(self, now: datetime) -> None:
        if self.terms.tiers is not None:
            self.tier = walk_tiers(self.terms.tiers, self._tier_facts(), self._day(now))

    def gives_back(
        self, number: int, refund: Refund, now: datetime, *, choice: SpentReward | None = None
    ) -> bool:
        """Take a refund; False when staff must be asked first, and nothing happens."""
        sale = self.sales[number]
        whole = sale.paid_back + refund.paid_minor >= sale.paid
        policy = choice or self.terms.spent_reward
        if whole and sale.rewards and policy is SpentReward.ASK:
            return False
        self.lets_expire(now)
        sale.paid_back += refund.paid_minor
        sale.lines_back += refund.lines
        if whole and policy is SpentReward.RESTORE:
            for spent in sale.rewards:
                self._restore(spent, now)
            sale.rewards = []
        rest = None if whole else self._rest(sale)
        rated = SlowRater(self.terms, rest, sale.seen).rate() if rest else Rated()
        for unit in {*sale.standing, *sale.carry_change}:
            gone = max(0, sale.standing.get(unit, 0) - rated.units.get(unit, 0))
            self._takes(unit, gone, number)
            before = sale.seen.carry.get(unit, 0)
            change = rated.carry.get(unit, before) - before
            moved = change - sale.carry_change.get(unit, 0)
            self.carry[unit] = self.carry.get(unit, 0) + moved
            sale.carry_change[unit] = change
        self._forgets(sale, rated)
        self.looks_at_tier(now)
        return True

    def uses(self, promise: SlowPromise, activity: Activity, now: datetime) -> int | None:
        """What a promised discount takes off, or None when it cannot be used."""
        left = activity.gross_minor - activity.discount_minor - activity.redeemed_minor
        left -= activity.tip_minor
        for line in activity.lines:
            if line.gift_card:
                left -= line.net_minor + line.tax_minor
        gifts = sum(x.net_minor + x.tax_minor for x in activity.lines if x.gift_card)
        if not promise.is_live(now) or now < promise.granted_at:
            return None
        if left + gifts < promise.least or left <= 0:
            return None
        promise.state = "used"
        self.last_active = max(now, self.last_active or now)
        if promise.grant.kind is GrantKind.PERCENT_OFF_NEXT:
            return floor(Fraction(left * promise.grant.amount, 100))
        return min(left, promise.grant.amount)

    def pays_with(self, rate: PaymentRule, to_pay: int, now: datetime) -> tuple[int, int]:
        """How many units pay how much, one step of the rate after the other; none is (0, 0)."""
        units = minor = 0
        while (
            units + rate.units <= self.spendable(rate.unit, now)
            and minor + rate.minor <= to_pay * rate.max_percent // 100
        ):
            units, minor = units + rate.units, minor + rate.minor
        return (units, minor) if units >= rate.min_units else (0, 0)

    # What a sale leaves, and what a refund takes of it.

    def _seen(self, at: datetime, now: datetime, around: Around = NOTHING) -> Seen:
        today = self._today(at)
        return Seen(
            now=now,
            carry=dict(self.carry),
            today=today,
            shop_today={
                unit.code: today.get(unit.code, 0) + around.others for unit in self.terms.units
            },
            promises=self.open_promises(),
            facts={code: list(facts) for code, facts in self.facts.items()},
            once=set(self.once),
            tier=self.tier,
            purchases=sum(1 for sale in self.sales if not sale.is_back),
            member_average=around.member_average,
            shop_average=around.shop_average,
        )

    def _receives(self, rated: Rated, activity: Activity, now: datetime) -> None:
        sale = len(self.sales) - 1
        for unit in self.terms.units:
            code = unit.code
            owed = self.debt.get(code, 0)
            for part, units in (
                ("ordinary", rated.ordinary.get(code, 0)),
                ("welcome", rated.welcome.get(code, 0)),
            ):
                for _one in range(units):
                    if owed:
                        owed -= 1
                        continue
                    # Without a return window a welcome is a unit like the others.
                    kept = part if unit.pending_days else "ordinary"
                    self.ones.append(self._new(code, activity.at, now, sale=sale, part=kept))
            self.debt[code] = owed
            for number, (pack, units, days) in enumerate(rated.packs):
                for _one in range(units if pack == code else 0):
                    self.ones.append(
                        self._new(
                            code, activity.at, now, sale=sale, part=f"pack{number}", days=days
                        )
                    )

    def _remembers(self, rated: Rated) -> None:
        for code, fact in rated.facts.items():
            self.facts.setdefault(code, []).append(fact)
        self.once |= rated.once
        self.promises += rated.promised
        for promise in rated.consumed:
            promise.state = "used"

    def _forgets(self, sale: SlowSale, rated: Rated) -> None:
        sale.counted = min(sale.counted, rated.counted)
        for code, was in sale.facts.items():
            is_now = rated.facts.get(code)
            found = sale.seen.facts.get(code, [])
            self.facts[code].append(Fact(instead=([*found, was], [*found, is_now or NO_FACT])))
        sale.facts = {code: rated.facts.get(code, NO_FACT) for code in sale.facts}
        self.once -= sale.once - rated.once
        sale.once &= rated.once
        still = {promise.rule for promise in rated.promised}
        for promise in sale.promised:
            if promise.rule not in still and promise.state == "open":
                promise.state = "void"
        for promise in sale.consumed:
            if promise not in rated.consumed:
                promise.state = "open"
        sale.consumed = [one for one in sale.consumed if one in rated.consumed]

    def _takes(self, unit: str, units: int, number: int) -> None:
        sale = self.sales[number]
        sale.standing[unit] = sale.standing.get(unit, 0) - units
        own = [one for one in self.ones if (one.unit, one.sale) == (unit, number)]
        dead = sum(1 for one in own if one.state == "expired") - sale.gone.get(unit, 0)
        gone = min(units, dead)
        sale.gone[unit] = sale.gone.get(unit, 0) + gone
        units -= gone
        here = self._here(unit)
        mine = [one for one in here if one.sale == number]
        others = [one for one in here if one.sale != number]
        for one in [*mine, *others]:
            if units:
                one.state = "taken"
                units -= 1
        if self.terms.debt is DebtPolicy.OWE:
            self.debt[unit] = self.debt.get(unit, 0) + units

    def _restore(self, spent: list[One], now: datetime) -> None:
        grace = self._midnight_after(now, self.terms.restore_days)
        lots = {(one.unit, one.sale, one.part) for one in spent}
        for one in spent:
            one.state = "here"
        for one in self.ones:
            if (one.unit, one.sale, one.part) in lots and self.ends_of(one) < grace:
                one.ends, one.idle_days = grace, None

    def _raise_tier(self, sale: SlowSale) -> None:
        tiers = self.terms.tiers
        if tiers is None:
            return
        day = self._day(sale.activity.at)
        total = sum(
            amount
            for sold, amount in self._tier_facts()
            if sold >= day or counts_on(tiers, sold, day)
        )
        by_money = tiers.basis is TierBasis.SPEND
        total += sale.counted if by_money else sale.given.units.get(tiers.unit, 0)
        self.tier = risen_tier(tiers, self.tier, total)

    def _tier_facts(self) -> list[tuple[date, int]]:
        tiers = self.terms.tiers
        assert tiers is not None
        return [
            (
                self._day(sale.activity.at),
                sale.counted
                if tiers.basis is TierBasis.SPEND
                else sale.standing.get(tiers.unit, 0),
            )
            for sale in self.sales
        ]

    def _rest(self, sale: SlowSale) -> Activity:
        activity = sale.activity
        left = sale.paid - sale.paid_back
        lines, gone_net, gone_tax = list(activity.lines), 0, 0
        for back in sale.lines_back:
            place = next(n for n, line in enumerate(lines) if line.item == back.item)
            line = lines[place]
            gone_net += back.net_minor
            gone_tax += back.tax_minor
            lines[place] = Line(
                item=line.item,
                category=line.category,
                own_brand=line.own_brand,
                counts=line.counts,
                gift_card=line.gift_card,
                quantity=line.quantity - back.quantity,
                net_minor=line.net_minor - back.net_minor,
                tax_minor=line.tax_minor - back.tax_minor,
            )
        share = Fraction(left, sale.paid - min(gone_net + gone_tax, sale.paid_back))
        tax = max(0, activity.tax_minor - gone_tax)
        both = min(left, floor((tax + activity.tip_minor) * share))
        tip = min(both, floor(activity.tip_minor * share))
        discount = floor(activity.discount_minor * share)
        return Activity(
            kind=activity.kind,
            at=activity.at,
            gross_minor=left + discount + activity.redeemed_minor,
            tax_minor=both - tip,
            tip_minor=tip,
            discount_minor=discount,
            redeemed_minor=activity.redeemed_minor,
            visits=activity.visits,
            taps=activity.taps,
            lines=tuple(line for line in lines if line.quantity),
        )

    def _today(self, at: datetime) -> dict[str, int]:
        sums: dict[str, int] = {}
        for sale in self.sales:
            if self._day(sale.activity.at) == self._day(at):
                for unit, units in sale.standing.items():
                    sums[unit] = sums.get(unit, 0) + units
        return sums
