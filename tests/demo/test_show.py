"""What `make up` prints when it is up."""

import io
from pathlib import Path

from rich.console import Console

from muniment_demo.show import Show
from muniment_demo.world import World

FACTS = {"firms": [{"id": "acme"}], "airflow_url": "http://127.0.0.1:8080", "passwords": {"lead": "made up"}}


def test_the_way_to_change_live_documents_is_printed_with_the_login_and_the_key() -> None:
    out = io.StringIO()
    Show(Console(file=out, width=120)).where(FACTS, World(Path("/w")))
    lines = [line.strip() for line in out.getvalue().splitlines()]
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
