"""The rules of a card: the list, a form for each, what changes for members, and publishing.

Every form edits the draft of the whole terms; what counts today stays until the draft is
published. Not done here: the fields (rule_forms.py, programme_forms.py), putting an entry into the
document (rule_entries.py), judging it (the ledger, through loyalty/rule_drafts.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, jsonify, request
from flask.typing import ResponseReturnValue

from common.errors import InvalidInput, InvalidInputs
from common.i18n import gettext as _
from ledger.explain import explain
from loyalty.programmes import ProgrammeView, read_programme
from loyalty.rule_drafts import (
    RulesView,
    discard_rules_draft,
    publish_rules,
    read_rules,
    save_rules_draft,
    withdraw_next_rules,
)
from web.console.door import blueprint, done, page
from web.console.rule_catalogue import (
    field_groups,
    kind_cards,
    kind_fields,
    kind_title,
    section_title,
)
from web.console.rule_entries import (
    Entry,
    Section,
    entries,
    entry,
    with_changed,
    with_new,
    without,
)
from web.console.rule_facts import facts_of, names_of, said_by
from web.console.term_fields import (
    Path,
    TermField,
    field_at,
    first_values,
    read_piece,
    sent_values,
    shown_values,
)
from web.errors import answer, wants_json
from web.forms import Form, shown
from web.services import services
from web.sessions import signed_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A programme's rules on the owner's desk: the programme, the rules, the document edited."""

    programme: ProgrammeView
    rules: RulesView

    @property
    def document(self) -> dict[str, Any]:
        return dict(self.rules.draft or self.rules.document)


@blueprint.get("/cards/<id:programme_id>/rules")
def rules(programme_id: int) -> ResponseReturnValue:
    """Everything the card promises, each line with its way to change it."""
    desk = _desk(programme_id)
    return page(
        "rules/list.html",
        programme=desk.programme,
        rules=desk.rules,
        listed={section: _lines(desk, section) for section in Section},
        titles={section: section_title(section) for section in Section},
        said=explain(desk.rules.draft_terms or desk.rules.terms, _names()),
    )


@blueprint.get("/cards/<id:programme_id>/rules/add")
def rule_choice(programme_id: int) -> ResponseReturnValue:
    """What can be added, with an example each."""
    desk = _desk(programme_id)
    groups = kind_cards(desk.document)
    return page("rules/choose.html", programme=desk.programme, groups=groups)


@blueprint.get("/cards/<id:programme_id>/rules/<section>/add/<kind>")
def new_rule(programme_id: int, section: str, kind: str) -> ResponseReturnValue:
    """The form of one more."""
    desk = _desk(programme_id)
    fields = _fields(desk, section, kind)
    return _form(desk, section, kind, fields=fields, form=shown(first_values(fields)))


@blueprint.post("/cards/<id:programme_id>/rules/<section>/add/<kind>")
def add_rule(programme_id: int, section: str, kind: str) -> ResponseReturnValue:
    """Put one more into the draft."""
    signed_in().require_owner()
    desk = _desk(programme_id)
    return _keep(desk, section, kind, old=None)


@blueprint.get("/cards/<id:programme_id>/rules/<section>/<key>")
def one_rule(programme_id: int, section: str, key: str) -> ResponseReturnValue:
    """The form of one that is there."""
    desk = _desk(programme_id)
    old = entry(desk.document, _section(section), key)
    fields = _fields(desk, section, old.kind)
    values = shown_values(fields, old.piece, currency=_currency())
    return _form(desk, section, old.kind, fields=fields, form=shown(values), old=old)


@blueprint.post("/cards/<id:programme_id>/rules/<section>/<key>")
def save_one_rule(programme_id: int, section: str, key: str) -> ResponseReturnValue:
    """Change one in the draft."""
    signed_in().require_owner()
    desk = _desk(programme_id)
    old = entry(desk.document, _section(section), key)
    return _keep(desk, section, old.kind, old=old)


@blueprint.post("/cards/<id:programme_id>/rules/<section>/<key>/remove")
def remove_rule(programme_id: int, section: str, key: str) -> ResponseReturnValue:
    """Take one out of the draft."""
    who = signed_in()
    who.require_owner()
    desk = _desk(programme_id)
    old = entry(desk.document, _section(section), key)
    try:
        save_rules_draft(
            services().loyalty,
            who.merchant_id,
            programme_id,
            without(desk.document, old),
            actor=who.actor(),
        )
    except InvalidInput as error:
        if wants_json():
            return answer(error)
        fields = _fields(desk, section, old.kind)
        values = shown_values(fields, old.piece, currency=_currency())
        form = Form(values=values, errors=_needed(error))
        return _form(desk, section, old.kind, fields=fields, form=form, old=old), error.status
    return done(_("Taken out. Cards change when you publish."), "rules", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/rules/<section>/say/<kind>")
def say_rule(programme_id: int, section: str, kind: str) -> ResponseReturnValue:
    """What the form means in words, for the script that keeps them beside it."""
    desk = _desk(programme_id)
    fields = _fields(desk, section, kind)
    key = request.form.get("key", "")
    old = entry(desk.document, _section(section), key) if key else None
    try:
        document, path = _document(desk, section, kind, fields=fields, old=old)
        sentences = _said(document, path)
    except InvalidInput:
        sentences = ()
    return jsonify(sentences=list(sentences))


@blueprint.get("/cards/<id:programme_id>/rules/publish")
def check_rules(programme_id: int) -> ResponseReturnValue:
    """What changes for members, what of it is worse, and from when it counts."""
    desk = _desk(programme_id)
    begins = desk.rules.effective_at
    return page(
        "rules/publish.html",
        programme=desk.programme,
        rules=desk.rules,
        waits=begins is not None and begins > services().loyalty.clock.now(),
    )


@blueprint.post("/cards/<id:programme_id>/rules/publish")
def publish_the_rules(programme_id: int) -> ResponseReturnValue:
    """Let the draft count: at once, or after the notice."""
    who = signed_in()
    who.require_owner()
    published = publish_rules(services().loyalty, who.merchant_id, programme_id, actor=who.actor())
    text = (
        _("Published. It counts after the notice; every card says from when.")
        if published.effective_at > services().loyalty.clock.now()
        else _("Published. The rules count from now on.")
    )
    return done(text, "rules", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/rules/discard")
def discard_rules(programme_id: int) -> ResponseReturnValue:
    """Throw the draft away."""
    who = signed_in()
    who.require_owner()
    read_programme(services().loyalty, who.merchant_id, programme_id)
    discard_rules_draft(services().loyalty, who.merchant_id, programme_id, actor=who.actor())
    return done(_("The draft is gone; what counts stays."), "rules", programme_id=programme_id)


@blueprint.post("/cards/<id:programme_id>/rules/withdraw")
def withdraw_rules(programme_id: int) -> ResponseReturnValue:
    """Take back a published change whose notice still runs."""
    who = signed_in()
    who.require_owner()
    read_programme(services().loyalty, who.merchant_id, programme_id)
    withdraw_next_rules(services().loyalty, who.merchant_id, programme_id, actor=who.actor())
    return done(_("The change is taken back."), "rules", programme_id=programme_id)


def _keep(desk: Desk, section: str, kind: str, *, old: Entry | None) -> ResponseReturnValue:
    """Keep a sent form in the draft, or show it again with its complaints."""
    who = signed_in()
    fields = _fields(desk, section, kind)
    path: Path = ()
    try:
        document, path = _document(desk, section, kind, fields=fields, old=old)
        save_rules_draft(
            services().loyalty,
            who.merchant_id,
            desk.programme.id,
            document,
            actor=who.actor(),
        )
    except InvalidInput as error:
        complaints = _placed(error, fields, path)
        if wants_json():
            return answer(complaints)
        errors = {one["field"]: one["message"] for one in reversed(list(complaints.errors))}
        form = Form(values=sent_values(fields, request.form), errors=errors)
        shown_again = _form(desk, section, kind, fields=fields, form=form, old=old)
        return shown_again, error.status
    return done(
        _("Saved in the draft. Members see it when you publish."),
        "rules",
        programme_id=desk.programme.id,
    )


def _document(
    desk: Desk, section: str, kind: str, *, fields: Sequence[TermField], old: Entry | None
) -> tuple[dict[str, Any], Path]:
    piece = read_piece(fields, request.form, currency=_currency())
    if old is not None:
        return with_changed(desk.document, old, piece)
    return with_new(desk.document, _section(section), kind, piece)


def _placed(error: InvalidInput, fields: Sequence[TermField], path: Path) -> InvalidInputs:
    """The complaints with the names of the form's fields; what has no field keeps its place."""
    known = {one.name for one in fields}
    found = []
    for one in error.errors:
        name = one["field"]
        if name not in known:
            steps: Path = tuple(int(step) if step.isdigit() else step for step in name.split("."))
            inside = steps[: len(path)] == path
            name = (field_at(fields, steps[len(path) :], request.form) if inside else "") or name
        found.append(InvalidInput(one["message"], field=name))
    return InvalidInputs(found)


def _needed(error: InvalidInput) -> dict[str, str]:
    return {
        "remove": _("It cannot go, because something else needs it: %(why)s", why=error.message)
    }


def _form(
    desk: Desk,
    section: str,
    kind: str,
    *,
    fields: Sequence[TermField],
    form: Form,
    old: Entry | None = None,
) -> str:
    title, example = kind_title(_section(section), kind)
    return page(
        "rules/form.html",
        programme=desk.programme,
        section=section,
        kind=kind,
        title=title,
        example=example,
        groups=field_groups(fields, form),
        form=form,
        old=old,
        sentences=_said(desk.document, old.path) if old else (),
    )


def _said(document: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    return said_by(document, path, time_zone=signed_in().merchant.time_zone, names=_names())


def _names() -> dict[str, str]:
    return names_of(services().loyalty, signed_in().merchant_id)


def _lines(desk: Desk, section: Section) -> list[tuple[Entry, str, tuple[str, ...]]]:
    """Each entry with its title and its sentences."""
    return [
        (one, kind_title(section, one.kind)[0], _said(desk.document, one.path))
        for one in entries(desk.document, section)
    ]


def _fields(desk: Desk, section: str, kind: str) -> tuple[TermField, ...]:
    who = signed_in()
    facts = facts_of(
        services().loyalty, who.merchant_id, desk.document, currency=_currency(), kind=kind
    )
    try:
        return kind_fields(_section(section), kind, facts)
    except KeyError:
        abort(404)


def _section(text: str) -> Section:
    try:
        return Section(text)
    except ValueError:
        abort(404)


def _desk(programme_id: int) -> Desk:
    ctx, merchant_id = services().loyalty, signed_in().merchant_id
    return Desk(
        programme=read_programme(ctx, merchant_id, programme_id),
        rules=read_rules(ctx, merchant_id, programme_id),
    )


def _currency() -> str:
    return signed_in().merchant.currency
