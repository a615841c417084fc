"""``muniment completion SHELL``."""

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL: commands, options and the ids of firms.

    \b
    bash   muniment completion bash > /etc/bash_completion.d/muniment
    zsh    muniment completion zsh > "${fpath[1]}/_muniment"
    fish   muniment completion fish > ~/.config/fish/completions/muniment.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows each shell of the choice above"
    click.echo(kind(ctx.find_root().command, {}, "muniment", "_MUNIMENT_COMPLETE").source())
