"""Who was faster: what the second of two tills is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from common.i18n import gettext as _
from common.i18n import ngettext
from storage.book_records import LastRedemption


def who_was_faster(last: LastRedemption, now: datetime) -> str:
    """Who took what, where and how long ago, as far as it is known."""
    seconds = max(0, (now - last.created_at) // timedelta(seconds=1))
    ago = ngettext("%(number)d second ago", "%(number)d seconds ago", seconds)
    facts = {"reward": last.reward_name, "staff": last.staff_name, "till": last.till_name}
    if last.staff_name and last.till_name:
        return _(
            "%(reward)s was already redeemed by %(staff)s at %(till)s, %(ago)s.", **facts, ago=ago
        )
    if last.till_name:
        return _("%(reward)s was already redeemed at %(till)s, %(ago)s.", **facts, ago=ago)
    return _("%(reward)s was already redeemed %(ago)s.", **facts, ago=ago)


def nothing_left(last: LastRedemption | None, now: datetime) -> str:
    """That the last one is gone, and who took it."""
    plain = _("There is none left.")
    return plain if last is None else f"{plain} {who_was_faster(last, now)}"
