"""One firm's two vaults as one source: what one lacks or has damaged is taken from the other, and said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock

from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Plain, Vault
from muniment.domain.record import Record
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.errors import MunimentError, ObjectMissing, Refused, Transient


class Substitution(Record):
    """An object that came out of the other vault, and why."""

    key: str
    bucket: str
    taken_from: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key} was taken from {self.taken_from}: {self.reason}"


class FallbackVault:
    """The rule of whoever reads one vault and may be helped by the other. Thread-safe.

    ``preferred`` is asked first, always. Where it does not give the thing itself, whether that is missing, damaged,
    refused or not to be had now, ``fallback`` is asked; what it gives is taken, and said. Where neither gives it:

    - preferred's error is raised: it is what stands against the vault that was chosen, and has its remedy;
    - except for what is missing from preferred and damaged or refused in fallback. That it was there is known by then,
      and "missing" would end a recovery before it: fallback's error is raised;
    - a fallback that does not answer says nothing about what is missing from preferred. A lost region is answered by
      preferring the other vault. It is not asked again for what is missing: each file would wait for it.

    ``Refused`` (another firm's vault) is raised at once. Without ``fallback`` nobody helps out.
    """

    def __init__(
        self, preferred: Vault, fallback: Vault | None, note: Callable[[Substitution], object] = lambda _: None
    ) -> None:
        """``note`` is told of each substitution once."""
        self.preferred = preferred
        self.fallback = fallback
        self._note = note
        self._substitutions: dict[str, Substitution] = {}
        self._lock = Lock()
        self._fallback_is_away = Event()

    @property
    def substitutions(self) -> tuple[Substitution, ...]:
        return tuple(self._substitutions[key] for key in sorted(self._substitutions))

    def substitution(self, name: str) -> Substitution | None:
        return self._substitutions.get(name)

    def read[T](self, name: str, ask: Callable[[Vault], T]) -> T:
        """What ``ask`` answers for the first of the two that has it whole; ``name`` is what a person is told of."""
        try:
            return ask(self.preferred)
        except Refused:
            raise
        except MunimentError as error:
            reason = error
        found = self._ask_fallback(ask, reason)
        self._substituted(name, reason)
        return found

    def backup(self, backup_id: str) -> Backup:
        """Raises ``ObjectMissing`` where neither registers it."""
        key = keys.backup_register(backup_id)
        return self.read(key, lambda vault: read_register(vault, Backup, key))

    def get(self, key: str, *, sha256: str | None = None) -> bytes:
        """The stored bytes."""
        return self.read(key, lambda vault: vault.get(key, sha256=sha256))

    def get_sealed(self, key: str, *, sha256: str | None = None) -> bytes:
        return self.preferred.unseal(key, self.get(key, sha256=sha256))

    @contextmanager
    def opened(self, key: str, *, sha256: str) -> Iterator[Plain]:
        """The content as a stream; whichever vault it lay in, either key opens it."""
        with self.preferred.unsealing(key, self.get(key, sha256=sha256)) as plain:
            yield plain

    def _ask_fallback[T](self, ask: Callable[[Vault], T], reason: MunimentError) -> T:
        is_missing = isinstance(reason, ObjectMissing)
        if self.fallback is None or (is_missing and self._fallback_is_away.is_set()):
            raise reason
        try:
            return ask(self.fallback)
        except (ObjectMissing, Transient) as second:
            if is_missing and isinstance(second, Transient):
                self._fallback_is_away.set()
            raise reason from None
        except MunimentError as second:
            if is_missing:
                raise second from reason
            raise reason from second

    def _substituted(self, name: str, reason: MunimentError) -> None:
        assert self.fallback is not None
        bucket, taken_from = self.preferred.bucket, self.fallback.bucket
        found = Substitution(key=name, bucket=bucket, taken_from=taken_from, reason=reason.what)
        with self._lock:
            is_new = name not in self._substitutions
            self._substitutions.setdefault(name, found)
        if is_new:
            self._note(found)
