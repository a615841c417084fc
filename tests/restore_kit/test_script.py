"""The script by itself: what it imports, which Python reads it, and which names it gives to files."""

import ast
import io
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.domain.restore.kit_page import packages_of
from muniment.domain.wal.names import WalSegment
from muniment.domain.wal.tablespaces import emptied
from muniment.restore_kit import restore
from muniment.runbooks.restore.publish_kit import KIT, SCRIPT
from tests.fixtures.clusters import ROOT
from tests.support.wal_records import SEGMENT_BYTES, Log, creation, record

TEXT = (KIT / SCRIPT).read_text()


def test_python_3_10_reads_it() -> None:
    ast.parse(TEXT, feature_version=(3, 10))
    assert not re.search(r"^from datetime import .*\bUTC\b", TEXT, re.MULTILINE)  # 3.11 has it first


def test_it_imports_nothing_of_ours() -> None:
    modules = re.findall(r"^(?:from|import) ([\w.]+)", TEXT, re.MULTILINE)
    assert "boto3" in modules
    assert not [name for name in modules if name.startswith(("muniment", "airflow", "pydantic", "tenacity"))]


def test_its_packages_are_those_that_muniment_is_tested_with() -> None:
    lock = (ROOT / "requirements.txt").read_text().splitlines()
    assert len(packages_of(TEXT)) == 4
    assert [package for package in packages_of(TEXT) if package not in lock] == []


@given(st.lists(st.tuples(st.just("matters"), st.text(min_size=1, max_size=300)), unique=True))
def test_every_key_has_a_name_of_its_own_inside_the_folder(keys: list[tuple[str, str]]) -> None:
    names = list(restore.file_names(keys))
    assert len({name.casefold() for name in names}) == len(keys)
    for name in names:
        parts = name.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert all(len(part.encode("utf-8", "surrogatepass")) < 256 for part in parts)
        assert not any(other.casefold().startswith(f"{name.casefold()}/") for other in names)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Wills & Trusts/Müller.pdf", "b/Wills & Trusts/Müller.pdf"),
        ("../../etc/passwd", "b/%2E%2E/%2E%2E/etc/passwd"),
        ("/absolute", "b/%/absolute"),
        ("folder/", "b/folder/%"),
        ("a\\b:c", "b/a%5Cb%3Ac"),
        ("100%", "b/100%25"),
    ],
)
def test_a_name_is_as_readable_as_is_safe(key: str, name: str) -> None:
    assert list(restore.file_names([("b", key)])) == [name]


@pytest.mark.parametrize("name", ["../outside", "/outside", "base/../../outside"])
def test_a_tar_member_that_points_outside_is_refused(name: str, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(restore.Refused, match="does not belong"):
        restore.extract([packed.getvalue()], tmp_path / "data")
    assert list(tmp_path.rglob("outside")) == []


def test_a_link_is_not_followed_and_not_made(tmp_path: Path) -> None:
    packed, link = io.BytesIO(), tarfile.TarInfo("base/1")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(link)
    with pytest.raises(restore.Refused):
        restore.extract([packed.getvalue()], tmp_path / "data")


def test_slices_of_any_size_are_one_stream() -> None:
    stream = restore.Joined([b"ab", b"", b"cdefg", b"h"])
    assert [stream.read(3) for _ in range(4)] == [b"abc", b"def", b"gh", b""]


@pytest.mark.parametrize("left", [8, 16, 24, 32, 40, 48, 96])
def test_a_tablespace_that_the_wal_makes_loses_its_path_as_muniment_empties_it(left: int, tmp_path: Path) -> None:
    """Over the border of two segments, within one, and where a timeline has branched off behind it."""
    log = Log().put(creation("/srv/another", oid=7)).fill_until(left).put(creation()).put(record(10, creation()))
    segments = log.segments()
    names = [WalSegment(1, number, SEGMENT_BYTES).name for number in range(len(segments))]
    for name, content in zip(names, segments, strict=True):
        (tmp_path / name).write_bytes(content)
    branch = WalSegment(2, len(segments) - 1, SEGMENT_BYTES).name
    (tmp_path / branch).write_bytes(segments[-1])
    (tmp_path / "00000002.history").write_text("1\t0/9000\tno recovery target specified\n")
    assert restore.empty_locations(tmp_path) == {(7, "/srv/another"), (16389, "/srv/firm/matters")}
    around = [None, *segments, None]
    for number, name in enumerate([*names, branch]):
        at = min(number, len(segments) - 1)
        before, behind = ([each] if each else [] for each in (around[at], around[at + 2]))
        assert (tmp_path / name).read_bytes() == emptied(segments[at], before, behind).content
    assert restore.empty_locations(tmp_path) == set()
