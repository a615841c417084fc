"""The command as a whole: help, exit codes, errors, completion, Ctrl-C. Firms are on disk, nothing is connected to."""

import json
import signal
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from muniment.cli import groups
from muniment.errors import MunimentError
from tests.cli.conftest import MUNIMENT, Command, in_a_shell
from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files, put
from tests.support.commands import NAMES, leaves


def test_help_lists_every_command_and_every_exit_code(muniment: Command) -> None:
    ended = muniment("--help")
    assert ended.code == 0
    for name in NAMES:
        assert f"\n  {name} " in ended.out
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "75", "130"):
        assert f"\n    {code} " in ended.out


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_each_command_explains_itself(muniment: Command, words: tuple[str, ...]) -> None:
    ended = muniment(*words, "--help")
    assert ended.code == 0
    assert f"Usage: muniment {' '.join(words)} " in ended.out
    assert len(ended.out.splitlines()) > 6


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_exit_that_a_program_sees_is_machine_readable(muniment: Command, words: tuple[str, ...]) -> None:
    if words[0] == "completion" or words[:2] in (("wal", "push"), ("wal", "fetch")):
        return  # a script, and PostgreSQL's own two, which answer with their exit code
    if words in (("watch", "metrics"), ("watch", "serve")):
        return  # what Prometheus reads
    assert "--json" in muniment(*words, "--help").out


@pytest.mark.parametrize("arguments", [[], ["check"], ["backups"], ["points", "acme", "--colour"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    ended = in_a_shell(*arguments)
    assert ended.code == 2
    assert "Usage: muniment" in ended.err
    assert "Traceback" not in ended.err


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from muniment.cli import groups; groups.main(['--help']);"
        "print([name for name in ('boto3', 'psycopg', 'pydantic', 'rich', 'airflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# What the least that a firm needs does without.
WITHOUT = """\
firms/acme.yaml: WARNING: nobody could approve a restore into live: restore.approvers is empty
  REMEDY: name them in restore.approvers; whoever asks never approves, so name two who may be asked.
firms/acme.yaml: WARNING: nobody would sign off a quarter's drill: drill_reviewers is empty
  REMEDY: name them in drill_reviewers.
firms/acme.yaml: WARNING: no row of the database would be counted: a restore is proven by its files alone
  REMEDY: name the application whose schema it has (applications/), or control_totals in policy.
"""


def test_a_sound_registry(muniment: Command, files: Files) -> None:
    ended = muniment("--registry", files.root, "firms", "check")
    assert (ended.code, ended.out, ended.err) == (
        0,
        f"{WITHOUT}1 sound firm, 0 faults, 3 warnings in {files.root}\n",
        "",
    )


def test_every_fault_is_printed_and_the_exit_code_is_2(muniment: Command, files: Files) -> None:
    files.firm(put("policy.retention", 3))
    files.write("firms/beta.yaml", "id: [\n")
    ended = muniment("--registry", files.root, "firms", "check")
    assert ended.code == 2
    assert ended.out.splitlines() == [
        "firms/acme.yaml: policy.retention: 3 is not a duration with a unit, such as '7 days' or '15 minutes'",
        "firms/beta.yaml: not YAML: line 2, column 1: did not find expected node content",
        f"0 sound firms, 2 faults, 0 warnings in {files.root}",
    ]


def test_faults_as_json(muniment: Command, files: Files) -> None:
    files.firm(put("name", 3))
    ended = muniment("--registry", files.root, "firms", "check", "--json")
    assert ended.code == 2
    assert json.loads(ended.out) == {
        "registry": str(files.root),
        "sound": [],
        "faults": [{"file": "firms/acme.yaml", "path": "name", "what": "3 is not text"}],
        "warnings": [],
    }


def test_the_firms_are_listed_with_their_promises(muniment: Command, files: Files) -> None:
    files.write("firms/beta.yaml", "id: [\n")
    ended = muniment("--registry", files.root, "firms", "list")
    assert ended.code == 0
    acme, beta = (" ".join(line.split()) for line in ended.out.splitlines()[3:5])
    assert acme == "acme Acme & Sons professional 60 days 7 days 02:00–04:00 America/Chicago"
    assert beta == "beta 1 fault: muniment firms check"


def test_the_firms_as_json(muniment: Command, files: Files) -> None:
    ended = muniment("--registry", files.root, "firms", "list", "--json")
    assert json.loads(ended.out) == {
        "firms": [
            {
                "id": "acme",
                "name": "Acme & Sons",
                "tier": "professional",
                "time_zone": "America/Chicago",
                "retention": "60 days",
                "point_in_time_window": "7 days",
            }
        ],
        "broken": {},
    }


def test_one_firm_is_shown_with_its_policy_merged(muniment: Command, files: Files) -> None:
    files.firm(put("policy.retention", "75 days"))
    shown = muniment("--registry", files.root, "firms", "show", "acme").out
    assert "  retention: 75 days\n" in shown
    assert "  audit_log: 366 days\n" in shown
    assert json.loads(muniment("--registry", files.root, "firms", "show", "acme", "--json").out)["policy"]["tier"] == (
        "professional"
    )


def test_an_error_has_three_parts_and_no_traceback(muniment: Command, files: Files) -> None:
    ended = muniment("--registry", files.root, "firms", "show", "acne")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err == (
        "1 fault in the configuration:\n"
        f"firms/acne.yaml: there is no such file in {files.root}; did you mean 'acme'?\n"
        "KEPT: everything that was there before\n"
        "HINT: correct each line, then run `muniment firms check`.\n"
    )


def test_an_error_as_json(muniment: Command, files: Files) -> None:
    ended = muniment("--registry", files.root, "firms", "show", "acne", "--json")
    assert ended.code == 2
    assert json.loads(ended.out) == {
        "error": {
            "kind": "InvalidConfiguration",
            "what": "1 fault in the configuration:\n"
            f"firms/acne.yaml: there is no such file in {files.root}; did you mean 'acme'?",
            "kept": "everything that was there before",
            "hint": "correct each line, then run `muniment firms check`.",
            "exit_code": 2,
        }
    }


def test_a_missing_connection_names_both_places(muniment: Command, files: Files, tmp_path: Path) -> None:
    ended = muniment("--registry", files.root, "--settings", tmp_path / "none.yaml", "check", "acme")
    assert ended.code == 2
    where = tmp_path / "none.yaml"
    assert f"connection acme_pg: neither AIRFLOW_CONN_ACME_PG nor {where} has it" in ended.err


@pytest.mark.parametrize("text", ['{"password": "hunter2"', "postgres://u:hunter2@[::1"])
def test_a_connection_that_cannot_be_read_is_not_shown(
    muniment: Command, files: Files, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ACME_PG", text)
    ended = muniment("--registry", files.root, "check", "acme")
    assert ended.code == 2
    assert "connection acme_pg: AIRFLOW_CONN_ACME_PG is neither a URI nor JSON" in ended.err
    assert "hunter2" not in ended.err + ended.out


def test_what_nobody_foresaw_is_told_in_three_parts_too(muniment: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(groups.muniment.lazy, "broken", "no_such_module:broken")
    monkeypatch.delenv("MUNIMENT_TRACEBACK", raising=False)
    ended = muniment("broken")
    assert ended.code == 1
    assert ended.err == (
        "ModuleNotFoundError: No module named 'muniment.cli.no_such_module'\n"
        "KEPT: every recovery point that is registered\n"
        "HINT: this is a fault in muniment: run it again with MUNIMENT_TRACEBACK=1 and report what it prints.\n"
    )
    told = json.loads(muniment("broken", "--json").out)["error"]
    assert told.pop("kept") == "every recovery point that is registered"
    assert told.pop("hint").startswith("this is a fault in muniment")
    what = "ModuleNotFoundError: No module named 'muniment.cli.no_such_module'"
    assert told == {"kind": "ModuleNotFoundError", "what": what, "exit_code": 1}
    monkeypatch.setenv("MUNIMENT_TRACEBACK", "1")
    assert "Traceback" in muniment("broken").err


@pytest.mark.parametrize(
    ("arguments", "kind", "what"),
    [
        (["points", "--json"], "MissingParameter", "Missing argument 'FIRM'"),
        (["points", "acme", "--from", "both", "--json"], "BadParameter", "'both' is not one of 'primary', 'replica'"),
        (["points", "acme", "--colour", "--json"], "NoSuchOption", "No such option"),
        (["pints", "--json"], "NoSuchCommand", "No such command 'pints'"),
    ],
)
def test_wrong_usage_as_json(muniment: Command, arguments: list[str], kind: str, what: str) -> None:
    ended = muniment(*arguments)
    told = json.loads(ended.out)["error"]
    assert (ended.code, told["exit_code"], told["kind"]) == (2, 2, kind)
    assert what in told["what"]
    assert told["kept"] == "everything; nothing was started"
    assert "Usage: muniment" in ended.err


def test_every_kind_of_error_has_a_documented_exit_code() -> None:
    def below(kind: type[MunimentError]) -> list[type[MunimentError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    assert {kind.exit_code for kind in below(MunimentError)} == {1, 2, 3, 4, 75}


def test_the_firm_option_of_wal_push_and_its_place_are_free() -> None:
    ended = in_a_shell("wal", "push", "/nowhere/000000010000000000000001", env={"MUNIMENT_FIRM": ""})
    assert ended.code == 2
    assert "does not know whose WAL this is" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--registry", "/nowhere", "wal", "fetch", "000000010000000000000001", "/tmp/x"],
        ["--registry", "/nowhere", "wal", "fetch", "000000010000000000000001", "/tmp/x", "--firm", "acme"],
        ["--colour", "wal", "fetch", "000000010000000000000001", "/tmp/x"],
        ["wal", "fetch", "000000010000000000000001"],
    ],
)
def test_no_mistake_ends_a_recovery_too_early(arguments: list[str]) -> None:
    """1 to 125 would tell PostgreSQL that the archive has ended: it would open, short of what is there."""
    assert in_a_shell(*arguments, env={"MUNIMENT_FIRM": ""}).code == 200


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(shell: str) -> None:
    ended = in_a_shell("completion", shell)
    assert ended.code == 0
    assert "_MUNIMENT_COMPLETE" in ended.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("muniment ", {"firms", "check", "backup"}),
        ("muniment firms ", {"check", "list", "show"}),
        ("muniment check a", {"acme"}),
    ],
)
def test_completion_knows_commands_and_firms(files: Files, words: str, expected: set[str]) -> None:
    env = {
        "_MUNIMENT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "MUNIMENT_REGISTRY": str(files.root),
    }
    ended = in_a_shell(env=env)
    assert expected <= {line.partition(",")[2] for line in ended.out.splitlines()}


def test_ctrl_c_ends_clean_with_130(files: Files) -> None:
    """A server that accepts and never answers holds the command until it is interrupted."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        env = {
            "PATH": "/usr/bin",
            "MUNIMENT_REGISTRY": str(files.root),
            "AIRFLOW_CONN_ACME_PG": f"postgres://u:p@127.0.0.1:{port}/practice",
            "AIRFLOW_CONN_ACME_AWS": json.dumps(
                {"login": "a", "password": "b", "extra": {"endpoint_url": f"http://127.0.0.1:{port}"}}
            ),
        }
        process = subprocess.Popen([MUNIMENT, "check", "acme"], env=env, stderr=subprocess.PIPE, text=True)
        connection, _ = silent.accept()
        with connection:
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=360)
    assert process.returncode == 130
    assert said.strip() == (
        "interrupted\n"
        "KEPT: every recovery point that is registered; what this run had stored is not registered and harms nothing\n"
        "HINT: run the same command again."
    )


def test_a_reader_that_goes_away_is_no_error(files: Files) -> None:
    done = subprocess.run(
        f"{MUNIMENT} firms show acme | head -1",
        shell=True,
        env={"PATH": "/usr/bin:/bin", "MUNIMENT_REGISTRY": str(files.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "id: acme\n"
    assert done.stderr == ""


def test_out_of_a_folder_it_says_so_instead_of_a_version(muniment: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project may carry the package without installing it."""
    monkeypatch.setattr(metadata, "version", lambda _: metadata.distribution("no-such-distribution").version)
    assert muniment("--version").out == f"muniment, not installed: out of {ROOT / 'include' / 'muniment'}\n"
