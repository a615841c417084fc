"""What `make up` prints when it is up."""

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from muniment_demo.directions import show_directions
from muniment_demo.world import World


def printed(*firms: str) -> Sequence[str]:
    facts = {
        "firms": [{"id": each} for each in firms],
        "airflow_url": "http://127.0.0.1:8080",
        "passwords": {"lead": "made up"},
    }
    out = io.StringIO()
    show_directions(Console(file=out, width=120, highlight=False), facts, World(Path("/w")))
    return [line.strip() for line in out.getvalue().splitlines()]


def test_the_way_to_change_live_documents_is_printed_with_the_login_and_the_key() -> None:
    lines = printed("acme")
    began = lines.index(". /w/env")
    told = lines.index("what on-call and the firms' contacts are told, by mail, SNS, PagerDuty and Slack:")
    assert lines[told + 1].endswith(" -m muniment_demo told --in /w")
    assert lines[told + 2] == "as it arrived: /w/mail/letters/new, /w/web_hooks"
    assert told < began
    documents = "muniment --settings /w/firms/acme/restore-documents.yaml documents acme"
    assert lines[-4:-1] == [
        f"{documents} --prefix '' --at latest --plan plan.json",
        "muniment approve plan.json.request --key /w/keys/lead",
        f"{documents} --apply plan.json --approval plan.json.request.sig",
    ]


def test_the_page_and_what_is_wrong_with_whom_are_printed() -> None:
    lines = printed("harbor-lane", "okafor-steele", "quill-brandt")
    assert '"Recovery" in the navigation: http://127.0.0.1:8080/plugin/recovery' in lines
    told = {line.split()[0]: line for line in lines if line.startswith(("harbor", "okafor", "quill"))}
    assert "is well" in told["harbor-lane"]
    assert "archiver that fails" in told["okafor-steele"]
    assert "no drill this month" in told["quill-brandt"]
    assert not any("FIRMS=3" in line for line in lines)


def test_with_one_firm_it_says_what_is_not_there() -> None:
    assert "with FIRMS=3 or more, quill-brandt and okafor-steele would be here, and not be well" in printed(
        "harbor-lane"
    )


def test_who_approves_is_printed() -> None:
    lines = printed("acme")
    assert 'as engineer: acme__restore, Trigger, "Where to" live; it restores beside the cluster, and asks' in lines
    assert any(line.startswith("as lead: ") and "Approve" in line for line in lines)
