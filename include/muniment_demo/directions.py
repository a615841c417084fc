"""What `make up` prints when it is up: where to look, what is wrong there, and what to try."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from muniment_demo.airflow_env import USERS
from muniment_demo.night import NOT_ARCHIVING, UNDRILLED, WELL
from muniment_demo.world import PUT_BACK, World

_STATES: Mapping[str, str] = {
    WELL: "is well: its nights are in both vaults, and a drill has passed",
    UNDRILLED: "has no drill this month: its first night is 40 days old, and the DAG of its drills is paused",
    NOT_ARCHIVING: "has an archiver that fails: the right to write into its vault was withdrawn, and WAL piles up",
}


def show_directions(console: Console, facts: Mapping[str, Any], world: World) -> None:
    for line in _lines(facts, world):
        console.print(line, soft_wrap=True)


def _lines(facts: Mapping[str, Any], world: World) -> Iterator[str]:
    firms, url = [each["id"] for each in facts["firms"]], facts["airflow_url"]
    yield f"\n[bold]Airflow is at {url}[/bold]"
    for user, password in facts["passwords"].items():
        yield f"  {user:<9} {password}   [dim]{USERS[user]}[/dim]"
    yield from _page(firms, url, world)
    yield from _approval(firms[0])
    yield from _shell(firms[0], world)
    yield "  make down, when you have seen enough: it ends all that runs, and removes its folder"


def _page(firms: list[str], url: str, world: World) -> Iterator[str]:
    yield "\n[bold]Look[/bold]"
    yield f'  "Recovery" in the navigation: {url}/plugin/recovery'
    for firm_id in firms:
        yield f"    {firm_id:<13} {_STATES.get(firm_id, 'has last night, and was not drilled yet')}"
    if lacking := [each for each in (UNDRILLED, NOT_ARCHIVING) if each not in firms]:
        yield f"    with FIRMS=3 or more, {' and '.join(lacking)} would be here, and not be well"
    if NOT_ARCHIVING in firms:
        yield "    on-call is told of both within a quarter of an hour"
    yield "  click a firm for its time line, an instant on it for what would come back"
    yield "  what on-call and the firms' contacts are told, by mail, SNS, PagerDuty and Slack:"
    yield f"    {_demo_command(world, 'told')}"
    yield f"    as it arrived: {world.mail / 'letters' / 'new'}, {world.web_hooks}"
    yield "  be on call: docs/on-call.md has what each alert asks for, and more that can be broken, such as"
    yield f"    {_demo_command(world, 'cause', 'cluster-down')}"


def _approval(firm_id: str) -> Iterator[str]:
    yield "\n[bold]Go live, which a second person has to approve[/bold]"
    yield f'  as engineer: {firm_id}__restore, Trigger, "Where to" live; it restores beside the cluster, and asks'
    yield '  as lead: the run\'s task approve, "Required Actions": read the plan, then Approve. Who asked cannot'
    yield "  then a safety backup, the cut-over, a full backup; the firm's contact is told by mail"


def _shell(firm_id: str, world: World) -> Iterator[str]:
    yield "\n[bold]Try[/bold]"
    yield f"  in the UI: trigger {firm_id}__backup, and follow the log of its tasks"
    yield "  in a shell:"
    for command in (f". {shlex.quote(str(world.root / 'env'))}", *_commands(firm_id)):
        yield f"    {command}"
    yield "  what changes live documents: planned, signed by lead, and carried out by a login of its own:"
    for command in _in_place(firm_id, world):
        yield f"    {command}"


def _demo_command(world: World, *words: str) -> str:
    own = () if world == World.named("up") else ("--in", str(world.root))
    return shlex.join((sys.executable, "-m", "muniment_demo", *words, *own))


def _commands(firm_id: str) -> Iterator[str]:
    yield f"muniment points {firm_id}"
    yield f"muniment check {firm_id}"
    yield f"muniment backup {firm_id}"
    yield f"muniment verify {firm_id} --deep"
    yield f"muniment restore {firm_id} --plan"
    yield f"muniment restore {firm_id} --stage --ttl 1h"
    yield "muniment watch show"
    yield "muniment incidents list"
    yield "muniment alerts routes"
    yield "muniment alerts test"


def _in_place(firm_id: str, world: World) -> Iterator[str]:
    key, login = (shlex.quote(str(path)) for path in (world.approver_key, world.policy_settings(firm_id, PUT_BACK)))
    documents = f"muniment --settings {login} documents {firm_id}"
    yield f"{documents} --prefix '' --at latest --plan plan.json"
    yield f"muniment approve plan.json.request --key {key}"
    yield f"{documents} --apply plan.json --approval plan.json.request.sig"
