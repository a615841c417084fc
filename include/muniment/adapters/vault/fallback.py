"""One firm's two vaults as one source: what one lacks or has damaged is taken from the other, and said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from muniment.adapters.vault.authenticity import read_register
from muniment.adapters.vault.vault import Plain, Vault
from muniment.domain.record import Record
from muniment.domain.vault import keys
from muniment.domain.vault.registers import Backup
from muniment.errors import MunimentError


class Substitution(Record):
    """An object that came out of the other vault, and why."""

    key: str
    bucket: str
    taken_from: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key} was taken from {self.taken_from}: {self.reason}"


class EitherVault:
    """``home`` is asked first, always; without ``other`` nobody helps out. Thread-safe."""

    def __init__(self, home: Vault, other: Vault | None, note: Callable[[str], None]) -> None:
        self.home = home
        self._other = other
        self._note = note
        self._substitutions: list[Substitution] = []
        self._lock = Lock()

    @property
    def substitutions(self) -> tuple[Substitution, ...]:
        return tuple(sorted(self._substitutions, key=lambda each: each.key))

    def backup(self, backup_id: str) -> Backup:
        """Raises ``ObjectMissing`` where neither registers it."""
        key = keys.backup_register(backup_id)
        return self._from_either(key, lambda vault: read_register(vault, Backup, key))

    def get(self, key: str, *, sha256: str | None = None) -> bytes:
        """The stored bytes. Raises home's error where neither vault has them whole."""
        return self._from_either(key, lambda vault: vault.get(key, sha256=sha256))

    def _from_either[T](self, key: str, read: Callable[[Vault], T]) -> T:
        try:
            return read(self.home)
        except MunimentError as error:
            if self._other is None:
                raise
            reason = error
        try:
            found = read(self._other)
        except MunimentError:
            raise reason from None
        self._substituted(key, self._other.bucket, reason)
        return found

    def get_sealed(self, key: str, *, sha256: str | None = None) -> bytes:
        return self.home.unseal(key, self.get(key, sha256=sha256))

    @contextmanager
    def opened(self, key: str, *, sha256: str) -> Iterator[Plain]:
        """The content as a stream; whichever vault it lay in, either key opens it."""
        with self.home.unsealing(key, self.get(key, sha256=sha256)) as plain:
            yield plain

    def _substituted(self, key: str, bucket: str, reason: MunimentError) -> None:
        found = Substitution(key=key, bucket=self.home.bucket, taken_from=bucket, reason=reason.what)
        with self._lock:
            self._substitutions.append(found)
        self._note(str(found))
