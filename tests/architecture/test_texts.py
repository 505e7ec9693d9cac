"""The catalogue and the reference are what the code says today."""

from __future__ import annotations

import gettext
import io

from common.i18n import DOMAIN, LOCALE_FOLDER, languages
from tests.architecture.house import run_script


def test_every_visible_text_is_in_the_catalogue():
    checked = run_script("collect-messages", "--check")

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_language_has_a_compiled_catalogue_that_can_be_read():
    for path in LOCALE_FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"):
        gettext.GNUTranslations(io.BytesIO(path.read_bytes()))
        assert path.with_suffix(".po").exists()
    assert "en" in languages()


def test_the_reference_is_what_the_code_says():
    checked = run_script("write-reference", "--check")

    assert checked.returncode == 0, checked.stdout + checked.stderr
