"""Every room is in every list, and every module keeps the house's form."""

from __future__ import annotations

import re

from tests.architecture.house import HOUSE, modules, rooms, settings

VAGUE = re.compile(r"_?(utils?|helpers?|managers?|base|misc|common_functions|stuff)(_.*)?\.py")
LINES_MAX = 400
TEST_LINES_MAX = 500
SMALL = 10
# Literal lists, read as a table and not as code.
LISTS = frozenset(
    {
        "storage/tables.py",
        "storage/migrations/versions/0001_initial.py",
        "storage/migrations/versions/0002_programme_rules.py",
    }
)
PAGES = frozenset({"templates"})


def named(path):
    return path.relative_to(HOUSE).as_posix()


def test_the_wheel_holds_every_room_and_the_pages():
    assert set(settings()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == (
        rooms() | PAGES
    )


def test_every_room_is_type_checked():
    assert set(settings()["tool"]["mypy"]["packages"]) == rooms()


def test_every_room_is_under_the_import_rules():
    linter = settings()["tool"]["importlinter"]
    layers = " ".join(linter["contracts"][0]["layers"])

    assert set(linter["root_packages"]) == rooms()
    # The sandbox stands apart: its own two contracts say so.
    assert set(re.findall(r"\w+", layers)) == rooms() - {"sandbox"}


def test_every_room_sorts_as_ours():
    first_party = set(settings()["tool"]["ruff"]["lint"]["isort"]["known-first-party"])

    assert first_party == rooms() | {"tests", "bench"}


def test_every_room_is_searched_for_unsafe_code():
    (line,) = re.findall(r"^ROOMS := (.*)$", (HOUSE / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert set(line.split()) == rooms()


def test_a_module_is_named_after_what_it_holds():
    assert [named(path) for path in modules() if VAGUE.fullmatch(path.name)] == []


def test_a_module_fits_a_reader():
    long = {
        named(path): lines
        for path in modules()
        if named(path) not in LISTS
        and (lines := path.read_text("utf-8").count("\n"))
        > (TEST_LINES_MAX if named(path).startswith("tests/") else LINES_MAX)
    }

    assert long == {}


def test_annotations_cost_nothing_when_a_module_is_imported():
    bare = [
        named(path)
        for path in modules()
        if (text := path.read_text("utf-8")).count("\n") > SMALL
        and "from __future__ import annotations" not in text
    ]

    assert bare == []


def test_no_file_names_the_place_of_this_checkout():
    found = [
        named(path)
        for path in HOUSE.rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".html", ".css", ".js", ".txt", ".in", ".po"}
        and not any(part.startswith(".") for part in path.relative_to(HOUSE).parts)
        and path.is_file()
        and f"{HOUSE}/" in path.read_text("utf-8")
    ]

    assert found == []
