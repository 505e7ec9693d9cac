from __future__ import annotations

from storage.scope import Scope


class Deliveries:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
