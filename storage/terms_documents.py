"""A programme's terms of either format, from and to the document that is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ledger.any_terms import AnyTerms
from ledger.programme_terms import ProgrammeTerms
from ledger.terms import terms_from_document, terms_to_document
from ledger.terms_document import is_format_2, read_terms, write_terms


def terms_of_document(document: Mapping[str, Any], version: int, *, time_zone: str) -> AnyTerms:
    """The terms of a stored document; `time_zone` is the shop's.

    Raises:
        InvalidInput: it is no document of ours.
    """
    if is_format_2(document):
        return read_terms(document, version=version, time_zone=time_zone)
    return terms_from_document(document, version)


@lru_cache(maxsize=1024)
def terms_of_text(text: str, version: int, time_zone: str) -> AnyTerms:
    """The terms of a document's stored text: reading many rules costs, so it is done once."""
    return terms_of_document(json.loads(text), version, time_zone=time_zone)


def document_of(terms: AnyTerms) -> dict[str, Any]:
    """The document to store."""
    if isinstance(terms, ProgrammeTerms):
        return write_terms(terms)
    return terms_to_document(terms)
