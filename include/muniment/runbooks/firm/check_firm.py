"""May a backup of this firm start? Everything that stands in its way, at once, each with its remedy."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from muniment.adapters.aws.errors import store_errors
from muniment.adapters.aws.key_probe import key_fault
from muniment.adapters.documents.source_bucket import source_buckets
from muniment.adapters.host.file_systems import free_bytes
from muniment.adapters.host.locales import require_locales
from muniment.adapters.postgres.collations import old_collations
from muniment.adapters.postgres.databases import read_databases
from muniment.adapters.postgres.named_objects import look_up
from muniment.adapters.postgres.server_facts import (
    own_database_fault,
    read_server_facts,
    replication_fault,
    sessions_fault,
)
from muniment.adapters.rows.table_dump import programs_of
from muniment.adapters.site.site import SIDES, Side, Site
from muniment.adapters.vault.catalog import left_out_of_last_backup
from muniment.adapters.vault.vault import Vault
from muniment.domain.collation import findings
from muniment.domain.finding import Finding
from muniment.domain.firm.firm import DocumentBucket
from muniment.domain.firm.named import name_findings, queries_named, tables_named
from muniment.domain.firm.readiness import LACKED, clock_findings, server_findings, space_findings
from muniment.domain.firm.session_findings import (
    closed_findings,
    database_finding,
    locale_finding,
    sessions_finding,
)
from muniment.domain.vault import keys
from muniment.domain.vault.firm_mark import FirmMark
from muniment.errors import (
    CheckFailed,
    KeyUnusable,
    LocaleMissing,
    ObjectMissing,
    Permanent,
    PostgresError,
    ProgramMissing,
    StoreRefused,
    Transient,
)
from muniment.ports import Clock
from muniment.runbooks.identity import replica_away
from muniment.runbooks.vault.create_vaults import LOST, Marks, lost_vault, prove_marks

type Check = Callable[[], Iterator[Finding]]

RUN_DIR = Path(".muniment")


def require_ready(site: Site, *, clock: Clock) -> tuple[Finding, ...]:
    """The warnings. Raises ``CheckFailed`` with every finding where one of them stops a backup."""
    findings = check_firm(site, clock=clock)
    if any(finding.severity == "stop" for finding in findings):
        raise CheckFailed(firm=site.firm.id, findings="\n".join(map(str, findings)))
    return findings


def check_firm(site: Site, *, clock: Clock, run_dir: Path = RUN_DIR) -> tuple[Finding, ...]:
    """Writes nothing. Raises ``WrongCluster`` or ``WrongVault`` before it looks at anything else, and whatever is
    transient; everything else is a finding."""
    try:
        marks = prove_marks(site)
    except StoreRefused:
        # S3 refuses a signature made by a wrong clock, and its answer to HEAD does not say why.
        if wrong := tuple(_clocks(site, clock())):
            return wrong
        raise
    return tuple(finding for check in _checks(site, marks, clock, run_dir) for finding in _found(check))


def _checks(site: Site, marks: Marks, clock: Clock, run_dir: Path) -> Iterator[Check]:
    yield lambda: _clocks(site, clock())
    if fault := own_database_fault(site.postgres):
        yield lambda: iter([database_finding(site.firm.cluster.database, fault)])
    else:
        yield lambda: _server(site, marks["primary"])
        yield lambda: _names(site)
        yield lambda: _sessions(site)
        yield lambda: _collations(site)
    yield lambda: closed_findings(site.postgres.closed_databases())
    yield lambda: _locales(site)
    for side in SIDES:
        yield partial(_vault, site, side, marks) if side in marks else partial(_away, site)
    for side in marks:
        yield partial(_key, site, site.vault(side))
    for place in site.firm.documents:
        yield partial(_documents, site, place)
    for name in site.firm.configuration.env_files:
        yield partial(_env_file, Path(name))
    for name in site.firm.configuration.secrets:
        yield partial(_secret, site, name)
    yield lambda: space_findings(str(run_dir), free_bytes(run_dir))


def _found(check: Check) -> list[Finding]:
    """What we may not see is a finding too, and does not hide the others."""
    try:
        return list(check())
    except (KeyUnusable, ObjectMissing, PostgresError, StoreRefused) as refused:
        if isinstance(refused, Transient):
            raise
        return [Finding(refused.what, refused.what_to_do)]


def _clocks(site: Site, worker: datetime) -> Iterator[Finding]:
    server, store = site.postgres.now(), site.primary.store.clock()
    yield from clock_findings({"this worker": worker, "PostgreSQL": server, "S3": store})


def _server(site: Site, mark: FirmMark | None) -> Iterator[Finding]:
    facts = read_server_facts(site.postgres, left_out_of_last_backup(site.primary) if mark else ())
    yield from server_findings(facts, site.policy, mark.created_at if mark else None)


def _names(site: Site) -> Iterator[Finding]:
    tables, queries = tuple(tables_named(site.firm)), tuple(queries_named(site.policy))
    yield from name_findings(tables, queries, look_up(site.postgres, tables, queries))


def _sessions(site: Site) -> Iterator[Finding]:
    """One by one, then as many as a run has."""
    if fault := replication_fault(site.postgres):
        yield Finding(
            f"the streaming replication protocol cannot be used: {fault}",
            "ALTER ROLE … REPLICATION for the connection's role, and a line for `replication` in pg_hba.conf.",
        )
    elif fault := sessions_fault(site.postgres):
        yield sessions_finding(fault)


def _locales(site: Site) -> Iterator[Finding]:
    """A warning: the backup needs none. Where no PostgreSQL is installed nothing is restored either."""
    with suppress(ProgramMissing):
        try:
            require_locales(site.firm.id, programs_of(site.postgres), read_databases(site.postgres))
        except LocaleMissing as missing:
            yield locale_finding(missing.what, missing.hint)


def _collations(site: Site) -> Iterator[Finding]:
    """In every database that lets us in."""
    for database in site.postgres.databases():
        try:
            yield from findings(old_collations(site.postgres, database))
        except PostgresError:
            continue


def _vault(site: Site, side: Side, marks: Marks) -> Iterator[Finding]:
    vault = site.vault(side)
    if marks[side] is None and lost_vault(site, marks):
        yield Finding(
            f"vault {vault.bucket} in {vault.region}: {LOST}",
            f"find out who removed it; `muniment check {site.firm.id} --replace-lost-vault` makes it anew.",
        )
        return
    if marks[side] is None:
        yield Finding(
            f"vault {vault.bucket} in {vault.region} is not made yet",
            f"nothing to do: the firm's first `muniment backup {site.firm.id}` makes it.",
        )
        return
    for protection, fault in vault.store.missing_protections():
        yield Finding(f"vault {vault.bucket}: {fault}", protection.remedy)


def _away(site: Site) -> Iterator[Finding]:
    """A warning: the primary region's backup is worth having. Nothing can be sealed for the other one without the key
    that stands in for its KMS."""
    away, region = replica_away(site), site.replica.region
    if away is not None:
        yield Finding(
            f"the second region does not answer: {away.what}",
            f"look at the health of S3 and KMS in {region}; the night's recovery point is in the primary vault alone, "
            "and the first night after the region is back brings it over.",
            severity="warning",
        )
    if site.primary.head(keys.STAND_IN_PUBLIC) is None:
        yield Finding(
            f"there is no {keys.STAND_IN_PUBLIC} to stand in for the key of {region}",
            "none until the region answers: the first night with both regions makes it.",
        )


def _key(site: Site, vault: Vault) -> Iterator[Finding]:
    kms = site.clients("kms", vault.region)
    if fault := key_fault(kms, vault.kms_key, vault.context("check_firm")):
        yield Finding(*fault)


def _documents(site: Site, place: DocumentBucket) -> Iterator[Finding]:
    store = source_buckets(site.firm, site.clients)[place.bucket].store
    try:
        is_versioned = store.is_versioned()
        store.holds_anything()  # asked only to see whether the sync may list it
    except ObjectMissing:
        yield Finding(
            f"document bucket {place.bucket} is not there",
            "correct documents in the firm's file, or find out who deleted it.",
        )
        return
    if not is_versioned:
        yield Finding(
            f"document bucket {place.bucket} is not versioned",
            f"`aws s3api put-bucket-versioning --bucket {place.bucket} --region {place.region} "
            "--versioning-configuration Status=Enabled`.",
        )


def _env_file(path: Path) -> Iterator[Finding]:
    """Opened, as the backup will: whoever may not even enter its folder cannot tell whether it is there."""
    try:
        path.open("rb").close()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        yield _lacked(f"{path} is not there", "correct configuration.env_files in the firm's file")
    except OSError:
        yield _lacked(f"{path} cannot be read by this user", "let the user that runs the backup read it")


def _secret(site: Site, name: str) -> Iterator[Finding]:
    """Its value is asked for, because that is the right which the backup needs, and let go at once."""
    try:
        with store_errors("GetSecretValue", name, service="Secrets Manager"):
            site.clients("secretsmanager", site.primary.region).get_secret_value(SecretId=name)
    except ObjectMissing:
        yield _lacked(f"secret {name} is not there", "correct configuration.secrets in the firm's file")
    except Permanent as refused:
        yield _lacked(refused.what, refused.what_to_do.removesuffix("."))


def _lacked(what: str, remedy: str) -> Finding:
    """A warning: one source of the configuration does not cost the firm its night."""
    return Finding(what, f"{remedy}; {LACKED}.", "warning")
