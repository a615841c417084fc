"""One matter, from a staged server back into the live one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from muniment.adapters.host.programs import PostgresPrograms
from muniment.domain.rows.matter_plan import BeforeImages, MatterPlan
from muniment.domain.secret import Secret
from muniment.errors import (
    InvalidConfiguration,
    InvalidRequest,
    LedgerOutOfBalance,
    LiveRowsChanged,
    NoSuchDocument,
    NoSuchMatter,
    NotApproved,
    RightMissing,
    RowsRefused,
    TablesNotRestorable,
    UniqueValueTaken,
    WrongCluster,
)
from muniment.ports import utc_now
from muniment.runbooks.rows.plan_matter import MatterRequest, plan_matter
from muniment.runbooks.rows.restore_matter import restore_matter, undo_matter
from muniment.runbooks.rows.write_rows import counts
from tests.fixtures.clusters import ROOT, ClusterFactory
from tests.support.lost_matters import GONE, LIVED, planned, restored
from tests.support.matters import ENGINEER, LEAD, LONG_KEY, Pair, World, approval, firm, make_pair


@pytest.fixture(scope="module")
def pair(module_cluster_factory: ClusterFactory, programs17: PostgresPrograms) -> Iterator[Pair]:
    yield from make_pair(module_cluster_factory, programs17)


@pytest.fixture
def world(pair: Pair) -> World:
    return pair.database()


def changes(plan: MatterPlan) -> dict[str, str]:
    return {f"{row.table.removeprefix('office.')}:{':'.join(row.key)}": row.change for row in plan.rows}


def test_a_difference_tells_what_was_added_changed_and_deleted_since_and_what_moved(world: World) -> None:
    world.on_live(LIVED)
    plan = planned(world)
    assert changes(plan) == {
        "attachments:../../etc/passwd": "changed",
        "attachments:new": "added",
        "folders:20": "arrived",
        "notes:1:1": "changed",
        "notes:1:10": "deleted",
        "notes:1:11": "added",
    }
    assert [f"{row.table} {row.key}" for row in plan.chosen] == [
        "office.attachments ('../../etc/passwd',)",
        "office.notes ('1', '1')",
        "office.notes ('1', '10')",
    ]
    text = "\n".join(plan.lines())
    assert 'office.notes ["1", "1"] was changed since (body, facts): is set back' in text
    assert "office.folders 20 hung on something else then (matter_id): stays as it is" in text
    assert "people" not in text


def test_a_whole_matter_comes_back_over_what_was_changed_and_what_was_added_stays(world: World) -> None:
    before = world.everything(world.pair.live)
    world.on_live(LIVED)
    restored(world, planned(world))
    assert changes(planned(world)) == {"attachments:new": "added", "folders:20": "arrived", "notes:1:11": "added"}
    restored(world, planned(world, exactly=True))
    after = world.everything(world.pair.live)
    del before["office.people"], after["office.people"]
    assert after == before


def test_rows_are_chosen_one_by_one_with_what_they_cannot_do_without(world: World) -> None:
    world.on_live(GONE)
    plan = planned(world, only=(f'OFFICE."attachments":{LONG_KEY}',))
    assert sorted({row.table for row in plan.chosen}) == [
        "office.attachments",
        "office.clients",
        "office.folders",  # the matter names its root folder
        "office.matters",
        "office.notes",
    ]
    restored(world, plan)
    assert world.on_live("SELECT matter_id, note_no FROM office.attachments WHERE path LIKE '§%'") == [(1, 1)]
    assert world.on_live("SELECT count(*) FROM office.attachments WHERE path LIKE '.%'") == [(0,)]
    with pytest.raises(InvalidRequest) as wrong:
        planned(world, only=("office.notes:9", "office.note:1", "office.notes"))
    assert wrong.value.facts["faults"].splitlines() == [
        "--only office.notes:9: no row of the matter differs there",
        "--only office.note:1: no row of the matter differs there; do you mean office.notes?",
        "--only 'office.notes' is not of the form schema.table:key",
    ]


def test_one_that_goes_takes_along_what_names_it(world: World) -> None:
    world.on_live(LIVED)
    plan = planned(world, only=('office.notes:["1", "11"]',))
    assert [row.key for row in plan.chosen] == [("new",), ("1", "11")]
    restored(world, plan)
    assert world.on_live("SELECT no FROM office.notes WHERE matter_id = 1 ORDER BY 1") == [(1,), (2,)]


def test_what_was_overwritten_is_kept_and_a_restore_can_be_undone(world: World) -> None:
    world.on_live(LIVED)
    before = world.everything(world.pair.live)
    images = restored(world, planned(world, exactly=True))
    assert counts(images) == {"inserted": 1, "updated": 3, "deleted": 2}
    images = BeforeImages.from_json(images.to_json())
    with pytest.raises(NotApproved, match="engineer asked for it"):
        undone(world, images, by=ENGINEER)
    undone(world, images)
    assert world.everything(world.pair.live) == before


def undone(world: World, images: BeforeImages, by: str = LEAD) -> None:
    undo_matter(firm(), images, asked_by=ENGINEER, approval=approval(images, by), live=world.live, keep=lambda _: None)


def test_an_undo_over_what_was_written_since_is_refused(world: World) -> None:
    world.on_live(LIVED)
    images = restored(world, planned(world))
    world.on_live("UPDATE office.notes SET body = 'mine' WHERE (matter_id, no) = (1, 10)")
    with pytest.raises(LiveRowsChanged, match=r'office.notes \["1", "10"\] was changed'):
        undone(world, images)


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        ("UPDATE office.notes SET body = 'mine' WHERE (matter_id, no) = (1, 2)", 'office.notes ["1", "2"] was changed'),
        ("INSERT INTO office.notes (matter_id, no, written_at) VALUES (1, 12, now())", 'office.notes ["1", "12"] came'),
        ("INSERT INTO office.notes (matter_id, no, written_at) VALUES (1, 10, now())", 'office.notes ["1", "10"] came'),
        ("DELETE FROM office.relations WHERE id = 1", "office.relations 1 went"),
        ("INSERT INTO office.papers VALUES (9, 'M-1', 'z')", "office.papers 9 came"),
    ],
)
def test_live_that_changed_after_the_plan_is_refused_and_left_alone(world: World, meanwhile: str, told: str) -> None:
    world.on_live(LIVED)
    plan = planned(world)
    world.on_live(meanwhile)
    there = world.everything(world.pair.live)
    with pytest.raises(LiveRowsChanged) as refused:
        restored(world, plan)
    assert str(refused.value) == (
        f"1 row of matter M-1 is not as the plan saw them in live:\n  {told}\n"
        "KEPT: every live row: nothing was written\nHINT: make a new plan and have it approved."
    )
    assert world.everything(world.pair.live) == there


def test_a_staged_cluster_that_somebody_wrote_into_is_refused(world: World) -> None:
    world.on_live(LIVED)
    plan = planned(world)
    world.on_staged("UPDATE office.notes SET body = 'planted' WHERE (matter_id, no) = (1, 10)")
    with pytest.raises(LiveRowsChanged, match="in the staged cluster"):
        restored(world, plan)


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (ENGINEER, "engineer asked for it: somebody else has to approve"),
        ("mallory", "mallory is not one of restore.approvers (engineer, lead)"),
    ],
)
def test_only_a_second_person_from_the_list_approves(world: World, by: str, why: str) -> None:
    world.on_live(LIVED)
    plan = planned(world)
    with pytest.raises(NotApproved) as refused:
        restore_matter(
            firm(), plan, approval=approval(plan, by), staged=world.staged, live=world.live, keep=lambda _: None
        )
    assert refused.value.what == f"matter M-1 of firm acme is not approved: {why}"


def test_an_approval_of_another_plan_does_not_count(world: World) -> None:
    world.on_live(LIVED)
    plan = planned(world)
    more = plan.model_copy(update={"rows": tuple(row.model_copy(update={"chosen": True}) for row in plan.rows)})
    with pytest.raises(NotApproved, match="lead approved another plan"):
        restore_matter(firm(), more, approval=approval(plan), staged=world.staged, live=world.live, keep=lambda _: None)


def test_half_a_transfer_is_refused_and_nothing_of_it_stays(world: World) -> None:
    world.on_live("DELETE FROM office.entries WHERE transfer_id = 1")
    (one, _) = [row.key[0] for row in planned(world).chosen]
    plan = planned(world, only=(f"office.entries:{one}",))
    there = world.everything(world.pair.live)
    with pytest.raises(LedgerOutOfBalance) as refused:
        restored(world, plan)
    assert str(refused.value) == (
        "the ledger of firm acme does not balance after the restore: ledger is 500, transfers is 1\n"
        "KEPT: every live row: nothing was written\n"
        "HINT: choose the rows of whole transfers, or let matters.links lead to their other half;"
        " plan it with `--mend-ledger` where what was lost is why it does not balance before."
    )
    assert world.everything(world.pair.live) == there
    restored(world, planned(world))


def test_a_ledger_that_does_not_balance_before_is_not_touched(world: World) -> None:
    world.on_live(LIVED + "INSERT INTO office.entries (transfer_id, account_id, cents) VALUES (8, 100, 1);")
    with pytest.raises(LedgerOutOfBalance, match="before the restore: ledger is 1, transfers is 1"):
        restored(world, planned(world))


def test_a_ledger_is_mended_where_the_plan_says_so_and_what_was_lost_is_why(world: World) -> None:
    before = world.everything(world.pair.live)
    world.on_live("DELETE FROM office.entries WHERE cents = 500")
    with pytest.raises(LedgerOutOfBalance, match="before the restore"):
        restored(world, planned(world))
    plan = planned(world, mends_ledger=True)
    assert "ledgers that must balance after, and do not have to before: ledger, transfers" in list(plan.lines())
    restored(world, plan)
    assert world.everything(world.pair.live) == before
    world.on_live("DELETE FROM office.entries WHERE cents IN (500, 70)")
    with pytest.raises(LedgerOutOfBalance, match="after the restore: ledger is -70"):
        restored(world, planned(world, mends_ledger=True))


def test_a_matter_that_never_existed(world: World) -> None:
    world.on_live("INSERT INTO office.matters (number, client_id) VALUES ('M-9', 2)")
    with pytest.raises(NoSuchMatter) as nothing:
        planned(world, "M-7")
    assert str(nothing.value) == (
        "firm acme had no matter 'M-7' in office.matters.number at that instant\n"
        "KEPT: everything; nothing was written\n"
        "HINT: the value is spelled as PostgreSQL prints it; choose another instant if it was made later."
    )
    with pytest.raises(NoSuchMatter, match="at that instant; the live one has it"):
        planned(world, "M-9")
    with pytest.raises(NoSuchMatter):  # no number at all
        planned(world, "M-9", policy={"matters": {"key": "id"}})


def test_the_registry_names_what_is_not_there(world: World) -> None:
    link = {
        "table": "office.letters",
        "columns": ["a"],
        "references": "office.notes",
        "referenced_columns": ["b", "no"],
    }
    with pytest.raises(InvalidConfiguration) as wrong:
        planned(world, policy={"matters": {"key": "nr", "links": [link], "shared": ["office.staff"]}})
    assert wrong.value.facts["faults"].splitlines() == [
        "policy.matters: office.matters of the staged database has no column nr",
        "policy.matters.links[0]: the staged database has no table office.letters; do you mean office.matters?",
        "policy.matters.links[0]: office.notes of the staged database has no column b",
        "policy.matters.shared: the staged database has no table office.staff",
    ]


def test_tables_that_cannot_be_restored_row_by_row_are_all_named_before_anything_is_written(world: World) -> None:
    world.on_staged("ALTER TABLE office.papers DROP CONSTRAINT papers_pkey")
    world.on_live("ALTER TABLE office.papers DROP CONSTRAINT papers_pkey")
    with pytest.raises(TablesNotRestorable) as refused:
        planned(world)
    assert str(refused.value) == (
        "1 table of firm acme cannot be restored row by row:\n"
        "office.papers: has no primary key, so its rows cannot be told apart\n"
        "KEPT: everything; nothing was written\n"
        "HINT: bring them back beside the live ones with `muniment tables`, and move rows by hand."
    )


def test_a_table_that_was_altered_since(world: World) -> None:
    world.on_live(LIVED)
    world.on_live("ALTER TABLE office.notes ADD COLUMN colour text DEFAULT 'grey', ADD COLUMN seen_by bigint")
    plan = planned(world)
    assert "office.notes: what came since stays, or gets its default: colour, seen_by" in plan.notes
    restored(world, plan)
    assert world.on_live("SELECT colour FROM office.notes WHERE no = 10") == [("grey",)]
    world.on_live(
        "UPDATE office.notes SET fee = 1 WHERE no = 1; ALTER TABLE office.notes DROP COLUMN share,"
        " ALTER COLUMN fee TYPE bigint, ADD COLUMN must text NOT NULL DEFAULT 'x'; "
        "ALTER TABLE office.notes ALTER must DROP DEFAULT; DELETE FROM office.notes WHERE no = 10"
    )
    with pytest.raises(TablesNotRestorable) as refused:
        planned(world)
    assert refused.value.facts["faults"].splitlines() == [
        "office.notes: column share is not there any more",
        "office.notes: column fee was numeric(12,2), now it is bigint",
        "office.notes: column must came since and may not be empty",
    ]


TRIGGER = """
CREATE FUNCTION office.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.body := 'touched'; RETURN NEW; END$$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON office.notes FOR EACH ROW EXECUTE FUNCTION office.touch();
"""


def test_a_trigger_that_sets_other_values_is_refused_and_can_be_off_while_the_rows_are_written(world: World) -> None:
    before = world.everything(world.pair.live)
    world.on_live("DELETE FROM office.notes WHERE no = 10;" + TRIGGER)
    plan = planned(world)
    assert "office.notes has triggers: touch" in plan.notes
    with pytest.raises(RowsRefused) as refused:
        restored(world, plan)
    assert str(refused.value) == (
        f"database {world.name} of firm acme refuses the restored rows:"
        ' a trigger sets other values in office.notes ["1", "10"]: body\n'
        "KEPT: every live row: nothing was written\n"
        "HINT: choose other rows with `--only`, or plan it with `--without-triggers` where a trigger is against it."
    )
    restored(world, planned(world, triggers="disabled"))
    assert world.everything(world.pair.live) == before
    assert world.on_live("SELECT tgenabled FROM pg_trigger WHERE tgname = 'touch'") == [("O",)]


def test_a_row_that_goes_while_a_shared_one_names_it_is_refused_whatever_the_key_would_do(
    world: World,
) -> None:
    world.on_live("INSERT INTO office.matters (number, client_id, parent_id) VALUES ('M-1b', 2, 1)")
    world.on_live("UPDATE office.people SET now_on = 4 WHERE id = 2")
    plan = planned(world, exactly=True)
    assert changes(plan) == {"matters:4": "added"}
    with pytest.raises(RowsRefused, match=r"office.people 2 names office.matters 4, which should go"):
        restored(world, plan)


def test_a_unique_value_that_is_taken_is_refused_without_quoting_it(world: World) -> None:
    world.on_live(GONE)
    world.on_live("INSERT INTO office.papers VALUES (77, 'M-2', 'a.pdf')")
    with pytest.raises(UniqueValueTaken) as refused:
        restored(world, planned(world))
    assert str(refused.value) == (
        f"office.papers 1 cannot be as it was in database {world.name} of firm acme:"
        " office.papers 77 has its values of papers_storage_key_key\n"
        "KEPT: every live row: nothing was written\n"
        "HINT: give office.papers 77 other values, or let it go with the matter (`--exactly`) where it was added to it"
        " since; or choose the rows that come back with `--only`."
    )


def test_an_added_row_gives_its_unique_value_back(world: World) -> None:
    world.on_live("DELETE FROM office.papers WHERE id = 1; INSERT INTO office.papers VALUES (77, 'M-1', 'a.pdf')")
    restored(world, planned(world, exactly=True))
    assert world.on_live("SELECT id FROM office.papers WHERE storage_key = 'a.pdf'") == [(1,)]


def test_sequences_never_go_back_and_are_never_behind(world: World) -> None:
    world.on_live("DELETE FROM office.entries WHERE transfer_id = 2")
    world.on_live("ALTER SEQUENCE office.entries_id_seq RESTART WITH 2; SELECT nextval('office.entries_id_seq')")
    restored(world, planned(world, "M-2"))
    assert world.on_live("SELECT nextval('office.entries_id_seq')") == [(5,)]
    world.on_live("DELETE FROM office.entries WHERE transfer_id = 2; SELECT setval('office.entries_id_seq', 900)")
    restored(world, planned(world, "M-2"))
    assert world.on_live("SELECT nextval('office.entries_id_seq')") == [(901,)]


def test_another_firms_cluster_is_refused_before_anything_is_read(world: World) -> None:
    pinned = firm().model_copy(update={"cluster": firm().cluster.model_copy(update={"system_identifier": 7})})
    with pytest.raises(WrongCluster, match="the firm's cluster is 7"):
        plan_matter(pinned, MatterRequest("M-1", ENGINEER), staged=world.staged, live=world.live, clock=utc_now)
    with pytest.raises(WrongCluster, match="to the staged cluster of firm acme leads to cluster the live one"):
        plan_matter(firm(), MatterRequest("M-1", ENGINEER), staged=world.live, live=world.live, clock=utc_now)
    plan = planned(world).model_copy(update={"system_identifier": 7})
    with pytest.raises(WrongCluster):
        restored(world, plan)


def test_a_child_without_an_index_is_told(world: World) -> None:
    notes = planned(world).notes
    assert not notes[:-1]
    world.on_live(LIVED)
    slow = [note for note in planned(world).notes if "no index" in note]
    assert "office.attachments (matter_id, note_no) has no index: finding what hangs on office.notes is slow" in slow


def test_documents_that_the_rows_name(world: World) -> None:
    asked: list[tuple[str, ...]] = []

    def plan_documents(names: Any) -> Any:
        asked.append(tuple(names))
        raise NoSuchDocument(firm="acme", selection="", at="")

    request = MatterRequest("M-1", ENGINEER)
    plan = plan_matter(firm(), request, staged=world.staged, live=world.live, clock=utc_now, documents=plan_documents)
    assert asked == [("a.pdf", "s3://acme-documents/c.pdf")]
    assert plan.notes[-1] == "none of the 2 documents that its rows name was there at that instant"


def test_the_role_of_docs_iam_is_enough_to_write_a_matter_back(world: World) -> None:
    script = (ROOT / "docs" / "iam" / "postgres-restore-role.sql").read_text().replace(":'password'", "'only for now'")
    world.on_live(script)
    told = make_conninfo(
        world.live.conninfo.reveal(), user="muniment_restore", passfile="/dev/null", password="only for now"
    )
    role = replace(world.live, conninfo=Secret(told))
    try:
        before = world.everything(world.pair.live)
        world.on_live(GONE)
        world.on_live(
            "ALTER TABLE office.notes ENABLE ROW LEVEL SECURITY; ALTER TABLE office.notes FORCE ROW LEVEL SECURITY"
        )
        plan = plan_matter(firm(), MatterRequest("M-1", ENGINEER), staged=world.staged, live=role, clock=utc_now)
        restore_matter(firm(), plan, approval=approval(plan), staged=world.staged, live=role, keep=lambda _: None)
        now = world.everything(world.pair.live)
        assert {**now, "office.people": []} == {**before, "office.people": []}
    finally:
        world.on_live("DROP OWNED BY muniment_restore; DROP ROLE muniment_restore")


def test_a_role_that_may_not_write_is_told_so(world: World) -> None:
    world.on_live(LIVED + "CREATE ROLE reader LOGIN PASSWORD 'x'; GRANT pg_read_all_data TO reader")
    told = make_conninfo(world.live.conninfo.reveal(), user="reader", passfile="/dev/null", password="x")
    role = replace(world.live, conninfo=Secret(told))
    try:
        plan = planned(world)
        with pytest.raises(RightMissing, match="denied it: permission denied for table"):
            restore_matter(firm(), plan, approval=approval(plan), staged=world.staged, live=role, keep=lambda _: None)
    finally:
        world.on_live("DROP ROLE reader")
