"""One YAML file to plain values, with every reason why it cannot be trusted.

Stricter than YAML: a key that is written twice is a fault (PyYAML keeps the last one), so are anchors and tags; and a
time or a date stays the text that was written (YAML 1.1 reads 12:00 as 720).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML was built without libyaml: the same, ten times slower
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

_TEXT = "tag:yaml.org,2002:str"
_SCALARS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float")}
_KEPT_AS_TEXT = {_TEXT, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"}


@dataclass(slots=True)
class Reading:
    """A file's values and faults, each fault with the path of its place in the file ("" for the whole)."""

    values: dict[str, Any] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


def read_yaml(file: Path) -> Reading:
    """Never raises for what a file holds: that is what ``faults`` is for."""
    reading = Reading()
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reading.faults.append(("", f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start}"))
        return reading
    except OSError as error:
        reading.faults.append(("", f"cannot be read: {error.strerror}"))
        return reading
    _parse(text, reading)
    return reading


def _parse(text: str, reading: Reading) -> None:
    try:
        loader = Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        reading.faults.append(("", f"not YAML: {_where(error)}{error.problem or error.context}"))
        return
    except yaml.YAMLError as error:
        reading.faults.append(("", f"not YAML: {str(error).splitlines()[0]}"))
        return
    if not isinstance(node, yaml.MappingNode):
        reading.faults.append(("", "is not a mapping of keys to values"))
        return
    reading.values = _Values(loader, reading.faults).mapping(node, "")


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


class _Values:
    """Nodes to values; SafeConstructor's generators would take three times as long and keep duplicate keys."""

    def __init__(self, loader: Loader, faults: list[tuple[str, str]]) -> None:
        self._loader = loader
        self._faults = faults
        self._seen: set[int] = set()

    def of(self, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._seen:
            self._faults.append((path, "is an alias of another place: write the values out"))
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        return [self.of(item, f"{path}[{number}]") for number, item in enumerate(node.value)]

    def mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            here = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str):
                self._faults.append((path, f"line {key_node.start_mark.line + 1}: a key is plain text"))
            elif key in values:
                self._faults.append((here, f"is written twice, the second time in line {key_node.start_mark.line + 1}"))
            else:
                values[key] = self.of(value_node, here)
        return values

    def _scalar(self, node: yaml.ScalarNode, path: str) -> Any:
        if node.tag in _KEPT_AS_TEXT or (node.tag in _SCALARS and ":" in node.value):
            return node.value
        if node.tag not in _SCALARS:
            self._faults.append((path, f"tag {node.tag} is not used here: write the value alone"))
            return None
        try:
            return self._loader.construct_object(node)
        except ValueError:  # such as 0x_, which YAML 1.1's pattern takes for a number
            return node.value
