"""What a drill takes from RESTORE.md, and that a page which does not say it is named."""

from pathlib import Path
from string import Template

import pytest

import muniment.restore_kit
from muniment.domain.restore.kit_steps import KitSteps, NotOnThePage, last_lines, stopping_at
from muniment.restore_kit.restore import SETTINGS

PAGE = (Path(str(muniment.restore_kit.__file__)).parent / "RESTORE.md").read_text()


class Filled(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"the {name}" if name == "superuser" else name


def page(right: str = "", wrong: str = "") -> str:
    assert right in PAGE
    return Template(PAGE.replace(right, wrong)).substitute(Filled())


def test_the_commands_are_the_pages_own() -> None:
    steps = KitSteps.of(page())
    where = ["--bucket", "bucket", "--region", "region", "--kms-key", "kms_key"]
    assert steps.fetching("point-1", "--into", "/a b") == [
        "fetch", "--point", "point-1", *where, "--into", "/a b/cluster",
    ]  # fmt: skip
    assert steps.fetching("p", "--documents", "/x")[-2:] == ["--documents", "/x/documents"]
    assert steps.finish == ("sh", "cluster/finish.sh", "/usr/lib/postgresql/major/bin")
    assert steps.superuser == "the superuser"


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("restore.py fetch", "restore.py get", "step 4 has no `venv/bin/python restore.py fetch …`"),
        ("**6. Let", "**9. Let", "step 6 has no command"),
        ("sh cluster/finish.sh", "cluster/finish.sh", "step 6 has no `sh SCRIPT FOLDER`"),
        ("| log in as |", "| log out as |", "step 7 has no user who logs in, in the table above the steps"),
    ],
)
def test_a_page_that_does_not_say_it_is_named(right: str, wrong: str, told: str) -> None:
    with pytest.raises(NotOnThePage) as missing:
        KitSteps.of(page(right, wrong))
    assert str(missing.value) == told


def test_an_option_that_step_4_lacks_is_named() -> None:
    with pytest.raises(NotOnThePage, match="step 4 has no `--point latest` and `--into`"):
        KitSteps.of(page("--point latest", "--point newest")).fetching("p", "--into", "/x")


def test_step_5_uncomments_lines_that_are_there() -> None:
    target = {"recovery_target_lsn": "0/5", "recovery_target_inclusive": "off", "recovery_target_action": "promote"}
    told = stopping_at(SETTINGS, target).splitlines()
    assert {f"{name} = '{value}'" for name, value in target.items()} <= set(told)
    with pytest.raises(NotOnThePage, match="step 5 has no line of recovery_target_xid"):
        stopping_at(SETTINGS, {"recovery_target_xid": "7"})


def test_step_7_is_what_step_6_printed() -> None:
    said = "…\nready. Start it:    '/a b/pg_ctl' -D '/c' start\nThen look inside:   psql -h /d -l\n"
    assert last_lines(said) == (["/a b/pg_ctl", "-D", "/c", "start"], ["psql", "-h", "/d", "-l"])
    with pytest.raises(NotOnThePage, match="step 6 has no line that begins with 'ready"):
        last_lines("done")
