"""`flamingo-bark completion`: the script by which a shell completes commands, options and song ids.

Printing it belongs here; what is completed is said by the commands' own arguments.
"""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_FLAMINGO_BARK_COMPLETE"  # click's name for the program's, in which the script asks it


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which a SHELL completes commands, options and song ids.

    bash and zsh: put `eval "$(flamingo-bark completion bash)"` into ~/.bashrc, with zsh into ~/.zshrc. fish: write the
    script to ~/.config/fish/completions/flamingo-bark.fish.
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    # click's own look at the version of bash starts one, which need not be there where the script is only printed.
    of_shell = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    made = of_shell(context.find_root().command, {}, "flamingo-bark", _VARIABLE)
    click.echo(made.source_template % made.source_vars())
