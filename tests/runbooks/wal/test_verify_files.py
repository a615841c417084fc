"""What the ledger of verified WAL tells of each segment, night after night."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from muniment.adapters.host import programs
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.wal.ledgers import KnownFacts, WalLedgers
from muniment.domain.wal.facts import SegmentFacts
from muniment.domain.wal.names import MAGIC_OF_MAJOR, WalSegment, is_segment
from muniment.errors import ProgramMissing
from muniment.ports import utc_now
from muniment.runbooks.wal import read_wal
from muniment.runbooks.wal.read_wal import open_reader
from muniment.runbooks.wal.verify_files import verify_new_files
from tests.fixtures.clusters import ClusterFactory
from tests.fixtures.sites import SiteFactory
from tests.support.archived import Archived, archived_firm, commit_over_a_boundary
from tests.support.progress import Told
from tests.support.stored import rows

pytestmark = pytest.mark.timeout(360)
SEGMENT_BYTES = 2**20


@pytest.fixture
def firm(
    cluster_factory: ClusterFactory,
    site_factory: SiteFactory,
    programs17: PostgresPrograms,
    run_dir: Path,
    tmp_path: Path,
) -> Archived:
    firm = archived_firm(cluster_factory, site_factory, programs17, run_dir / f"wal-{tmp_path.name}")
    rows(firm.cluster, "CREATE TABLE matter (id int)")
    firm.switch()
    return firm


def verify(firm: Archived, *, without: str = "") -> Told:
    told = Told()
    files = {name: found for name, found in firm.store.files().items() if name != without}
    archive = firm.store.archive(files, SEGMENT_BYTES)
    verify_new_files(firm.site, firm.store, files, archive, clock=utc_now, progress=told)
    return told


def known(firm: Archived) -> Mapping[str, SegmentFacts]:
    return KnownFacts(WalLedgers(firm.site.primary, firm.store.system_identifier))


def read_at_once(firm: Archived) -> Mapping[str, SegmentFacts]:
    names = [name for name in firm.store.files() if is_segment(name)]
    with open_reader(firm.store, firm.store.archive(names, SEGMENT_BYTES)) as reader:
        found = reader.facts([WalSegment.parse(name, SEGMENT_BYTES) for name in names])
    return {facts.name: facts for facts in found}


def test_nights_tell_together_what_one_reading_of_everything_tells(
    firm: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_wal, "LONGEST_RUN_BYTES", 2 * SEGMENT_BYTES)
    verify(firm)
    commit_over_a_boundary(firm.cluster, SEGMENT_BYTES)
    firm.push()  # the segment that the commit begins in, and not the one that it ends in
    verify(firm)
    begins_in = max(firm.pushed)
    for number in range(3):
        firm.write(number)
        firm.switch()
    verify(firm)
    assert known(firm) == read_at_once(firm)
    assert [known(firm)[name].ended for name in sorted(firm.pushed)][-3:] == [2, 1, 1]
    assert known(firm)[begins_in].ended == 0


def test_a_segment_that_came_late_corrects_what_was_told_of_the_one_behind(firm: Archived) -> None:
    commit_over_a_boundary(firm.cluster, SEGMENT_BYTES)
    firm.push()
    begins_in = max(firm.pushed)
    firm.switch()
    verify(firm, without=begins_in)
    assert known(firm)[max(firm.pushed)].ended == 0
    verify(firm)
    assert known(firm)[max(firm.pushed)].ended == 1
    assert known(firm) == read_at_once(firm)


def test_without_pg_waldump_of_its_version_wal_is_verified_all_the_same(
    firm: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_bin_dirs", lambda: [firm.cluster.programs.bin_dir])
    magic = next(magic for magic, major in MAGIC_OF_MAJOR.items() if major != firm.cluster.programs.major)
    firm.write(1)
    rows(firm.cluster, "SELECT pg_switch_wal()")
    firm.magic = magic
    firm.push()
    told = verify(firm)
    assert known(firm) == {}
    assert [note[:64] for note in told.notes] == ["a restore to a time will have to read tonight's WAL itself: init"]
    assert verify(firm).notes == []  # everything is in the ledger
    with pytest.raises(ProgramMissing):
        read_at_once(firm)
