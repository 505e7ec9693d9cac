"""Somebody with a browser that runs no scripts: follows links, fills forms, keeps cookies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import requests


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page: where it goes and what it holds already."""

    action: str
    values: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._by_id: dict[str, Form] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "form":
            form = Form(facts.get("action", ""), {})
            self.forms.append(form)
            self._by_id[facts.get("id", "")] = form
        elif tag == "input" and self.forms and "name" in facts:
            self._note(facts)

    def _note(self, facts: dict[str, str]) -> None:
        kind = facts.get("type", "text")
        if kind == "file" or (kind in {"checkbox", "radio"} and "checked" not in facts):
            return
        form = self._by_id.get(facts.get("form", ""), self.forms[-1])
        form.values[facts["name"]] = facts.get("value", "")


class Visitor:
    """A browser session at one address."""

    def __init__(self, address: str, *, user_agent: str = "Mozilla/5.0 (test)") -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["User-Agent"] = user_agent
        self.page: requests.Response

    def open(self, path: str) -> requests.Response:
        """GET a page; it must answer 200."""
        url = path if path.startswith("http") else self.address + path
        self.page = self.session.get(url, timeout=30)
        assert self.page.status_code == 200, (path, self.page.status_code, self.text[:800])
        return self.page

    def submit(self, action: str, *, status: int | None = 200, **values: Any) -> requests.Response:
        """Fill and send the page's form whose action contains `action`."""
        parser = _Forms()
        parser.feed(self.page.text)
        found = [form for form in parser.forms if action in (form.action or self.page.url)]
        assert found, (action, [form.action for form in parser.forms])
        target = found[0].action or self.page.url
        url = target if target.startswith("http") else self.address + target
        self.page = self.session.post(
            url,
            data={**found[0].values, **values},
            timeout=30,
            allow_redirects=status in {200, None},
        )
        assert status in {None, self.page.status_code}, (
            action,
            self.page.status_code,
            self.text[:1500],
        )
        return self.page

    @property
    def text(self) -> str:
        """The words of the page, without tags."""
        bare = re.sub(r"<(script|style).*?</\1>", " ", self.page.text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare))
