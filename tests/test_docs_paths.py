"""What the pages, the docstrings and the comments name by its path is there: who moves a file moves its mentions."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.fixtures.clusters import ROOT

ROOMS = "adapters|cli|domain|registry|runbooks"
# In backticks, from the top of the tree or from the package; what follows a space or a colon is about the file.
TICKED = re.compile(rf"`((?:dags|docs|include|plugins|tests|\.ci|{ROOMS})/[^`\s:*<…]*)(?=[`\s:])")
MODULE = re.compile(rf"(?<![\w/.-])(?:include/muniment/)?((?:{ROOMS})/(?:[a-z_]+/)*(?!test_)[a-z_]+\.py)\b")
TEST_FILE = re.compile(r"`(test_\w+\.py)`")
PAGE = re.compile(r"\b[A-Z]{3,}\.md\b")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@cache
def tracked() -> tuple[Path, ...]:
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(ROOT / name for name in told.split("\0") if name and (ROOT / name).is_file())


# CHANGELOG.md tells of what was, and the kit's page of what lies in a vault.
PAGES = [file for file in tracked() if file.suffix == ".md" and file.name not in ("CHANGELOG.md", "RESTORE.md")]
PYTHON = [file for file in tracked() if file.suffix == ".py"]


def is_there(path: str) -> bool:
    return (ROOT / path).exists() or (ROOT / "include" / "muniment" / path).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_files_that_are_there(page: Path) -> None:
    text = page.read_text()
    assert [path for path in (*TICKED.findall(text), *MODULE.findall(text)) if not is_there(path)] == []
    assert {*TEST_FILE.findall(text), *PAGE.findall(text)} <= {file.name for file in tracked()}
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    assert LINK.findall((folder / "README.md").read_text()) == sorted(page.name for page in folder.glob("0*.md"))


def test_docstrings_and_comments_name_files_that_are_there() -> None:
    named = [(file, path) for file in PYTHON for path in MODULE.findall(file.read_text())]
    assert len(named) > 5
    assert [(str(file.relative_to(ROOT)), path) for file, path in named if not is_there(path)] == []


def test_docstrings_and_comments_name_pages_that_are_there() -> None:
    named = {name for file in PYTHON for name in PAGE.findall(file.read_text())}
    assert named <= {file.name for file in tracked()}
