"""Each fault, word for word, alone in an otherwise sound registry."""

from typing import Any

import pytest

from tests.registry.conftest import Change, Files, firm_values, key_arn, put


def drop(path: str) -> Change:
    def change(values: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            values = values[parent]
        del values[last]

    return change


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1nzhZ4bX5fqzKE2Gvx3fZ6vzQ0Cy3tEw7yZz1R9lQm"

IN_A_FIRM: dict[str, tuple[Change, str]] = {
    "an approver's key that is none": (
        put("restore.approvers", [{"name": "lead", "key": "ssh-ed25519 AAAA lead@office"}]),
        "restore.approvers[0].key: what follows ssh-ed25519 is no such key, or not the whole of it",
    ),
    "an approver's private key": (
        put("restore.approvers", ["partner", {"name": "lead", "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb"}]),
        "restore.approvers[1].key: '-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl' is no public key as"
        " ~/.ssh/id_ed25519.pub has it",
    ),
    "one key, one name for two approvers": (
        put("restore.approvers", ["jane", {"name": "lead", "key": KEY, "logins": ["jane"]}, {"name": "x", "key": KEY}]),
        "restore.approvers: 'jane' stands for two of them; lead and x have the same key",
    ),
    "an approver without a name": (
        put("restore.approvers", [{"key": KEY}]),
        "restore.approvers[0].name: is missing: it must be text",
    ),
    "a number without a unit": (
        put("policy.retention", 3),
        "policy.retention: 3 is not a duration with a unit, such as '7 days' or '15 minutes'",
    ),
    "a share without a unit": (
        put("policy.documents.shrink_limit", 20.0),
        "policy.documents.shrink_limit: 20.0 is not a share between 0 % and 100 %, such as '20 %'",
    ),
    "a share over the whole": (
        put("policy.documents.shrink_limit", "101 %"),
        "policy.documents.shrink_limit: '101 %' is not a share between 0 % and 100 %, such as '20 %'",
    ),
    "a size without a unit": (
        put("policy.base_backups.slice_size", 64),
        "policy.base_backups.slice_size: 64 has no unit; write it as '16 MiB'",
    ),
    "a size with a decimal unit": (
        put("policy.base_backups.slice_size", "64 MB"),
        "policy.base_backups.slice_size: '64 MB' is not a size with a unit, such as '16 MiB'",
    ),
    "a time of day that is none": (
        put("policy.nightly_window.start", "25:00"),
        "policy.nightly_window.start: '25:00' is not a time of day, such as '02:00'",
    ),
    "a duration out of range": (
        put("policy.retention", "12 hours"),
        "policy.retention: '12 hours' is outside the allowed range, 1 day to 3660 days",
    ),
    "a size out of range": (
        put("policy.base_backups.slice_size", "1 GiB"),
        "policy.base_backups.slice_size: '1 GiB' is outside the allowed range, 16 MiB to 256 MiB",
    ),
    "a number out of range": (
        put("policy.base_backups.chain_limit", 61),
        "policy.base_backups.chain_limit: 61 is outside the allowed range, 1 to 60",
    ),
    "an optional number out of range": (
        put("policy.base_backups.workers", 0),
        "policy.base_backups.workers: 0 is outside the allowed range, 1 to 64",
    ),
    "text for a number": (
        put("policy.base_backups.chain_limit", "7"),
        "policy.base_backups.chain_limit: '7' is not a whole number",
    ),
    "text for a switch": (
        put("policy.base_backups.incremental", "sometimes"),
        "policy.base_backups.incremental: 'sometimes' is not true or false",
    ),
    "a number for text": (put("name", 7), "name: 7 is not text"),
    "a word that is not in the list": (
        put("policy.object_lock.mode", "strict"),
        "policy.object_lock.mode: 'strict' is not one of governance, compliance, none",
    ),
    "text for a list": (put("documents", "acme-documents"), "documents: 'acme-documents' is not a list"),
    "a number in a list of text": (put("configuration.secrets", [3]), "configuration.secrets[0]: 3 is not text"),
    "a number for a table": (
        put("configuration.tables", [3]),
        "configuration.tables[0]: 3 is not `schema.table` as in SQL",
    ),
    "a table without a schema": (
        put("configuration.tables", ["settings"]),
        "configuration.tables[0]: 'settings' is not of the form schema.table: double quotes around a part with "
        'capitals, blanks or signs, such as practice."TimeEntries"; write public.settings if it is in public',
    ),
    "a name that needs quotes": (
        put("policy.control_totals.sums", {"fees": "practice.Time Entries.fee"}),
        "policy.control_totals.sums.fees: 'practice.Time Entries.fee' is not a name as SQL writes it: double quotes "
        'around a part with capitals, blanks or signs, such as practice."TimeEntries"; '
        'do you mean practice."Time Entries".fee?',
    ),
    "text for a mapping": (
        put("cluster", "acme_pg"),
        "cluster: 'acme_pg' is not a mapping of keys to values",
    ),
    "overrides that are none": (put("policy", 7), "policy: 7 is not a mapping of keys to values"),
    "an argument that is neither": (
        put("contact.told_by", [{"notifier": "a.B", "arguments": {"password": {"not": "shown"}}}]),
        "contact.told_by[0].arguments.password: a mapping is not text or a whole number or true or false or a list",
    ),
    "nothing behind the colon": (
        put("documents", None),
        "documents: is empty: write a list, or leave the key out",
    ),
    "an unknown key near a known one": (
        put("policy.retentoin", "30 days"),
        "policy.retentoin: unknown key; did you mean 'retention'?",
    ),
    "an unknown key": (
        put("policy.nightly_window.colour", "red"),
        "policy.nightly_window.colour: unknown key; there are: end, start",
    ),
    "an unknown key in a list": (
        put("documents", [{"bucket": "acme-documents", "region": "us-east-1", "regoin": "x"}]),
        "documents[0].regoin: unknown key; did you mean 'region'?",
    ),
    "a missing key": (
        drop("cluster.connection"),
        "cluster.connection: is missing: it must be a connection id: letters, digits, '_', '.' and '-'",
    ),
    "a missing part": (drop("vaults.replica"), "vaults.replica: is missing: it must be a mapping of keys to values"),
    "a bad time zone": (
        put("time_zone", "Chicago"),
        "time_zone: 'Chicago' is not a time zone of the IANA database, such as America/Chicago",
    ),
    "a bad region": (
        put("documents", [{"bucket": "acme-documents", "region": "Virginia"}]),
        "documents[0].region: 'Virginia' is not an AWS region, such as us-east-1",
    ),
    "a bad bucket name": (
        put("documents", [{"bucket": "Acme_Documents", "region": "us-east-1"}]),
        "documents[0].bucket: 'Acme_Documents' is not a bucket name: "
        "3 to 63 lower-case letters, digits, dots and hyphens",
    ),
    "an alias for a key": (
        put("vaults.primary.kms_key", "arn:aws:kms:us-east-1:111122223333:alias/acme"),
        "vaults.primary.kms_key: 'arn:aws:kms:us-east-1:111122223333:alias/acme' is not the ARN of a KMS key, "
        "such as arn:aws:kms:us-east-1:111122223333:key/… (an alias cannot decrypt)",
    ),
    "a file under another name": (put("id", "acne"), "id: 'acne' is not the file's name: it must be 'acme'"),
    "a tier that is none": (
        put("tier", "profesional"),
        "tier: 'profesional' is not a tier of policies/; did you mean 'professional'?",
    ),
    "a tier's name in the overrides": (
        put("policy.tier", "starter"),
        "policy.tier: a firm overrides values, not the tier's name: write `tier` at the top",
    ),
    "a server that is started and never stopped": (
        put("cluster.live", {"data_directory": "/srv/live", "start": ["systemctl", "start", "postgresql"]}),
        "cluster.live.stop: start and stop belong together: whoever starts the server knows how it ends",
    ),
    "a queue of nowhere": (
        put("cluster.live", {"queue": "acme-db"}),
        "cluster.live.data_directory: is missing: without it no restore of this firm goes live",
    ),
    "a data directory that is not a whole path": (
        put("cluster.live", {"data_directory": "main/"}),
        "cluster.live.data_directory: 'main/' is not an absolute path, without a slash at its end",
    ),
    "a replica beside the primary": (
        lambda values: values["vaults"]["replica"].update(region="us-east-1", kms_key=key_arn(2)),
        "vaults.replica.region: 'us-east-1' is the primary's region: losing it would lose both vaults",
    ),
    "a key in another region": (
        put("vaults.replica.kms_key", key_arn(9, "us-east-2")),
        "vaults.replica.kms_key: the key is in 'us-east-2', the vault in 'us-west-2': S3 needs a key of its own region",
    ),
    "a vault that is the document bucket": (
        put("vaults.replica.bucket", "acme-documents"),
        "documents[0].bucket: bucket 'acme-documents' is named by vaults.replica.bucket as well",
    ),
    "one vault twice": (
        put("vaults.replica.bucket", "acme-vault-use1"),
        "vaults.replica.bucket: bucket 'acme-vault-use1' is named by vaults.primary.bucket as well",
    ),
    "a link whose columns are no pairs": (
        lambda values: values.update(
            policy={
                "matters": {
                    "table": "a.b",
                    "links": [
                        {"table": "a.b", "columns": ["c"], "references": "d.e", "referenced_columns": ["f", "g"]}
                    ],
                }
            }
        ),
        "policy.matters.links[0].referenced_columns: 2 for 1 columns: each column names one of them",
    ),
    "a retention under the window": (
        lambda values: values.update(policy={"retention": "10 days", "point_in_time_window": "14 days"}),
        "policy.retention: 10 days is shorter than point_in_time_window, which it must feed: 14 days",
    ),
    "a retention under the chain": (
        lambda values: values.update(policy={"retention": "10 days", "base_backups": {"chain_limit": 14}}),
        "policy.retention: 10 days is shorter than a chain of base_backups.chain_limit, which it must feed: 14 days",
    ),
    "a window that ends before it starts": (
        put("policy.nightly_window.end", "01:00"),
        "policy.nightly_window: it ends at 01:00, before it starts at 02:00: start and end are of the same day",
    ),
    "a window of no length": (
        put("policy.nightly_window.end", "02:00"),
        "policy.nightly_window: it ends at 02:00, before it starts at 02:00: start and end are of the same day",
    ),
    "a long value": (
        put("policy.object_lock.mode", "x" * 200),
        f"policy.object_lock.mode: '{'x' * 79}… is not one of governance, compliance, none",
    ),
}


@pytest.mark.parametrize("name", IN_A_FIRM)
def test_a_fault_in_a_firm_says_where_and_how_to_correct_it(files: Files, name: str) -> None:
    change, said = IN_A_FIRM[name]
    files.firm(change)
    assert files.faults() == [f"firms/acme.yaml: {said}"]


UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "a syntax error": (
        "id: acme\nname: [a, b\ntier: x\n",
        "not YAML: line 3, column 5: did not find expected ',' or ']'",
    ),
    "a tabulator": (
        "id: acme\ncluster:\n\tconnection: x\n",
        "not YAML: line 3, column 1: found character that cannot start any token",
    ),
    "another encoding": ("id: acme\nname: Señor\n".encode("latin-1"), "not UTF-8: byte 0xf1 at position 17"),
    "a control character": (
        "id: ac\x07me\n",
        "not YAML: unacceptable character #x0007: control characters are not allowed",
    ),
    "nothing": ("", "is not a mapping of keys to values"),
    "a list": ("- acme\n", "is not a mapping of keys to values"),
    "two documents": ("id: acme\n---\nid: b\n", "not YAML: line 2, column 1: but found another document"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_file_is_one_fault(files: Files, name: str) -> None:
    content, said = UNREADABLE[name]
    files.write("firms/acme.yaml", content)
    assert files.faults() == [f"firms/acme.yaml: {said}"]


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("id: other\n", "id: is written twice, the second time in line 20"),
        (
            "policy: {retention: 30 days, retention: 3 days}\n",
            "policy.retention: is written twice, the second time in line 20",
        ),
        (
            "policy: &p {object_lock: {mode: none}, documents: *p}\n",
            "policy.documents: is an alias of another place: write the values out",
        ),
        (
            "policy: {retention: !!python/name:os.system x}\n",
            "policy.retention: tag tag:yaml.org,2002:python/name:os.system is not used here: write the value alone",
        ),
        ("? [a]\n: b\n", "line 20: a key is plain text"),
    ],
)
def test_what_yaml_allows_and_hides_is_a_fault(files: Files, added: str, said: str) -> None:
    file = files.root / "firms/acme.yaml"
    file.write_text(file.read_text() + added)
    assert f"firms/acme.yaml: {said}" in files.faults()


def test_a_file_that_nobody_may_read_is_a_fault(files: Files) -> None:
    (files.root / "firms/beta.yaml").mkdir()
    assert files.faults() == ["firms/beta.yaml: cannot be read: Is a directory"]


def test_another_ending_is_not_passed_over_in_silence(files: Files) -> None:
    files.write("firms/beta.yml", "id: beta\n")
    assert files.faults() == ["firms/beta.yml: is not read: its name must end in .yaml, beta.yaml"]


def test_a_registry_without_folders_says_so(files: Files) -> None:
    empty = files.root / "nothing"
    empty.mkdir()
    files.root = empty
    assert files.faults() == [
        f"firms: there is no such folder in {empty}",
        f"policies: there is no such folder in {empty}",
    ]


def test_a_fault_of_a_tier_is_reported_in_the_tiers_file_and_named_by_its_firms(files: Files) -> None:
    files.policy("professional", put("retention", "60"))
    assert files.faults() == [
        "firms/acme.yaml: tier: policies/professional.yaml has faults of its own",
        "policies/professional.yaml: retention: '60' is not a duration with a unit, such as '7 days' or '15 minutes'",
    ]


def test_a_tier_under_another_name(files: Files) -> None:
    files.policy("starter", put("tier", "basic"))
    assert files.faults() == ["policies/starter.yaml: tier: 'basic' is not the file's name: it must be 'starter'"]


SHARED: dict[str, tuple[str, str, str, str]] = {
    "a document bucket": ("documents", "documents[0].bucket", "bucket acme-documents", "documents[0].bucket"),
    "a vault": ("vaults.primary.bucket", "vaults.primary.bucket", "bucket acme-vault-use1", "vaults.primary.bucket"),
    "a key": (
        "vaults.primary.kms_key",
        "vaults.primary.kms_key",
        "key 111122223333:key/00000000-0000-4000-8000-000000000001",
        "vaults.primary.kms_key",
    ),
    "a cluster's connection": (
        "cluster.connection",
        "cluster.connection",
        "connection acme_pg",
        "cluster.connection",
    ),
    "credentials": ("aws_connection", "aws_connection", "connection acme_aws", "aws_connection"),
}


@pytest.mark.parametrize("name", SHARED)
def test_what_two_firms_share_is_a_fault_of_both(files: Files, name: str) -> None:
    taken, mine, thing, theirs = SHARED[name]
    values, acme = firm_values("beta", 2), firm_values()
    found: Any = acme
    for step in taken.split("."):
        found = found[step]
    put(taken, found)(values)
    files.write("firms/beta.yaml", values)
    assert files.faults() == [
        f"firms/acme.yaml: {theirs}: {thing} belongs to one firm, and another one names it: firms/beta.yaml: {mine}",
        f"firms/beta.yaml: {mine}: {thing} belongs to one firm, and another one names it: firms/acme.yaml: {theirs}",
    ]


def test_one_cluster_under_two_names_is_a_fault_of_both(files: Files) -> None:
    files.firm(put("cluster.system_identifier", 7512345678901234567))
    values = firm_values("beta", 2)
    put("cluster.system_identifier", "7512345678901234567")(values)
    files.write("firms/beta.yaml", values)
    shared = "cluster.system_identifier: cluster 7512345678901234567 belongs to one firm, and another one names it"
    assert files.faults() == [
        f"firms/acme.yaml: {shared}: firms/beta.yaml: cluster.system_identifier",
        f"firms/beta.yaml: {shared}: firms/acme.yaml: cluster.system_identifier",
    ]


def test_one_id_in_two_files_is_a_fault_of_both(files: Files) -> None:
    files.write("firms/beta.yaml", {**firm_values("beta", 2), "id": "acme"})
    assert files.faults() == [
        "firms/acme.yaml: id: id acme belongs to one firm, and another one names it: firms/beta.yaml: id",
        "firms/beta.yaml: id: 'acme' is not the file's name: it must be 'beta'",
        "firms/beta.yaml: id: id acme belongs to one firm, and another one names it: firms/acme.yaml: id",
    ]


def test_a_vault_that_is_another_firms_document_bucket_is_a_fault_of_both(files: Files) -> None:
    values = firm_values("beta", 2)
    put("vaults.primary.bucket", "acme-documents")(values)
    files.write("firms/beta.yaml", values)
    assert [fault.partition(" belongs")[0] for fault in files.faults()] == [
        "firms/acme.yaml: documents[0].bucket: bucket acme-documents",
        "firms/beta.yaml: vaults.primary.bucket: bucket acme-documents",
    ]


def test_a_multi_region_key_is_one_key_in_every_region(files: Files) -> None:
    files.firm(put("vaults.primary.kms_key", "arn:aws:kms:us-east-1:111122223333:key/mrk-1"))
    values = firm_values("beta", 2)
    put("vaults.replica.kms_key", "arn:aws:kms:us-west-2:111122223333:key/mrk-1")(values)
    files.write("firms/beta.yaml", values)
    assert [fault.partition(" belongs")[0] for fault in files.faults()] == [
        "firms/acme.yaml: vaults.primary.kms_key: key 111122223333:key/mrk-1",
        "firms/beta.yaml: vaults.replica.kms_key: key 111122223333:key/mrk-1",
    ]


def test_one_key_for_both_vaults_of_one_region(files: Files) -> None:
    files.firm(lambda values: values["vaults"]["replica"].update(region="us-east-1", kms_key=key_arn(1)))
    assert files.faults() == [
        "firms/acme.yaml: vaults.replica.kms_key: it is the primary's key: each vault has its own",
        "firms/acme.yaml: vaults.replica.region: 'us-east-1' is the primary's region: losing it would lose both vaults",
    ]


def test_a_wrong_override_is_reported_although_the_tier_is_broken_too(files: Files) -> None:
    files.policy("professional", put("retention", "60"))
    files.firm(put("policy.base_backups.chain_limit", 61))
    assert (
        "firms/acme.yaml: policy.base_backups.chain_limit: 61 is outside the allowed range, 1 to 60" in files.faults()
    )


def test_what_yaml_takes_for_numbers_stays_text(files: Files) -> None:
    """YAML 1.1 reads 12:00 as 720, and takes 0x_ for a number that it then cannot read."""
    file = files.root / "firms/acme.yaml"
    sound = file.read_text()
    file.write_text(sound + "policy: {nightly_window: {start: 12:00, end: 13:30}}\n")
    window = files.load().firm("acme").policy.nightly_window
    assert (window.start.hour, window.end.minute) == (12, 30)
    file.write_text(sound + "policy: {base_backups: {chain_limit: 0x_}}\n")
    assert files.faults() == ["firms/acme.yaml: policy.base_backups.chain_limit: '0x_' is not a whole number"]


def test_everything_wrong_is_said_at_once(files: Files) -> None:
    def spoil(values: dict[str, Any]) -> None:
        put("policy.retention", 3)(values)
        put("policy.nightly_window.end", "01:00")(values)
        put("colour", "red")(values)
        put("vaults.replica.region", "us-east-1")(values)
        del values["aws_connection"]

    files.firm(spoil)
    values = firm_values("beta", 2)
    put("cluster.connection", "acme_pg")(values)
    files.write("firms/beta.yaml", values)
    assert [(fault.file, fault.path) for fault in files.load().faults] == [
        ("firms/acme.yaml", "aws_connection"),
        ("firms/acme.yaml", "cluster.connection"),
        ("firms/acme.yaml", "colour"),
        ("firms/acme.yaml", "policy.nightly_window"),
        ("firms/acme.yaml", "policy.retention"),
        ("firms/acme.yaml", "vaults.replica.kms_key"),
        ("firms/acme.yaml", "vaults.replica.region"),
        ("firms/beta.yaml", "cluster.connection"),
    ]
