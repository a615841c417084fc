"""The one place where object keys of a vault are spelled. The layout is docs/vault-format.md."""

import hashlib

from muniment.domain.wal.names import SystemIdentifier

FIRM = "firm.json"
BASE = "base/"
WAL = "wal/"
POINTS = "points/"
DOCUMENT_OBJECTS = "documents/objects/"
DOCUMENT_SNAPSHOTS = "documents/snapshots/"
CONFIGS = "config/"
HOLDS = "holds/"
VERIFIED = "audit/verified/"
VERIFIED_WAL = "audit/verified/wal/"
DRILLS = "drills/"
BEGUN = ".begun"
BEGUN_JSON = ".begun.json"
SIGN_OFF = ".sign-off"
ACTS = "acts/"
RESTORES = "restores/"
APPROVAL = ".approval.json"
ROLLED_BACK = ".rolled-back.json"
ROLLED_BACK_TOLD = ".rolled-back-told.json"
EXPIRED = "audit/expired/"
STOCK = "audit/stock/"
ADOPTED = "audit/adopted/"
INCIDENTS = "audit/incidents/"
EXPIRING = "audit/expiring.json"
LEASES = "leases/"
RESTORE_KIT = "restore-kit/"
STAND_IN_PRIVATE = "stand-in/private.pem"
STAND_IN_PUBLIC = "stand-in/public.pem"


def backup(backup_id: str) -> str:
    return f"{BASE}{backup_id}/"


def backup_register(backup_id: str) -> str:
    return f"{BASE}{backup_id}/backup.json"


def backup_manifest(backup_id: str) -> str:
    return f"{BASE}{backup_id}/backup_manifest"


def chunk(backup_id: str, archive: str, number: int) -> str:
    """Chunks sort by name: eight digits hold 2 PiB of 16 MiB slices."""
    return f"{BASE}{backup_id}/{archive}/{number:08d}"


def wal(system_identifier: SystemIdentifier, name: str) -> str:
    """``name`` is a segment, a history file or a .backup label; each begins with its timeline's eight digits."""
    return f"{WAL}{system_identifier}/{name[:8]}/{name}"


def wal_prefix(system_identifier: SystemIdentifier) -> str:
    return f"{WAL}{system_identifier}/"


def point(point_id: str) -> str:
    return f"{POINTS}{point_id}.json"


def config(config_id: str) -> str:
    return f"{CONFIGS}{config_id}"


def hold(hold_id: str) -> str:
    return f"{HOLDS}{hold_id}.json"


def lease(lease_id: str) -> str:
    return f"{LEASES}{lease_id}.json"


def expired(plan_id: str) -> str:
    return f"{EXPIRED}{plan_id}"


def stock(stock_id: str) -> str:
    """As the plan of the same night has its id."""
    return f"{STOCK}{stock_id}.json"


def adopted(adoption_id: str) -> str:
    return f"{ADOPTED}{adoption_id}.json"


def incident(incident_id: str, end_id: str) -> str:
    """``end_id``: of the instant at which it was over; one that comes back within a day has another end."""
    return f"{INCIDENTS}{incident_id}/{end_id}.json"


def drill(drill_id: str) -> str:
    """The evidence; what lies beside it has the same key and another ending."""
    return f"{DRILLS}{drill_id}.json"


def begun_drill(drill_id: str) -> str:
    """That it began; without evidence it did not finish."""
    return f"{DRILLS}{drill_id}{BEGUN}.json"


def beside_drill(drill_id: str, ending: str) -> str:
    """Its proof: ``sig`` (DER, as KMS and OpenSSL have it) and ``pem``; or, for a firm without a signing key, ``seal``:
    the sha256 of the evidence, sealed under the vaults' keys. Its pages: ``html``, ``pdf``; ``pages.json``, which tells
    of them, and that one's proof: ``pages.sig`` and ``pages.pem``, or ``pages.seal``."""
    return f"{DRILLS}{drill_id}.{ending}"


def sign_off(drill_id: str) -> str:
    return f"{DRILLS}{drill_id}{SIGN_OFF}.json"


def beside_sign_off(drill_id: str, sha256: str, ending: str) -> str:
    """As ``beside_drill``, named by the record's own sha256 (hex): what a killed sign-off left is in nobody's way."""
    return f"{DRILLS}{drill_id}{SIGN_OFF}.{sha256[:16]}.{ending}"


def act(act_id: str) -> str:
    """How it ended."""
    return f"{ACTS}{act_id}.json"


def begun_act(act_id: str) -> str:
    """That it began; without an end it did not finish."""
    return f"{ACTS}{act_id}{BEGUN_JSON}"


def restore(restore_id: str) -> str:
    return f"{RESTORES}{restore_id}.json"


def restore_approval(restore_id: str, plan_sha256: str) -> str:
    """A run that is cleared may make another plan, which wants an approval of its own."""
    return f"{RESTORES}{restore_id}.{plan_sha256[:16]}{APPROVAL}"


def rolled_back(restore_id: str) -> str:
    return f"{RESTORES}{restore_id}{ROLLED_BACK}"


def rolled_back_told(restore_id: str) -> str:
    return f"{RESTORES}{restore_id}{ROLLED_BACK_TOLD}"


def document_snapshot(snapshot_id: str) -> str:
    return f"{DOCUMENT_SNAPSHOTS}{snapshot_id}"


def document_object(bucket: str, key: str, version_id: str) -> str:
    """A source key may use all 1,024 bytes that S3 allows, so ours carries its digest; the snapshot maps back."""
    digest = hashlib.sha256(f"{bucket}\0{key}\0{version_id}".encode()).hexdigest()
    return f"{DOCUMENT_OBJECTS}{digest[:2]}/{digest}"


def verified_wal_prefix(system_identifier: SystemIdentifier) -> str:
    return f"{VERIFIED_WAL}{system_identifier}/"


def verified_wal(system_identifier: SystemIdentifier, ledger_id: str, first: str, last: str) -> str:
    """``first`` and ``last`` are positions, the sixteen digits that end a segment's name: whoever looks for some WAL
    sees by LIST alone which ledgers may know of it."""
    return f"{verified_wal_prefix(system_identifier)}{ledger_id}.{first}-{last}.json"


def is_sealed(key: str) -> bool:
    """Whether the object there is a message of the Encryption SDK, which proves itself."""
    if key.startswith(BASE):
        return not key.endswith("/backup.json")
    sealed = (WAL, CONFIGS, DOCUMENT_SNAPSHOTS, EXPIRED, STAND_IN_PRIVATE)
    return key.startswith(sealed) or key.endswith(".seal")
