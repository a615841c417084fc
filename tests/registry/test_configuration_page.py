"""docs/configuration.md says what the models say: a key that is added, or a range that is changed, fails here."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from muniment.domain.firm.application import Application
from muniment.domain.firm.firm import Firm, Policy
from muniment.domain.watch.settings import WatchSettings
from muniment.registry import load_registry
from muniment.registry.keys import Key, keys_of
from tests.registry.conftest import ROOT, Files

PAGE = ROOT / "docs" / "configuration.md"


def section(title: str) -> str:
    return PAGE.read_text().split(f"\n## {title}")[1].split("\n## ")[0]


def rows(text: str) -> list[str]:
    """Each row without its last cell, which is prose."""
    return [line.rsplit(" | ", 1)[0] for line in text.splitlines() if line.startswith("| `")]


def expected(model: type[BaseModel]) -> list[str]:
    return [row(key) for key in keys_of(model).values() if not key.path.startswith("policy.")]


def row(key: Key) -> str:
    value = f"{key.kind}, {key.allowed}" if key.allowed else key.kind
    default = "**required**" if key.required else f"`{key.default}`" if key.default else ""
    return f"| `{key.path}` | {value} | {'' if key.path == 'policy' else default}"


@pytest.mark.parametrize(
    ("title", "model"),
    [("A firm", Firm), ("A tier", Policy), ("An application", Application), ("The watch", WatchSettings)],
)
def test_the_tables_are_the_models(title: str, model: type[BaseModel]) -> None:
    assert rows(section(title)) == expected(model)


def test_every_value_is_shown_as_the_registry_says_it() -> None:
    """Nothing of Python's own names shows through."""
    for model in (Firm, Policy, Application, WatchSettings):
        for key in keys_of(model).values():
            assert "typing." not in key.kind
            assert "<class" not in key.kind


def test_the_example_is_sound(tmp_path: Path) -> None:
    files = Files(tmp_path / "registry")
    (files.root / "firms/acme.yaml").unlink()
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example is not None
    files.write("firms/quill-brandt.yaml", example[1])
    registry = load_registry(files.root)
    assert registry.faults == ()
    assert list(registry.firms) == [yaml.safe_load(example[1])["id"]]


def test_every_variable_that_the_code_reads_is_listed() -> None:
    listed = set(re.findall(r"^\| `(MUNIMENT_\w+)`", PAGE.read_text(), re.MULTILINE))
    read = {
        name
        for file in (ROOT / "include" / "muniment").rglob("*.py")
        for name in re.findall(r"MUNIMENT_[A-Z_]+", file.read_text())
        if not name.endswith("_")
    }
    assert read - {"_MUNIMENT_COMPLETE", "MUNIMENT_COMPLETE"} == listed
