from __future__ import annotations

from storage.scope import Scope


class Members:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
