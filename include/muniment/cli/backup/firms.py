"""``muniment firms``: the registry."""

import click

from muniment.cli.output import say_json, say_table
from muniment.cli.session import Session, firm_argument, json_option
from muniment.errors import InvalidConfiguration

CONFIGURATION_FAULT = InvalidConfiguration.exit_code


@click.group(short_help="The registry of firms and tiers.")
def firms() -> None:
    """The registry: every firm, tier and application, and who is told: firms/, policies/, applications/, watch.yaml."""


@firms.command("check")
@json_option
@click.pass_obj
def check(session: Session, *, as_json: bool) -> int:
    """Find every fault in the configuration, and what a firm does without.

    Reads every file, says everything that is wrong at once, with file, place and how to correct it, and ends with 2
    where there is a fault: a firm of whose trouble nobody would be told, too. A warning names what would not happen:
    nobody can approve for a firm. Nothing is connected to: `muniment check FIRM` does that.

    \b
    Before a commit:   muniment firms check
    Another registry:  muniment --registry /etc/muniment firms check
    """
    from muniment.domain.firm.omissions import omissions
    from muniment.registry.watch_file import watch_faults

    registry = session.registry()
    faults = (*registry.faults, *watch_faults(registry))
    warnings = [(f"firms/{firm.id}.yaml", found) for firm in registry.firms.values() for found in omissions(firm)]
    if as_json:
        say_json(
            {
                "registry": str(registry.root),
                "sound": sorted(registry.firms),
                "faults": [{"file": f.file, "path": f.path, "what": f.what} for f in faults],
                "warnings": [{"file": file, "what": one.what, "remedy": one.remedy} for file, one in warnings],
            }
        )
    else:
        for fault in faults:
            click.echo(str(fault))
        for file, one in warnings:
            click.echo(f"{file}: {one}")
        counted = (
            _counted(len(registry.firms), "sound firm"),
            _counted(len(faults), "fault"),
            _counted(len(warnings), "warning"),
        )
        click.echo(f"{', '.join(counted)} in {registry.root}")
    return CONFIGURATION_FAULT if faults else 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@firms.command("list")
@json_option
@click.pass_obj
def list_firms(session: Session, *, as_json: bool) -> None:
    """List the firms, with what their policies promise.

    A firm whose file has faults is listed without its values; `muniment firms check` says what they are.
    """
    from muniment.domain.units import format_clock, format_duration

    registry = session.registry()
    found = [registry.firms[firm_id] for firm_id in sorted(registry.firms)]
    broken = {firm_id: len(faults) for firm_id, faults in sorted(registry.broken.items())}
    if as_json:
        rows = [
            {
                "id": firm.id,
                "name": firm.name,
                "tier": firm.tier,
                "time_zone": firm.time_zone,
                "retention": format_duration(firm.policy.retention),
                "point_in_time_window": format_duration(firm.policy.point_in_time_window),
            }
            for firm in found
        ]
        say_json({"firms": rows, "broken": broken})
        return
    say_table(
        ("firm", "name", "tier", "retention>", "point in time>", "night", "time zone"),
        [
            (
                firm.id,
                firm.name,
                firm.tier,
                format_duration(firm.policy.retention),
                format_duration(firm.policy.point_in_time_window),
                f"{format_clock(firm.policy.nightly_window.start)}–{format_clock(firm.policy.nightly_window.end)}",
                firm.time_zone,
            )
            for firm in found
        ]
        + [
            (firm_id, f"{_counted(count, 'fault')}: muniment firms check", "", "", "", "", "")
            for firm_id, count in broken.items()
        ],
    )


@firms.command("show", short_help="Show one firm, its policy merged.")
@firm_argument
@json_option
@click.pass_obj
def show(session: Session, firm_id: str, *, as_json: bool) -> None:
    """Show one firm as its runs see it: its file, its tier, its application, its overrides and every default.

    \b
    What is this firm promised?   muniment firms show okafor-steele
    One value for a script:       muniment firms show okafor-steele --json | jq -r .policy.retention
    """
    values = session.registry().firm(firm_id).model_dump(mode="json")
    if as_json:
        say_json(values)
        return
    import yaml

    click.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), nl=False)
