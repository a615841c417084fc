"""The tests stand in the same rooms as what they test, and none of them is another one's library.

That every room of the package stands on a floor is the import contracts' own affair: `exhaustive` in pyproject.toml.
"""

import re
from pathlib import Path

from tests.fixtures.clusters import ROOT

TESTS = ROOT / "tests"
MIRRORED = {
    **{name: f"include/muniment/{name}" for name in ("adapters", "cli", "domain", "registry", "runbooks")},
    "demo": "include/muniment_demo",
    "plugins": "plugins/muniment_airflow",
}
# Tests of something that several modules do together, or of something that is no module: a page, a file of settings.
TOPICS = {
    "adapters/fleet/test_fleet_page.py",
    "adapters/fleet/test_firm_page.py",
    "adapters/fleet/test_promises_page.py",
    "adapters/store/test_store_contract.py",
    "adapters/fleet/test_look.py",
    "adapters/fleet/test_theme.py",
    "adapters/fleet/test_time_line_keys.py",
    "adapters/postgres/test_commits_at_risk.py",
    "adapters/staging/test_isolation_of_files.py",
    "cli/restore/test_cut_over.py",
    "cli/test_cli_page.py",
    "cli/wal/test_database_host.py",
    "cli/wal/test_push_both.py",
    "domain/recovery/test_order.py",
    "domain/retention/test_model.py",
    "domain/watch/test_look_troubles.py",
    "domain/watch/test_one_incident.py",
    "plugins/recovery_page/running/test_in_chromium.py",
    "plugins/recovery_page/running/test_in_the_frame.py",
    "plugins/recovery_page/running/test_rights.py",
    "plugins/recovery_page/running/test_store_away.py",
    "plugins/test_errand_incidents.py",
    "plugins/test_interrupted_cut_over.py",
    "plugins/test_plugins_folder.py",
    "registry/test_airflow_settings.py",
    "registry/test_configuration_page.py",
    "registry/test_registry.py",
    "runbooks/backup/test_left_out.py",
    "runbooks/cut_over/test_layout.py",
    "runbooks/cut_over/test_another_cluster.py",
    "runbooks/cut_over/test_roll_back.py",
    "runbooks/cut_over/test_tablespace.py",
    "runbooks/drill/test_living_tablespace.py",
    "runbooks/fleet/test_instants_of_plans.py",
    "runbooks/leases/test_restore_leased.py",
    "runbooks/restore/test_late_run.py",
    "runbooks/restore/test_living_tablespace.py",
    "runbooks/restore/test_long_chain.py",
    "runbooks/restore/test_restore_from_either.py",
    "runbooks/restore/test_restore_over.py",
    "runbooks/retention/test_stock.py",
    "runbooks/rows/test_matter_values.py",
    "runbooks/rows/test_temporal_keys.py",
    "runbooks/vault/test_verify_beside.py",
    "runbooks/vault/test_verify_every_object.py",
    "runbooks/watch/test_real_pass.py",
    "runbooks/watch/test_watch_rights.py",
}
# In scripts that a test starts, too.
TEST_IMPORTED = re.compile(r"^\s*(?:from|import) [\w.]*\btest_\w+|^\s*from tests[\w.]* import .*\btest_", re.MULTILINE)


def without_a_module() -> set[str]:
    """Tests ``tests/<floor>/<room>/test_<module>.py`` of a module that is not there."""
    found = set()
    for floor, place in MIRRORED.items():
        for file in (TESTS / floor).rglob("test_*.py"):
            room = file.relative_to(TESTS / floor).parent
            if not (ROOT / place / room / file.name.removeprefix("test_")).exists():
                found.add(f"{floor}/{room / file.name}")
    return found


def test_each_test_stands_where_its_module_does() -> None:
    assert without_a_module() == TOPICS


def test_no_test_is_imported() -> None:
    assert TEST_IMPORTED.search("import os\nfrom tests.registry.test_faults import put\n")
    importing = {str(file.relative_to(TESTS)) for file in TESTS.rglob("*.py") if TEST_IMPORTED.search(file.read_text())}
    assert importing - {Path(__file__).name} == set()
