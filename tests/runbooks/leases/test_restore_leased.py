"""A restore says in both vaults what it reads, and looks whether all of it is there before it overwrites anything."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.leases.leases import standing_leases, write
from muniment.domain.leases.lease import LASTS, LONGEST, Expiring, Needs, Standing
from muniment.domain.restore.plan_text import plan_lines
from muniment.domain.vault import keys
from muniment.errors import BeingExpired, PlanOutdated, ProgramFailed, RestoreHalfDone
from muniment.ports import utc_now
from muniment.runbooks.leases.lease_point import lease_plan, release_plan
from muniment.runbooks.restore.restore_cluster import restore_cluster
from tests.fixtures.faults import FaultProxy
from tests.support.interleavings import meanwhile
from tests.support.restores import ROWS, Intruder, Stored, prove_whole, serving
from tests.support.s3 import s3_of, with_store
from tests.support.stored import rows

pytestmark = pytest.mark.timeout(540)


@pytest.fixture
def old(old: Path) -> Path:
    """Some of its files are not as they were."""
    for path in (old / "base" / "5").iterdir():
        if path.is_file() and path.stat().st_size > 8192:
            path.write_bytes(b"\1" * path.stat().st_size)
    return old


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_while_it_fetches_both_vaults_know_what_it_reads(stored: Stored, tmp_path: Path) -> None:
    plan, seen = stored.plan(stored.increment, tmp_path / "data"), list[tuple[Standing, ...]]()

    def look() -> None:
        seen.extend(standing_leases(vault) for vault in stored.site.vaults)

    with meanwhile("GetObject", stored.backup(stored.full).archives[0].chunks[0].key, look, stored.site.primary):
        stored.restore(plan, other=stored.site.replica)
    assert [len(each) for each in seen] == [1, 1]
    for (lease,) in seen:
        assert lease.needs is not None
        assert (lease.needs.points, lease.needs.backups) == ((plan.point,), plan.chain)
        assert lease.needs.configs == (plan.config,)
        (wal,) = lease.needs.wal
        assert (wal.first_segment, wal.last_segment) == (plan.replay.wal.first_segment, plan.replay.wal.last_segment)
        assert lease.reader.startswith(f"a restore to latest into {plan.into} (process ")
    assert [standing_leases(vault) for vault in stored.site.vaults] == [(), ()]


def test_a_plan_says_until_when_it_can_be_carried_out(stored: Stored, tmp_path: Path) -> None:
    plan = stored.plan(stored.full, tmp_path / "data")
    held = lease_plan(stored.site.vaults, plan)
    assert held.held_until is not None
    assert abs(held.held_until - (utc_now() + LASTS)) < timedelta(minutes=1)
    assert held == plan.model_copy(update={"held_until": held.held_until})
    (line,) = [line for line in plan_lines(held) if line.startswith("held")]
    assert f"until {held.held_until:%Y-%m-%d %H:%M:%S} UTC: nothing of it is deleted before then or before" in line
    for vault in stored.site.vaults:
        (lease,) = standing_leases(vault)
        assert abs(lease.until - held.held_until) < timedelta(minutes=1)
    release_plan(stored.site.vaults, held)
    assert [list(vault.list_versions(keys.LEASES)) for vault in stored.site.vaults] == [[], []]


def test_what_has_gone_since_the_plan_was_made_is_found_before_anything_is_overwritten(
    stored: Stored, old: Path, intruder: Intruder, programs17: PostgresPrograms
) -> None:
    plan, before = stored.plan(stored.full, old), files_in(old)
    chunks = [chunk.key for chunk in stored.backup(stored.full).archives[0].chunks]
    for key in (chunks[3], chunks[5]):
        for vault in stored.site.vaults:
            intruder.remove(vault, key)
    with pytest.raises(PlanOutdated) as gone:
        stored.restore(plan, other=stored.site.replica, delta=True, programs=programs17)
    assert str(gone.value) == (
        f"object {chunks[3]} is missing from {stored.site.primary.bucket}: 2 objects that plan {plan.id} of firm"
        f" {plan.firm} needs are not there any more\n"
        f"KEPT: {old} as it was, and every other object; nothing was fetched and nothing was overwritten\n"
        f"HINT: plan again, `muniment restore {plan.firm} --plan` tells what can be reached; or take the other vault"
        " with `--from`."
    )
    assert files_in(old) == before


def test_what_expire_deletes_at_this_moment_is_not_begun_with(stored: Stored, old: Path) -> None:
    plan, before = stored.plan(stored.full, old), files_in(old)
    deletes = Needs(backups=(plan.chain[0],))
    mark = Expiring(id="now", firm=plan.firm, deletes=deletes, lasts_s=3600)
    written = write(stored.site.primary, keys.EXPIRING, mark)
    try:
        with pytest.raises(BeingExpired):
            stored.restore(plan, delta=True)
    finally:
        written.take_away()
    assert files_in(old) == before


def test_damage_in_the_middle_of_a_restore_over_a_cluster_is_said_to_be_there_and_the_restore_goes_on(
    stored: Stored, old: Path, intruder: Intruder, programs17: PostgresPrograms
) -> None:
    plan = stored.plan(stored.full, old)
    (archive,) = stored.backup(stored.full).archives
    largest = max(
        (each for each in archive.members if each.name.startswith("base/5/")), key=lambda each: each.size_bytes
    )
    key = next(chunk.key for chunk in reversed(archive.chunks) if chunk.offset <= largest.offset + 512)
    intruder.damage(stored.site.primary, key)
    with pytest.raises(RestoreHalfDone) as half:
        stored.restore(plan, delta=True, programs=programs17)
    assert str(half.value) == (
        f"the restore over {old} stopped when some of its files were overwritten: object {key} in"
        f" {stored.site.primary.bucket} is damaged: its sha256 is not the registered one\n"
        f"KEPT: every object in the vaults, and the files of {old} that the restore had not reached; no server starts"
        " there\n"
        "HINT: give the same command again when the cause is gone: it goes on; or restore into an empty folder with"
        " `--into`."
    )
    assert not (old / "global" / "pg_control").exists()
    intruder.make_good()
    restored = stored.restore(plan, delta=True, programs=programs17)
    prove_whole(restored, programs17)
    with serving(restored, programs17) as cluster:
        assert rows(cluster, "SELECT count(*) FROM matter") == [(ROWS + 10,)]


def test_a_program_that_fails_leaves_the_cluster_as_it_was(
    stored: Stored, old: Path, tmp_path: Path, programs17: PostgresPrograms
) -> None:
    """Nothing of it goes before what is put together from a chain is whole."""
    broken = tmp_path / "bin"
    broken.mkdir()
    for program in programs17.bin_dir.iterdir():
        (broken / program.name).symlink_to("/bin/false" if program.name == "pg_combinebackup" else program)
    plan, before = stored.plan(stored.increment, old), files_in(old)
    with pytest.raises(ProgramFailed, match="pg_combinebackup ended with status 1") as failed:
        stored.restore(plan, delta=True, programs=replace(programs17, bin_dir=broken))
    after = files_in(old)
    assert {path: after.get(path) for path in before} == before, "beside it lies what was fetched"
    assert "KEPT: every recovery point that is registered" in str(failed.value)
    restored = stored.restore(plan, delta=True, programs=programs17)
    prove_whole(restored, programs17)


def test_the_server_has_a_week_to_fetch_its_wal(stored: Stored, tmp_path: Path, programs17: PostgresPrograms) -> None:
    """Where WAL comes from the vaults, by the server's own restore_command, the lease outlives the restore."""
    site, plan = stored.site, stored.plan(stored.full, tmp_path / "data")
    for path in stored.wal.glob("0000*"):
        key = keys.wal(stored.full.system_identifier, path.name)
        if site.primary.head(key) is None:
            site.primary.put_sealed(key, path.read_bytes(), locked_until=None)
    restore_cluster(site.primary, plan, other=site.replica, programs=programs17)
    for vault in site.vaults:
        (lease,) = standing_leases(vault)
        assert lease.needs is not None
        assert lease.needs == Needs(wal=lease.needs.wal)
        assert lease.needs.wal[0].first_segment == plan.replay.wal.first_segment
        assert lease.until > utc_now() + LONGEST - timedelta(minutes=2)
    release_plan(site.vaults, plan)


def test_without_its_wal_or_its_configuration_nothing_is_begun(
    stored: Stored, tmp_path: Path, intruder: Intruder, programs17: PostgresPrograms
) -> None:
    plan = stored.plan(stored.increment, tmp_path / "data")
    wal = plan.replay.wal.model_copy(update={"first_segment": "0000000100000077000000A0"})
    wal = wal.model_copy(update={"last_segment": "0000000100000077000000A1"})
    away = plan.model_copy(update={"replay": plan.replay.model_copy(update={"wal": wal})})
    with pytest.raises(PlanOutdated) as gone:
        restore_cluster(stored.site.primary, away, programs=programs17)
    number = 0x77 * 256 + 0xA0
    assert gone.value.facts["key"] == f"wal/{stored.full.system_identifier}/…/segment number {number}"
    assert gone.value.facts["count"] == 2
    assert not (tmp_path / "data").exists()


def test_with_the_other_region_away_it_is_leased_where_it_is_read(
    stored: Stored, faulty_store: FaultProxy, tmp_path: Path, programs17: PostgresPrograms
) -> None:
    faulty_store.fail("reset")
    away = with_store(stored.site.replica, s3=s3_of(stored.through(faulty_store)))
    plan = lease_plan((stored.site.primary, away), stored.plan(stored.full, tmp_path / "data"))
    assert plan.held_until is not None
    restored = stored.restore(plan, other=away, programs=programs17)
    prove_whole(restored, programs17)
    release_plan((stored.site.primary, away), plan)
