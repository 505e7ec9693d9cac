"""Who may use the console: an owner lets managers in and out."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from common.errors import InvalidInput
from common.i18n import gettext as _
from loyalty.people import add_manager, remove_manager
from loyalty.sign_in import make_owner_link
from web.console.door import blueprint, done, page
from web.errors import answer, wants_json
from web.forms import Form, refused, shown, text
from web.services import services
from web.sessions import signed_in


@blueprint.get("/people/new")
def new_person() -> ResponseReturnValue:
    """The form."""
    signed_in().require_owner()
    return _form(shown())


@blueprint.post("/people/new")
def add_person() -> ResponseReturnValue:
    """Let a manager in, and show the one-time link to hand over."""
    who = signed_in()
    who.require_owner()
    ctx = services().loyalty
    try:
        email = add_manager(
            ctx, who.merchant_id, email=text("email"), name=text("name"), actor=who.actor()
        )
    except InvalidInput as error:
        return answer(error) if wants_json() else (_form(refused(error)), error.status)
    token = make_owner_link(ctx, who.merchant_id, email)
    link = services().absolute(f"/console/link/{token}")
    return page("person_link.html", email=email, link=link)


@blueprint.post("/people/<id:person_id>/remove")
def remove_person(person_id: int) -> ResponseReturnValue:
    """Take a manager's role away; their sessions for this shop end with it."""
    who = signed_in()
    who.require_owner()
    remove_manager(services().loyalty, who.merchant_id, person_id, actor=who.actor())
    return done(_("This person cannot sign in here any more."), "settings")


def _form(form: Form) -> str:
    return page("person_new.html", form=form)
