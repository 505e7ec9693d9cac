"""The conversations of an iPhone with a web service: register, ask, fetch, try again, complain.

Every complaint goes to the server's `/v1/log` in the words Apple's phones use, and to the event log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox import web_service
from sandbox.iphone import Card, IPhone, ServiceRecord
from sandbox.pkpass import OpenedPass, PassRefused
from sandbox.web_service import Answer, Changes, ServiceFault

if TYPE_CHECKING:
    from sandbox.iphones import IPhones

# A failed task is tried again after these many seconds, then given up for good.
RETRY_AFTER_S = (2.0, 10.0, 60.0, 300.0)
# The phone forgives what happens this soon after the last change.
GRACE_S = 300.0


class UpdateCalls:
    def __init__(self, phones: IPhones) -> None:
        self._phones = phones

    def register(self, phone: IPhone, card: Card, attempt: int = 0) -> None:
        """Register, then ask at once what changed; a phone with a tag also fetches the pass."""
        phones = self._phones
        with phones.talking(phone):
            if phone.cards.get(card.key) is not card or not card.automatic_updates:
                return
            record = phones.record(phone, card)
            had_tag = record.tag is not None
            task = f"Register task ({_names(record, card)})"
            try:
                status = web_service.register(record, card, phones.token(phone, card.topic))
            except ServiceFault as fault:
                again = lambda: self.register(phone, card, attempt + 1)  # noqa: E731
                self._failed(phone, record, task, fault, attempt=attempt, again=again)
                return
            self._set_registered(phone, card, wanted=True)
            self._event("registered", phone, card, status=status)
            self.ask_what_changed(phone, record, "registration")
            if had_tag:
                self.fetch(phone, card, "registration")

    def unregister(self, phone: IPhone, card: Card, attempt: int = 0) -> None:
        phones = self._phones
        with phones.talking(phone):
            present = phone.cards.get(card.key)
            # Added again meanwhile: taking the registration away now would undo the new one.
            if present is not None and present.automatic_updates:
                return
            record = phones.record(phone, card)
            self._set_registered(phone, card, wanted=False)
            task = f"Unregister task ({_names(record, card)})"
            try:
                status = web_service.unregister(record, card)
            except ServiceFault as fault:
                again = lambda: self.unregister(phone, card, attempt + 1)  # noqa: E731
                self._failed(phone, record, task, fault, attempt=attempt, again=again)
                return
            self._event("unregistered", phone, card, status=status)

    def ask_what_changed(
        self, phone: IPhone, record: ServiceRecord, cause: str, attempt: int = 0
    ) -> None:
        phones = self._phones
        with phones.talking(phone):
            if not phone.registered(record):
                return
            sent = record.tag
            task = (
                f"Get serial #s task (for device {record.device_library_identifier}, pass type "
                f"{record.topic}, last updated {sent or '(null)'}; with web service url "
                f"{record.web_service_url})"
            )
            try:
                changes = web_service.ask_what_changed(record)
            except ServiceFault as fault:
                again = lambda: self.ask_what_changed(phone, record, cause, attempt + 1)  # noqa: E731
                self._failed(phone, record, task, fault, attempt=attempt, again=again)
                return
            phones.events.add(
                "listed", phone=phone.id, topic=record.topic, cause=cause, tag_sent=sent,
                tag=changes.tag, serial_numbers=changes.serial_numbers,
                status=204 if changes.nothing else 200,
            )  # fmt: skip
            self._complain_of_list(phone, record, changes, cause)
            self._take_tag(phone, record, changes)
            self._fetch_listed(phone, record, changes, cause)

    def fetch(self, phone: IPhone, card: Card, cause: str, attempt: int = 0) -> None:
        """Fetch one pass and replace it when it changed."""
        phones = self._phones
        with phones.talking(phone):
            if phone.cards.get(card.key) is not card or not phone.powered:
                return
            record = phones.record(phone, card)
            sent = card.last_modified
            task = (
                f"Get pass task (pass type {card.topic}, serial number {card.serial_number}, "
                f"if-modified-since {sent or '(null)'}; with web service url "
                f"{card.web_service_url})"
            )
            try:
                answer = web_service.get_pass(card)
                opened = self._opened(answer, card)
            except ServiceFault as fault:
                again = lambda: self.fetch(phone, card, cause, attempt + 1)  # noqa: E731
                self._failed(phone, record, task, fault, attempt=attempt, again=again)
                return
            self._take_pass(phone, card, answer, opened, sent=sent, cause=cause)

    def complain(self, phone: IPhone, record: ServiceRecord, text: str) -> None:
        stamp = datetime.fromtimestamp(self._phones.clock.now_s(), UTC)
        web_service.write_log(record.web_service_url, [f"[{stamp:%Y-%m-%d %H:%M:%S} +0000] {text}"])
        # Told last, so that whoever waits for it finds the line in the server's log.
        self._phones.events.add("complained", phone=phone.id, text=text)

    def _failed(
        self, phone: IPhone, record: ServiceRecord, task: str, fault: ServiceFault, *,
        attempt: int, again: Callable[[], None],
    ) -> None:  # fmt: skip
        self.complain(phone, record, f"{task} encountered error: {fault.complaint}")
        if not fault.worth_retrying or attempt >= len(RETRY_AFTER_S):
            self._phones.events.add("gave_up", phone=phone.id, task=task)
            return
        self._phones.agenda.at(self._phones.clock.now_s() + RETRY_AFTER_S[attempt], again)

    def _complain_of_list(
        self, phone: IPhone, record: ServiceRecord, changes: Changes, cause: str
    ) -> None:
        head = f"Web service error for {record.topic} ({record.web_service_url}):"
        count = len(changes.serial_numbers)
        old = self._phones.clock.now_s() - record.tag_at > GRACE_S
        if not count and cause == "push" and record.tag is not None and old:
            self.complain(
                phone, record,
                f"{head} Device received spurious push. Request for passesUpdatedSince "
                f"'{record.tag}' returned no serial numbers. "
                f"(Device = {record.device_library_identifier})",
            )  # fmt: skip
        asked = f"{head} Response to 'What changed?' request included {count} serial numbers but"
        if count and changes.tag is None:
            self.complain(phone, record, f"{asked} omitted a lastUpdated tag.")
        elif count and changes.tag == record.tag:
            text = f"{asked} the lastUpdated tag ({changes.tag}) remained the same."
            self.complain(phone, record, text)

    def _take_tag(self, phone: IPhone, record: ServiceRecord, changes: Changes) -> None:
        if changes.tag is None or changes.tag == record.tag:
            return
        with self._phones.lock:
            record.tag, record.tag_at = changes.tag, self._phones.clock.now_s()
            self._phones.save(phone)

    def _fetch_listed(
        self, phone: IPhone, record: ServiceRecord, changes: Changes, cause: str
    ) -> None:
        by_serial = {card.serial_number: card for card in phone.registered(record)}
        for serial in changes.serial_numbers:
            if serial in by_serial:
                self.fetch(phone, by_serial[serial], cause)
            else:
                self.complain(
                    phone, record,
                    f"Web service error for {record.topic} ({record.web_service_url}): "
                    f"Update requested for unregistered serial number {serial}",
                )  # fmt: skip

    def _opened(self, answer: Answer, card: Card) -> OpenedPass | None:
        if answer.status == 304:
            return None
        try:
            opened = self._phones.check(answer.body)
        except PassRefused as error:
            self._phones.events.add("pass.refused", serial_number=card.serial_number,
                                    topic=card.topic, reason=str(error))  # fmt: skip
            raise ServiceFault("Received invalid pass data", worth_retrying=False) from error
        if opened.pass_type_identifier != card.topic:
            raise ServiceFault("Received invalid pass data", worth_retrying=False)
        if opened.serial_number != card.serial_number:
            words = f"Requested serial number {card.serial_number}, received {opened.serial_number}"
            raise ServiceFault(words, worth_retrying=False)
        return opened

    def _take_pass(
        self, phone: IPhone, card: Card, answer: Answer, opened: OpenedPass | None, *,
        sent: str | None, cause: str,
    ) -> None:  # fmt: skip
        phones = self._phones
        old = phones.opened(phone, card)
        changed = opened is not None and opened.manifest_hash != old.manifest_hash
        self._complain_of_pass(phone, card, answer, changed=changed, sent=sent, cause=cause)
        moved = self._keep(phone, card, answer, opened if changed else None)
        self._event(
            "fetched", phone, card, status=answer.status, changed=changed, cause=cause,
            if_modified_since=sent, last_modified=card.last_modified,
            values=(opened or old).values(), changes=_changes(old, opened or old),
        )  # fmt: skip
        if opened is not None and changed:
            phones.show_notice(phone, old, opened)
        if moved:
            phones.agenda.soon(lambda: self.register(phone, card))

    def _keep(self, phone: IPhone, card: Card, answer: Answer, opened: OpenedPass | None) -> bool:
        """Store what came; True when the pass moved to another web service."""
        phones = self._phones
        with phones.lock:
            if answer.status == 200:
                card.last_modified = answer.headers.get("Last-Modified")
            if opened is None:
                phones.save(phone)
                return False
            # An update never changes the authentication token of an installed pass.
            card.changed_at = phones.clock.now_s()
            address = str(opened.pass_json.get("webServiceURL", "")).rstrip("/")
            moved = address not in {card.web_service_url, ""}
            card.web_service_url = address or card.web_service_url
            phones.remember(phone, card, opened, answer.body)
            return moved

    def _complain_of_pass(
        self, phone: IPhone, card: Card, answer: Answer, *,
        changed: bool, sent: str | None, cause: str,
    ) -> None:  # fmt: skip
        record = self._phones.record(phone, card)
        head = f"Web service error for {card.topic} ({card.web_service_url}):"
        serial = card.serial_number
        long_ago = self._phones.clock.now_s() - card.changed_at > GRACE_S
        if not changed and long_ago and cause in {"push", "power"}:
            text = (
                f"Server requested update to serial number '{serial}', but the pass was unchanged."
            )
            self.complain(phone, record, f"{head} {text}")
        if answer.status != 200:
            return
        if not changed and sent is not None:
            self.complain(
                phone, record,
                f"{head} Server ignored the 'if-modified-since' header ({sent}) and returned the "
                f"full unchanged pass data for serial number '{serial}'.",
            )  # fmt: skip
        if "Last-Modified" not in answer.headers:
            self.complain(
                phone, record,
                f"{head} Server returned the pass data for serial number '{serial}' but did not "
                f"provide a 'last-modified' header.",
            )  # fmt: skip

    def _set_registered(self, phone: IPhone, card: Card, *, wanted: bool) -> None:
        with self._phones.lock:
            card.registered = wanted
            self._phones.save(phone)

    def _event(self, kind: str, phone: IPhone, card: Card, **facts: object) -> None:
        self._phones.events.add(
            kind, phone=phone.id, topic=card.topic, serial_number=card.serial_number, **facts
        )


def _changes(old: OpenedPass, new: OpenedPass) -> dict[str, object]:
    before = old.values()
    return {key: value for key, value in new.values().items() if before.get(key) != value}


def _names(record: ServiceRecord, card: Card) -> str:
    return (
        f"for device {record.device_library_identifier}, pass type {card.topic}, serial number "
        f"{card.serial_number}; with web service url {record.web_service_url}"
    )
