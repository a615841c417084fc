"""What became of a firm's configuration since one night. Names and the fact of a change; never a value."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import AwareDatetime

from muniment.domain.config.snapshot import EnvFile, ServerFile, StoredSecret, TableExport
from muniment.domain.record import Record
from muniment.domain.vault.incomplete import NotRead

type Presence = Literal["same", "changed", "only then", "only now"]

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
# The last line of a key in base64 ends in "=" and looks like a setting without a value.
_PLAIN_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_ROW_NAMES = {"name", "key", "id", "code", "setting", "option"}


class NamesChanged(Record):
    """Of keys or rows. ``others_changed``: there is a difference that has no name that may be shown."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    others_changed: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed or self.others_changed)


class EnvFileDifference(Record):
    path: str
    presence: Presence
    mode_changed: bool = False
    keys: NamesChanged = NamesChanged()


class SecretDifference(Record):
    name: str
    presence: Presence


class TableDifference(Record):
    """``rows``: by their first column, where that is a name and unique; ``rows_added`` and ``rows_removed`` count all,
    a changed row as one of each."""

    table: str
    presence: Presence
    columns: NamesChanged = NamesChanged()
    rows: NamesChanged | None = None
    rows_added: int = 0
    rows_removed: int = 0


@dataclass(frozen=True, slots=True)
class Sources:
    """A configuration as it is now. ``unread``: what is named and cannot be read, and why."""

    env_files: tuple[EnvFile, ...] = ()
    secrets: tuple[StoredSecret, ...] = ()
    tables: tuple[TableExport, ...] = ()
    server_files: tuple[ServerFile, ...] = ()
    server_files_unread: tuple[str, ...] = ()
    unread: tuple[NotRead, ...] = ()

    def without(self, unread: Iterable[NotRead]) -> "Sources":
        """Those that could be read then as well: what nobody read that night has neither come nor changed since."""
        names = {(each.what, each.name.replace('"', "")) for each in unread}
        return replace(
            self,
            env_files=tuple(each for each in self.env_files if ("file", each.path) not in names),
            secrets=tuple(
                each for each in self.secrets if {("secret", each.name), ("secret", each.arn)}.isdisjoint(names)
            ),
            tables=tuple(each for each in self.tables if ("table", each.table.replace('"', "")) not in names),
        )


class ConfigDifference(Record):
    firm: str
    config: str
    taken_at: AwareDatetime
    compared_at: AwareDatetime
    env_files: tuple[EnvFileDifference, ...]
    secrets: tuple[SecretDifference, ...]
    tables: tuple[TableDifference, ...]
    server_files: tuple[EnvFileDifference, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        files, secrets, tables = (*self.env_files, *self.server_files), self.secrets, self.tables
        presences = {*(f.presence for f in files), *(s.presence for s in secrets), *(t.presence for t in tables)}
        return not self.unreadable and presences <= {"same"}


def env_file_differences(then: tuple[EnvFile, ...], now: tuple[EnvFile, ...]) -> Iterator[EnvFileDifference]:
    for path, old, new in _paired({each.path: each for each in then}, {each.path: each for each in now}):
        if old is None or new is None:
            yield EnvFileDifference(path=path, presence=_presence(old, new))
            continue
        keys = _keys_changed(old.content.reveal(), new.content.reveal())
        mode_changed = old.mode != new.mode
        same = keys.is_empty and not mode_changed
        yield EnvFileDifference(path=path, presence="same" if same else "changed", mode_changed=mode_changed, keys=keys)


def server_file_differences(then: tuple[ServerFile, ...], now: tuple[ServerFile, ...]) -> Iterator[EnvFileDifference]:
    """postgresql.conf by its settings' names; of what is written otherwise, that there is a difference."""
    for path, old, new in _paired({each.path: each for each in then}, {each.path: each for each in now}):
        if old is None or new is None:
            yield EnvFileDifference(path=path, presence=_presence(old, new))
            continue
        keys = _keys_changed(old.content.reveal(), new.content.reveal())
        yield EnvFileDifference(path=path, presence="same" if keys.is_empty else "changed", keys=keys)


def secret_differences(then: tuple[StoredSecret, ...], now: tuple[StoredSecret, ...]) -> Iterator[SecretDifference]:
    """By value: a new version of the same value is none."""
    for name, old, new in _paired({each.name: each for each in then}, {each.name: each for each in now}):
        presence = _presence(old, new)
        if old is not None and new is not None and old.value != new.value:
            presence = "changed"
        yield SecretDifference(name=name, presence=presence)


def table_differences(then: tuple[TableExport, ...], now: tuple[TableExport, ...]) -> Iterator[TableDifference]:
    for name, old, new in _paired({each.table: each for each in then}, {each.table: each for each in now}):
        if old is None or new is None:
            yield TableDifference(table=name, presence=_presence(old, new))
            continue
        columns = _changes({c.name: c.type for c in old.columns}, {c.name: c.type for c in new.columns})
        before, after = Counter(_lines(old)), Counter(_lines(new))
        yield TableDifference(
            table=name,
            presence="same" if columns.is_empty and before == after else "changed",
            columns=columns,
            rows=_rows_changed(old, new),
            rows_added=(after - before).total(),
            rows_removed=(before - after).total(),
        )


def _paired[T](then: Mapping[str, T], now: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    for name in sorted(then.keys() | now.keys()):
        yield name, then.get(name), now.get(name)


def _presence(old: object | None, new: object | None) -> Presence:
    if old is None:
        return "only now"
    return "only then" if new is None else "same"


def _changes(then: Mapping[str, object], now: Mapping[str, object], *, others_changed: bool = False) -> NamesChanged:
    return NamesChanged(
        added=tuple(sorted(now.keys() - then.keys())),
        removed=tuple(sorted(then.keys() - now.keys())),
        changed=tuple(sorted(name for name in then.keys() & now.keys() if then[name] != now[name])),
        others_changed=others_changed,
    )


def _keys_changed(then: bytes, now: bytes) -> NamesChanged:
    (old, old_rest), (new, new_rest) = _settings(then), _settings(now)
    return _changes(old, new, others_changed=old_rest != new_rest)


def _settings(content: bytes) -> tuple[dict[str, str], list[str]]:
    """name → value as written, and the lines that are neither a setting, a comment nor empty. Of a name that is set
    twice the last value counts, as for whoever reads the file."""
    found: dict[str, str] = {}
    rest: list[str] = []
    for statement in _statements(content.decode("utf-8", "surrogateescape")):
        match = _ASSIGNMENT.fullmatch(statement)
        if match and (match[2].strip(" =") or _PLAIN_NAME.fullmatch(match[1])):
            found[match[1]] = match[2].strip()
        elif statement.strip() and not statement.lstrip().startswith("#"):
            rest.append(statement)
    return found, rest


def _statements(text: str) -> Iterator[str]:
    """Lines, those of one quoted value together: what a key's second line looks like is nobody's name."""
    waiting: list[str] = []
    quote = ""
    for line in text.splitlines():
        waiting.append(line)
        if not quote:
            value = line.partition("=")[2].lstrip()
            quote = value[0] if value[:1] in {'"', "'"} and not _is_closed(value[1:], value[0]) else ""
        elif _is_closed(line, quote):
            quote = ""
        if not quote:
            yield "\n".join(waiting)
            waiting = []
    if waiting:  # a quote that is never closed: all of it is one value
        yield "\n".join(waiting)


def _is_closed(text: str, quote: str) -> bool:
    return quote in (text.replace('\\"', "") if quote == '"' else text)


def _lines(export: TableExport) -> list[bytes]:
    return export.rows.reveal().splitlines()


def _rows_changed(old: TableExport, new: TableExport) -> NamesChanged | None:
    """``None`` where rows have no name: the first column is another thing, or says the same twice."""
    before, after = _by_name(old), _by_name(new)
    return None if before is None or after is None else _changes(before, after)


def _by_name(export: TableExport) -> dict[str, bytes] | None:
    if not export.columns or export.columns[0].name.lower() not in _ROW_NAMES:
        return None
    rows = _lines(export)
    named = {row.partition(b"\t")[0].decode("utf-8", "replace"): row for row in rows}
    return named if len(named) == len(rows) else None
