"""From files to firms. A firm whose file has a fault does not stop the others."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from muniment.adapters.host.project import project_folders
from muniment.domain.firm.firm import Firm
from muniment.errors import InvalidConfiguration, NoRegistry
from muniment.registry.check import (
    Shared,
    check_application_file,
    check_firm_file,
    check_policy_file,
    says_no_application,
)
from muniment.registry.clashes import clashes
from muniment.registry.faults import Fault, did_you_mean
from muniment.registry.yaml_files import read_yaml

ROOT_VARIABLE = "MUNIMENT_REGISTRY"


def default_root() -> Path:
    """``MUNIMENT_REGISTRY``, or the first ``include/`` of a project that has firms/ or policies/.

    Raises ``NoRegistry`` where none has.
    """
    if named := os.environ.get(ROOT_VARIABLE):
        return Path(named)
    looked = [folder / "include" for folder in project_folders()]
    for root in looked:
        if (root / "firms").is_dir() or (root / "policies").is_dir():
            return root
    raise NoRegistry(looked=", ".join(map(str, looked)))


@dataclass(frozen=True, slots=True)
class Registry:
    """``firms`` holds the sound ones; ``faults`` everything that is wrong, in the order of the files."""

    root: Path
    firms: Mapping[str, Firm] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def broken(self) -> Mapping[str, tuple[Fault, ...]]:
        """The firms that are not in ``firms``, by their file's stem, each with its own faults and its tier's."""
        found: dict[str, list[Fault]] = defaultdict(list)
        for fault in self.faults:
            folder, _, name = fault.file.partition("/")
            if folder == "firms" and name:
                found[Path(name).stem].append(fault)
        return {firm_id: tuple(faults) for firm_id, faults in found.items()}

    @property
    def what_is_broken(self) -> Mapping[str, str]:
        """Of each of ``broken``, all its faults in one line."""
        return {firm_id: "; ".join(map(str, faults)) for firm_id, faults in self.broken.items()}

    def firm(self, firm_id: str) -> Firm:
        """Raises ``InvalidConfiguration`` with the firm's faults, or where there is no such firm."""
        if firm_id in self.firms:
            return self.firms[firm_id]
        faults = self.broken.get(firm_id)
        raise invalid(faults or [_unknown(self.root, firm_id, {*self.firms, *self.broken})])

    def require_sound(self) -> None:
        """Raises ``InvalidConfiguration`` with every fault there is."""
        if self.faults:
            raise invalid(self.faults)


def load_registry(root: Path | None = None) -> Registry:
    """Reads and checks everything; one pass over 1,000 firms takes about a second."""
    root = root or default_root()
    shared, faults = _load_shared(root)
    files, unreadable = _read_folder(root, "firms")
    faults += unreadable
    faults += clashes(files)
    firms: dict[str, Firm] = {}
    for name, values in files.items():
        firm, found = check_firm_file(name, values, shared)
        faults += found
        if firm:
            firms[Path(name).stem] = firm
    broken = {fault.file for fault in faults}
    sound = {firm_id: firm for firm_id, firm in firms.items() if f"firms/{firm_id}.yaml" not in broken}
    return Registry(root, sound, tuple(sorted(set(faults))))


def load_firm(root: Path | None, firm_id: str) -> Firm:
    """One firm, from its own file, its tier's and its application's: what a task needs. Clashes with other firms are
    not looked for.

    Raises ``InvalidConfiguration`` with every fault of these files.
    """
    root = root or default_root()
    name = f"firms/{firm_id}.yaml"
    if firm_id not in (known := firm_ids(root)):
        raise invalid([_unknown(root, firm_id, known)])
    reading = read_yaml(root / name)
    faults = [Fault(name, path, what) for path, what in reading.faults]
    if faults and not reading.values:
        raise invalid(faults)
    shared, of_the_shared = _load_shared(root, only=reading.values)
    firm, found = check_firm_file(name, reading.values, shared)
    if firm and not faults:
        return firm
    raise invalid(sorted({*faults, *found, *of_the_shared}))


def queues(registry: Registry) -> list[str]:
    """Of the workers that hold the firms' secrets; also of firms that have a fault, as far as their files name the
    region: a tier's fault breaks all its firms, and the watch goes on by what was said before."""
    named = {firm.queue for firm in registry.firms.values()}
    for firm_id in registry.broken:
        values: Any = read_yaml(registry.root / "firms" / f"{firm_id}.yaml").values
        for key in ("vaults", "primary", "region"):
            values = values.get(key) if isinstance(values, dict) else None
        if isinstance(values, str) and re.fullmatch(r"[a-z0-9-]{1,40}", values):
            named.add(values)
    return sorted(named)


def firm_ids(root: Path | None = None) -> list[str]:
    """The names of the firms' files, unread, sorted."""
    return sorted(file.stem for file in _files((root or default_root()) / "firms") if file.suffix == ".yaml")


def _load_shared(root: Path, only: Mapping[str, Any] | None = None) -> tuple[Shared, list[Fault]]:
    """``only``: the values of the one firm whose tier and application are wanted; the others' files stay unread."""
    named = only or {}
    tiers, faults = _load_sources(root, "policies", check_policy_file, named.get("tier"))
    if not (root / "applications").is_dir():  # a registry may do without
        return Shared(tiers, {}), faults
    # A firm that names no application reads none.
    wanted = None if only is None else "" if says_no_application(named.get("application")) else named["application"]
    applications, found = _load_sources(root, "applications", check_application_file, wanted)
    return Shared(tiers, applications), faults + found


def _load_sources(
    root: Path, folder: str, check: Callable[[str, dict[str, Any]], list[Fault]], only: Any
) -> tuple[dict[str, dict[str, Any] | None], list[Fault]]:
    """File's stem → its values, ``None`` where the file has faults. ``only``: leave the others' contents alone."""
    names = {file.stem for file in _files(root / folder) if file.suffix == ".yaml"}
    files, faults = _read_folder(root, folder, only=only if only in names or only == "" else None)
    for name, values in files.items():
        faults += check(name, values)
    broken = {fault.file for fault in faults}
    sources: dict[str, dict[str, Any] | None] = dict.fromkeys(names)
    sources.update({Path(name).stem: values for name, values in files.items() if name not in broken})
    return sources, faults


def _read_folder(root: Path, folder: str, only: Any = None) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    """File name below the root → values. What cannot be read at all is among the faults alone."""
    if not (root / folder).is_dir():
        return {}, [Fault(folder, "", f"there is no such folder in {root}")]
    files: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    for file in _files(root / folder):
        name = f"{folder}/{file.name}"
        if file.suffix != ".yaml":
            faults.append(Fault(name, "", f"is not read: its name must end in .yaml, {file.stem}.yaml"))
        elif only is None or file.stem == only:
            reading = read_yaml(file)
            if reading.values or not reading.faults:
                files[name] = reading.values
            faults += [Fault(name, path, what) for path, what in reading.faults]
    return files, faults


def _files(folder: Path) -> Iterator[Path]:
    """YAML files under either ending, hidden ones left out (editors' copies)."""
    if folder.is_dir():
        yield from sorted(f for f in folder.iterdir() if f.suffix in (".yaml", ".yml") and not f.name.startswith("."))


def _unknown(root: Path, firm_id: str, known: Iterable[str]) -> Fault:
    return Fault(f"firms/{firm_id}.yaml", "", f"there is no such file in {root}; {did_you_mean(firm_id, known)}")


def invalid(faults: Iterable[Fault]) -> InvalidConfiguration:
    lines = [str(fault) for fault in faults]
    return InvalidConfiguration(count=len(lines), faults="\n".join(lines))
