"""What ``muniment verify`` and ``muniment points`` say of vaults that are not as they should be."""

import pytest

from muniment.cli.backup.points import Seen, lacking
from muniment.cli.backup.verify import _show
from muniment.domain.vault import keys
from muniment.domain.vault.incomplete import Incomplete, NotRead
from muniment.runbooks.vault.verify_firm import Fault, Verification
from tests.support.worlds import START, World


def test_not_proven_is_counted_and_named_apart_from_damage(capsys: pytest.CaptureFixture[str]) -> None:
    unproven = tuple(Fault("vault", f"documents/objects/{number:02d}", "nobody can tell") for number in range(22))
    _show([
        Verification("vault", 30, 2048, (), unproven, server_versions=(170009, 170010)),
        Verification("other", 30, 0, (), not_in_second_region=("20261120T080000000Z",)),
    ])  # fmt: skip
    said = capsys.readouterr().out.splitlines()
    assert said[:1] == ["not proven: vault/documents/objects/00: nobody can tell"]
    assert said[20:] == [
        "not proven: 2 more in vault; --json names them all",
        "vault: 30 objects, 2.0 KiB read and checked, 0 missing or damaged, 22 not proven, base backups of PostgreSQL "
        "17.9, 17.10",
        "other: 30 objects, 0 missing or damaged",
        "20261120T080000000Z is not yet in the second region",
    ]


def test_damage_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    _show([Verification("vault", 30, 0, (Fault("vault", "wal/1", "it is missing"),))])
    said = capsys.readouterr().out
    assert "wal/1" in said
    assert "it is missing" in said
    assert said.endswith("vault: 30 objects, 1 missing or damaged\n")


def test_what_a_point_lacks_is_named_and_where_more_of_it_is() -> None:
    point = World(now=START).night()
    assert point is not None
    assert lacking(point, "hudson") == []
    unread = [NotRead(what="document", name=f"b/{number}", reason="closed") for number in range(4)]
    unread.append(NotRead(what="secret", name="smtp", reason="closed"))
    assert lacking(point.model_copy(update={"incomplete": Incomplete.of(unread)}), "hudson") == [
        f"{point.id} is incomplete: secret smtp: closed",
        f"{point.id} is incomplete: document b/0: closed",
        f"{point.id} is incomplete: document b/1: closed",
        f"{point.id} lacks 2 more: `muniment restore hudson --to {point.id} --plan` names them",
    ]


def test_a_cell_says_what_a_vault_has_of_a_point() -> None:
    point = World(now=START).night()
    assert point is not None
    one_region = point.model_copy(update={"verified_replica_at": None})

    def cell(*lacks: str) -> str:
        return Seen("vault", {point.id: lacks}).cell(point)

    register = keys.point(point.id)
    assert (cell(), cell("config/1"), cell(register, "config/1")) == ("whole", "lacks 1", "not there")
    assert Seen("vault", {point.id: (register,)}).cell(one_region) == "not yet"
    assert Seen("vault", {}, "S3 does not answer").cell(point) == "not seen"
