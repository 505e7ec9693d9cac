from __future__ import annotations

from storage.scope import Scope


class Programmes:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
