"""A registry on disk that a test may spoil."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from muniment.registry import Registry, load_registry

ROOT = Path(__file__).resolve().parents[2]

type Change = Callable[[dict[str, Any]], object]


def firm_values(firm_id: str = "acme", number: int = 1) -> dict[str, Any]:
    """A sound firm's file; ``number`` makes its keys its own."""
    return {
        "id": firm_id,
        "name": "Acme & Sons",
        "tier": "professional",
        "aws_connection": f"{firm_id}_aws",
        "cluster": {"connection": f"{firm_id}_pg", "database": "practice"},
        "documents": [{"bucket": f"{firm_id}-documents", "region": "us-east-1"}],
        "vaults": {
            "primary": {"bucket": f"{firm_id}-vault-use1", "region": "us-east-1", "kms_key": key_arn(number)},
            "replica": {
                "bucket": f"{firm_id}-vault-usw2",
                "region": "us-west-2",
                "kms_key": key_arn(number + 100, "us-west-2"),
            },
        },
    }


def watch_values() -> dict[str, Any]:
    """A sound watch.yaml: whatever happens is mailed."""
    mail = {"name": "mail", "kind": "smtp", "connection": "smtp_default", "arguments": {"to": "oncall@example.com"}}
    return {"channels": [mail], "routes": [{"tell": ["mail"]}]}


def put(path: str, value: Any) -> Change:
    """Sets ``a.b.c`` of a file's values, making what is missing on the way."""

    def change(values: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            values = values.setdefault(parent, {})
        values[last] = value

    return change


def key_arn(number: int, region: str = "us-east-1") -> str:
    return f"arn:aws:kms:{region}:111122223333:key/00000000-0000-4000-8000-{number:012d}"


class Files:
    """A registry in a folder: the real tiers and application, one sound firm, acme, and a watch that mails."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "firms").mkdir(parents=True)
        for folder in ("policies", "applications"):
            shutil.copytree(ROOT / "include" / folder, root / folder)
        self.write("firms/acme.yaml", firm_values())
        self.write("watch.yaml", watch_values())

    def write(self, name: str, values: dict[str, Any] | str | bytes) -> None:
        content = yaml.safe_dump(values, sort_keys=False) if isinstance(values, dict) else values
        (self.root / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def firm(self, change: Change) -> None:
        """acme's file with ``change`` applied."""
        values = firm_values()
        change(values)
        self.write("firms/acme.yaml", values)

    def policy(self, tier: str, change: Change) -> None:
        values = yaml.safe_load((self.root / f"policies/{tier}.yaml").read_text())
        change(values)
        self.write(f"policies/{tier}.yaml", values)

    def load(self) -> Registry:
        return load_registry(self.root)

    def faults(self) -> list[str]:
        return [str(fault) for fault in self.load().faults]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "registry")
