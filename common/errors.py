"""The errors every room raises, as one tree.

    WalletError                      code, status, retryable; facts are attributes, the text is a sentence
    ├─ InvalidInput          422     carries `field`: what to mend
    │  └─ InvalidInputs      422     several at once, in `errors`
    ├─ NotFound              404
    ├─ Conflict              409     the state does not allow it
    │  ├─ InsufficientBalance        carries `available` and `needed`
    │  ├─ AlreadyReversed
    │  ├─ IdempotencyMismatch 422    same key, other body
    │  ├─ OperationInFlight          the same key is being worked on
    │  └─ LimitReached               a cap of the programme or of safety
    ├─ NotAllowed            403     known, but may not
    │  └─ NotSignedIn        401     not known
    ├─ TooMany               429     carries `retry_after_s`
    ├─ Unavailable           503     the database or the disk cannot take it now; retry
    ├─ ConfigurationError    500     at start only: the process must refuse to run
    ├─ SigningError          500     key, certificate or seal
    │  ├─ CertificateExpired
    │  ├─ KeyMismatch
    │  └─ SealBroken
    └─ DeliveryError         502     an outcome of sending; see delivery/outcomes.py

Rules: a docstring is the default sentence; nothing here logs; a code is stable and public.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class WalletError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        """The sentence a person reads; it says what to do."""
        return str(self.args[0])


class InvalidInput(WalletError):
    """A value cannot be used."""

    code = "invalid_input"
    status = 422

    def __init__(self, message: str = "", *, field: str) -> None:
        super().__init__(message)
        self.field = field

    @property
    def errors(self) -> Sequence[Mapping[str, str]]:
        """Every complaint as {field, message}; one here."""
        return [{"field": self.field, "message": self.message}]


class InvalidInputs(InvalidInput):
    """Several values cannot be used."""

    code = "invalid_inputs"

    def __init__(self, complaints: Sequence[InvalidInput]) -> None:
        super().__init__(" ".join(c.message for c in complaints), field=complaints[0].field)
        self.complaints = tuple(complaints)

    @property
    def errors(self) -> Sequence[Mapping[str, str]]:
        """Every complaint as {field, message}."""
        return [{"field": c.field, "message": c.message} for c in self.complaints]


class NotFound(WalletError):
    """There is no such thing here."""

    code = "not_found"
    status = 404


class Conflict(WalletError):
    """The present state does not allow this."""

    code = "conflict"
    status = 409


class InsufficientBalance(Conflict):
    """The card does not hold enough."""

    code = "insufficient_balance"

    def __init__(self, message: str = "", *, available: int, needed: int) -> None:
        super().__init__(message)
        self.available = available
        self.needed = needed


class AlreadyReversed(Conflict):
    """This was already undone."""

    code = "already_reversed"


class AlreadySpent(Conflict):
    """What this earned is already spent, so it cannot be undone."""

    code = "already_spent"

    def __init__(self, message: str = "", *, spent_by: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.spent_by = tuple(spent_by)


class IdempotencyMismatch(Conflict):
    """This key was used before for another request."""

    code = "idempotency_mismatch"
    status = 422


class OperationInFlight(Conflict):
    """The same request is being worked on; ask again in a moment."""

    code = "operation_in_flight"
    retryable = True


class LimitReached(Conflict):
    """A limit of this programme was reached."""

    code = "limit_reached"

    def __init__(self, message: str = "", *, limit: str) -> None:
        super().__init__(message)
        self.limit = limit


class NotAllowed(WalletError):
    """You may not do this."""

    code = "not_allowed"
    status = 403


class NotSignedIn(NotAllowed):
    """Please sign in first."""

    code = "not_signed_in"
    status = 401


class TooMany(WalletError):
    """Too many tries; please wait a moment."""

    code = "too_many"
    status = 429
    retryable = True

    def __init__(self, message: str = "", *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(WalletError):
    """This cannot be stored right now; nothing was changed. Please try again."""

    code = "unavailable"
    status = 503
    retryable = True

    def __init__(self, message: str = "", *, retry_after_s: int = 2) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConfigurationError(WalletError):
    """The settings do not allow a start."""

    code = "configuration"


class SigningError(WalletError):
    """A signature could not be made."""

    code = "signing"


class CertificateExpired(SigningError):
    """The certificate is outside its dates."""

    code = "certificate_expired"


class KeyMismatch(SigningError):
    """The key does not belong to the certificate."""

    code = "key_mismatch"


class SealBroken(SigningError):
    """A sealed value cannot be opened with this key."""

    code = "seal_broken"


class DeliveryError(WalletError):
    """A message could not be handed over."""

    code = "delivery"
    status = 502
