"""The registry as a whole: overrides, sound firms beside broken ones, one firm alone, and how long it takes."""

from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.domain.firm.application import MattersPolicy
from muniment.domain.firm.firm import Firm
from muniment.domain.sql_names import Identifier, TableName
from muniment.domain.units import UNITS_REQUIRED
from muniment.errors import InvalidConfiguration
from muniment.registry import default_root, firm_ids, load_firm, load_registry
from tests.registry.conftest import ROOT, Files, firm_values, put


def test_the_projects_own_registry_is_sound_and_has_one_firm_a_tier() -> None:
    registry = load_registry(ROOT / "include")
    assert registry.faults == ()
    tiers = {firm_id: firm.tier for firm_id, firm in registry.firms.items()}
    assert tiers == {"harbor-lane": "starter", "quill-brandt": "professional", "okafor-steele": "enterprise"}


@pytest.mark.parametrize(
    ("tier", "retention", "window", "audit_log"),
    [("starter", 30, 0, 366), ("professional", 60, 7, 366), ("enterprise", 90, 7, 731)],
)
def test_a_tier_keeps_the_published_promises(
    files: Files, tier: str, retention: int, window: int, audit_log: int
) -> None:
    files.firm(put("tier", tier))
    policy = files.load().firm("acme").policy
    assert policy.tier == tier
    assert policy.retention == timedelta(days=retention)
    assert policy.point_in_time_window == timedelta(days=window)
    assert policy.audit_log == timedelta(days=audit_log)
    assert f"{policy.nightly_window.start:%H:%M}-{policy.nightly_window.end:%H:%M}" == "02:00-04:00"


def test_an_override_changes_its_value_and_no_other(files: Files) -> None:
    before = files.load().firm("acme").policy
    files.firm(put("policy.base_backups.chain_limit", 5))
    after = files.load().firm("acme").policy
    assert after.base_backups.chain_limit == 5
    assert after.model_copy(update={"base_backups": before.base_backups}) == before


def test_an_overridden_list_replaces_the_tiers(files: Files) -> None:
    change = put("policy.control_totals.tables", ["public.only"])
    files.firm(lambda values: [values.update(application="practice"), change(values)])
    totals = files.load().firm("acme").policy.control_totals
    assert totals.tables == (TableName("public", "only"),)
    assert "trust_ledger" in totals.sums


def practice(values: dict[str, Any]) -> None:
    values["application"] = "practice"


@pytest.mark.parametrize("nothing", [None, "none", {}])
def test_a_firm_takes_back_what_its_tier_says(files: Files, nothing: object) -> None:
    """Or its application: a section, a mapping, a list, one name of a mapping; the default is written as none."""
    files.firm(practice)
    before = files.load().firm("acme").policy
    assert before.control_totals.sums
    places = ("control_totals.sums", "drills.smoke_queries", "matters")
    files.firm(lambda values: [practice(values), *(put(f"policy.{place}", copy(nothing))(values) for place in places)])
    after = files.load().firm("acme").policy
    assert (after.control_totals.sums, after.drills.smoke_queries, after.matters) == ({}, {}, MattersPolicy())
    assert after.control_totals.tables == before.control_totals.tables
    if nothing != {}:
        files.firm(lambda values: [practice(values), put("policy.document_references", nothing)(values)])
        assert files.load().firm("acme").policy.document_references == ()


def test_one_name_is_taken_back_and_what_has_no_default_is_not(files: Files) -> None:
    files.firm(practice)
    name = next(iter(files.load().firm("acme").policy.control_totals.sums))
    files.firm(lambda values: [practice(values), put(f"policy.control_totals.sums.{name}", None)(values)])
    assert name not in files.load().firm("acme").policy.control_totals.sums
    files.firm(put("policy.retention", None))
    (fault,) = files.load().faults
    assert str(fault).startswith("firms/acme.yaml: policy.retention: None is not a duration with a unit")


def test_a_broken_file_stops_its_own_firm_only(files: Files) -> None:
    files.write("firms/beta.yaml", "id: [\n")
    registry = files.load()
    assert list(registry.firms) == ["acme"]
    assert list(registry.broken) == ["beta"]
    with pytest.raises(InvalidConfiguration) as raised:
        registry.firm("beta")
    assert str(raised.value) == (
        "1 fault in the configuration:\n"
        "firms/beta.yaml: not YAML: line 2, column 1: did not find expected node content\n"
        "KEPT: everything that was there before\n"
        "HINT: correct each line, then run `muniment firms check`."
    )


def test_a_broken_tier_stops_its_own_firms_only(files: Files) -> None:
    files.write("firms/beta.yaml", {**firm_values("beta", 2), "tier": "starter"})
    files.write("policies/starter.yaml", "tier: [")
    registry = files.load()
    assert list(registry.firms) == ["acme"]
    assert [str(fault) for fault in registry.broken["beta"]] == [
        "firms/beta.yaml: tier: policies/starter.yaml has faults of its own"
    ]


def test_both_sides_of_a_clash_are_stopped(files: Files) -> None:
    values = firm_values("beta", 2)
    put("cluster.connection", "acme_pg")(values)
    files.write("firms/beta.yaml", values)
    files.write("firms/gamma.yaml", firm_values("gamma", 3))
    assert list(files.load().firms) == ["gamma"]


def test_a_firm_that_is_not_there_is_named_with_its_neighbour(files: Files) -> None:
    said = f"firms/acne.yaml: there is no such file in {files.root}; did you mean 'acme'?"
    with pytest.raises(InvalidConfiguration) as raised:
        files.load().firm("acne")
    assert said in str(raised.value)
    with pytest.raises(InvalidConfiguration) as raised:
        load_firm(files.root, "acne")
    assert said in str(raised.value)


def test_one_firm_alone_is_the_same_firm(files: Files) -> None:
    files.firm(put("policy.retention", "75 days"))
    assert load_firm(files.root, "acme") == files.load().firm("acme")


@pytest.mark.parametrize("name", ["firms/beta.yaml", "policies/starter.yaml"])
def test_one_firm_alone_does_not_mind_others_faults(files: Files, name: str) -> None:
    files.write(name, "not: [sound")
    assert load_firm(files.root, "acme").id == "acme"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("firms/acme.yaml", "id: [", "firms/acme.yaml: not YAML: line 2, column 1: did not find expected node content"),
        (
            "policies/professional.yaml",
            "tier: x\n",
            "policies/professional.yaml: retention: is missing: it must be a duration, such as '7 days'",
        ),
    ],
)
def test_one_firm_alone_has_its_own_and_its_tiers_faults(files: Files, name: str, content: str, said: str) -> None:
    files.write(name, content + "\n")
    with pytest.raises(InvalidConfiguration) as raised:
        load_firm(files.root, "acme")
    assert said in str(raised.value).splitlines()


def test_one_firm_alone_with_a_tier_that_is_none(files: Files) -> None:
    files.firm(put("tier", "starer"))
    with pytest.raises(InvalidConfiguration) as raised:
        load_firm(files.root, "acme")
    said = str(raised.value).splitlines()
    assert said[1] == "firms/acme.yaml: tier: 'starer' is not a tier of policies/; did you mean 'starter'?"


def test_a_duplicate_key_stops_one_firm_alone_too(files: Files) -> None:
    file = files.root / "firms/acme.yaml"
    file.write_text(file.read_text() + "name: Other\n")
    with pytest.raises(InvalidConfiguration):
        load_firm(files.root, "acme")


def test_a_sound_registry_is_sound(files: Files) -> None:
    files.load().require_sound()


def test_a_registry_with_faults_is_not(files: Files) -> None:
    files.firm(put("name", 3))
    with pytest.raises(InvalidConfiguration) as raised:
        files.load().require_sound()
    assert "firms/acme.yaml: name: 3 is not text" in str(raised.value)


def test_an_editable_installation_reads_its_project_wherever_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tests/test_wheel.py has the same for a wheel, which has no project of its own."""
    monkeypatch.delenv("MUNIMENT_REGISTRY", raising=False)
    Files(tmp_path / "include")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert default_root() == ROOT / "include"


def test_the_environment_names_the_root(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(files.root))
    assert firm_ids() == ["acme"]
    assert list(load_registry().firms) == ["acme"]


def test_an_editors_copy_is_not_a_firm(files: Files) -> None:
    files.write("firms/.acme.yaml", "half: [written")
    assert files.faults() == []


def test_a_firm_as_json_reads_back_the_same(files: Files) -> None:
    files.firm(put("policy.base_backups.slice_size", "64 MiB"))
    firm = files.load().firm("acme")
    assert Firm.model_validate_json(firm.model_dump_json(), context=UNITS_REQUIRED) == firm


def test_python_may_say_numbers_where_a_file_must_say_units(files: Files) -> None:
    policy = files.load().firm("acme").policy.model_dump()
    policy["base_backups"]["slice_size"] = 64 * 2**20
    assert type(files.load().firm("acme").policy).model_validate(policy).base_backups.slice_size == 64 * 2**20


def test_a_thousand_firms_are_read(tmp_path: Path) -> None:
    files = Files(tmp_path / "many")
    for number in range(2, 1001):
        files.write(f"firms/firm-{number}.yaml", firm_values(f"firm-{number}", 1000 * number))
    assert len(files.load().firms) == 1000


def test_a_firm_names_the_application_whose_schema_it_has(files: Files) -> None:
    files.firm(lambda values: values.update(application="practice"))
    files.write("applications/broken.yaml", {"matters": {"links": 3}})
    registry = files.load()
    assert registry.firms["acme"].policy.matters.table == TableName("practice", "matters")
    assert load_firm(files.root, "acme") == registry.firms["acme"]
    assert [str(fault) for fault in registry.faults] == ["applications/broken.yaml: matters.links: 3 is not a list"]


def test_a_firm_overrides_what_its_application_says(files: Files) -> None:
    files.firm(lambda values: values.update(application="practice", policy={"matters": {"table": "law.cases"}}))
    found = files.load().firms["acme"].policy
    assert (found.matters.table, found.matters.key) == (TableName("law", "cases"), Identifier("number"))
    assert found.retention == timedelta(days=60)


@pytest.mark.parametrize("nothing", ["none", None])
def test_a_firm_may_say_that_it_has_no_application(files: Files, nothing: str | None) -> None:
    """As docs/configuration.md writes the default. The files of others are not read for it."""
    files.write("applications/other.yaml", "not: [an application")
    files.firm(put("application", nothing))
    assert files.load().firm("acme").application is None
    assert load_firm(files.root, "acme").application is None


def test_the_least_that_a_firm_needs_names_no_table(files: Files) -> None:
    """Tiers carry promises. What the demonstration's databases hold stopped the first night of everybody else."""
    policy = files.load().firms["acme"].policy
    assert (policy.control_totals.tables, policy.matters.table, policy.document_references) == ((), None, ())
    assert (policy.drills.balances, policy.drills.smoke_queries) == ({}, {})


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("practise", "'practise' is not an application of applications/; did you mean 'practice'?"),
        ("broken", "applications/broken.yaml has faults of its own"),
    ],
)
def test_an_application_that_cannot_be_had(files: Files, named: str, said: str) -> None:
    files.write("applications/broken.yaml", {"retention": "3 days"})
    files.firm(lambda values: values.update(application=named))
    faults = [
        "applications/broken.yaml: retention: unknown key; "
        "there are: control_totals, document_references, drills, matters",
        f"firms/acme.yaml: application: {said}",
    ]
    assert files.faults() == faults
    with pytest.raises(InvalidConfiguration) as refused:
        load_firm(files.root, "acme")
    assert faults[1] in str(refused.value)
