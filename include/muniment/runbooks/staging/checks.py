"""What has to be so before a restore is staged on this machine. Nothing is fetched before all of it is."""

from pathlib import Path

from muniment.adapters.host.file_systems import require_room
from muniment.adapters.host.locales import require_locales
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.staging.extension_check import require_extensions, require_isolation
from muniment.adapters.staging.records import StagingFolder
from muniment.adapters.vault import catalog
from muniment.adapters.vault.vault import Vault
from muniment.domain.firm.firm import Firm
from muniment.domain.restore.plan import RestorePlan
from muniment.errors import WrongVault
from muniment.runbooks.identity import prove_vault


def require_stageable(vault: Vault, firm: Firm, plan: RestorePlan, folder: StagingFolder) -> None:
    """Raises ``WrongVault``, ``ProgramMissing``, ``ExtensionMissing``, ``LocaleMissing``, ``NoIsolation`` or
    ``DiskFull``."""
    prove_vault(vault)
    if (plan.firm, plan.vault, plan.firm) != (vault.firm, vault.bucket, firm.id):
        raise WrongVault(bucket=vault.bucket, actual=vault.firm, expected=f"{plan.firm}'s plan {plan.id}")
    programs = PostgresPrograms.find(plan.major)
    point = catalog.find_point(vault, plan.point)
    require_extensions(firm.id, programs, point.extensions or ())
    require_locales(firm.id, programs, point.databases or ())
    require_isolation()
    _require_space(plan, folder)


def _require_space(plan: RestorePlan, folder: StagingFolder) -> None:
    """Where a killed run was at work already, its own steps ask for what is still needed."""
    if folder.path.exists():
        return
    claims = [(Path(room.places[0]), room.needed_bytes) for room in plan.space]
    require_room(claims or [(folder.path, plan.space_needed_bytes)])
