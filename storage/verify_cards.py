"""The invariants of programmes, cards and deliveries as queries, and the counts beside them.

Run by storage.verify. "P" of the reliability notes: what a phone must show is never less than what
the books say, and nothing claims to be delivered that was not wanted.
"""

from __future__ import annotations

from typing import Final

CARD_RULES: Final[dict[str, tuple[str, str]]] = {
    "programme.terms": (
        "a programme has no terms of its present version",
        """select p.merchant_id, p.id, p.terms_version from programme p where not exists (
            select 1 from terms t where t.merchant_id = p.merchant_id
            and t.programme_id = p.id and t.version = p.terms_version)""",
    ),
    "programme.design": (
        "a programme's published design does not exist",
        """select p.merchant_id, p.id, p.design_version from programme p
        where p.design_version > 0 and not exists (
            select 1 from design d where d.merchant_id = p.merchant_id
            and d.programme_id = p.id and d.version = p.design_version)""",
    ),
    "programme.accounts": (
        "a programme lacks its account for units given out",
        """select p.merchant_id, p.id, p.unit from programme p where not exists (
            select 1 from account a where a.merchant_id = p.merchant_id
            and a.programme_id = p.id and a.kind = 'issued' and a.unit = p.unit)""",
    ),
    "programme.join": (
        "a join code does not lead to its programme",
        """select p.merchant_id, p.id, p.join_code from programme p
        where p.kind = 'card' and not exists (
            select 1 from directory_name n where n.kind = 'join' and n.name = p.join_code
            and n.merchant_id = p.merchant_id and n.subject_id = p.id)""",
    ),
    "member.account": (
        "a member has no account in the programme's unit",
        """select m.merchant_id, m.id from member m
        join programme p on p.merchant_id = m.merchant_id and p.id = m.programme_id
        where not exists (select 1 from account a where a.merchant_id = m.merchant_id
            and a.member_id = m.id and a.programme_id = p.id and a.unit = p.unit)""",
    ),
    "member.pass": (
        "an active member does not have exactly one live card, of the present generation",
        """select m.merchant_id, m.id, count(w.id) from member m
        left join wallet_pass w on w.merchant_id = m.merchant_id and w.member_id = m.id
            and w.voided_at is null
        where m.state = 'active' group by m.merchant_id, m.id, m.generation
        having count(w.id) <> 1 or max(w.generation) <> m.generation""",
    ),
    "pass.programme": (
        "a card is of another programme than its member",
        """select w.merchant_id, w.id from wallet_pass w
        join member m on m.merchant_id = w.merchant_id and m.id = w.member_id
        where w.programme_id <> m.programme_id""",
    ),
    "pass.revision": (
        "a card was stamped or handed out at a revision it never had",
        (
            "select merchant_id, id, revision, stamped_revision, fetched_revision from wallet_pass "
            "where stamped_revision > revision or fetched_revision > revision or revision < 1"
        ),
    ),
    "pass.stamp": (
        "a card bears a number its pass type has not given",
        """select w.merchant_id, w.id, w.stamp from wallet_pass w
        left join pass_type t on t.merchant_id = w.merchant_id and t.id = w.pass_type_id
        where w.stamp > coalesce(t.last_stamp, 0)""",
    ),
    "pass.stamp_twice": (
        "two cards bear one number: a phone could miss one of them",
        (
            "select merchant_id, min(id), pass_type_id, stamp from wallet_pass where stamp > 0 "
            "group by merchant_id, pass_type_id, stamp having count(*) > 1"
        ),
    ),
    "token.subject": (
        "a code or link leads to a card there is not",
        """select t.merchant_id, t.subject_id, t.kind from directory_token t
        where (t.kind = 'barcode' and not exists (select 1 from wallet_pass w
                where w.merchant_id = t.merchant_id and w.id = t.subject_id))
            or (t.kind = 'card' and not exists (select 1 from member m
                where m.merchant_id = t.merchant_id and m.id = t.subject_id))""",
    ),
    "delivery.wanted": (
        "a phone or Google is to be shown something else than the card's present revision",
        """select d.merchant_id, d.id, d.wanted_revision, w.revision from delivery d
        join wallet_pass w on w.merchant_id = d.merchant_id and w.id = d.pass_id
        where d.wanted_revision <> w.revision""",
    ),
    "delivery.ahead": (
        "something counts as delivered that was never wanted",
        (
            "select merchant_id, id, delivered_revision, wanted_revision from delivery "
            "where delivered_revision > wanted_revision or delivered_revision < 0"
        ),
    ),
    "delivery.lease": (
        "a lease has no end, or an end has no lease",
        "select merchant_id, id from delivery where (lease is null) <> (lease_until is null)",
    ),
    "delivery.registration": (
        "a registered phone would never be told of a change",
        """select r.merchant_id, r.id from registration r where not exists (
            select 1 from delivery d where d.merchant_id = r.merchant_id
            and d.channel = 'apple' and d.target_id = r.id
            and d.pass_id = r.pass_id and d.device_id = r.device_id)""",
    ),
    "delivery.target": (
        "a delivery has no target",
        """select d.merchant_id, d.id, d.channel from delivery d
        where (d.channel = 'apple' and not exists (select 1 from registration r
                where r.merchant_id = d.merchant_id and r.id = d.target_id))
            or (d.channel = 'google_object' and (d.pass_id is null or d.pass_id <> d.target_id))
            or (d.channel = 'google_class' and not exists (select 1 from programme p
                where p.merchant_id = d.merchant_id and p.id = d.target_id))""",
    ),
    "device.gone": (
        "a phone that is gone still holds a registration",
        """select r.merchant_id, r.id, v.id from registration r
        join device v on v.merchant_id = r.merchant_id and v.id = r.device_id
        where v.gone_at is not null""",
    ),
    "registration.pass_type": (
        "a card is registered on a phone for another pass type",
        """select r.merchant_id, r.id from registration r
        join device v on v.merchant_id = r.merchant_id and v.id = r.device_id
        join wallet_pass w on w.merchant_id = r.merchant_id and w.id = r.pass_id
        where w.pass_type_id is null or w.pass_type_id <> v.pass_type_id""",
    ),
}

COUNTS: Final[dict[str, str]] = {
    "undelivered": "select count(*) from delivery where wanted_revision > delivered_revision",
    "parked": "select count(*) from delivery "
    "where wanted_revision > delivered_revision and state = 'parked'",
    "unstamped": "select count(*) from wallet_pass "
    "where pass_type_id is not null and revision > stamped_revision",
    "mass_changes": "select count(*) from mass_change where done_at is null",
    "channels_stopped": "select count(*) from breaker",
}
