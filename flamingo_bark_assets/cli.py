"""The command line `flamingo-bark`: its group, how every command ends, and which commands there are.

What holds for all commands belongs here; each command stands in a module of `commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from flamingo_bark_assets.commands.adding import add
from flamingo_bark_assets.commands.analyzing import analyze
from flamingo_bark_assets.commands.cleaning import clean
from flamingo_bark_assets.commands.comparing import compare_captioners
from flamingo_bark_assets.commands.completing import completion
from flamingo_bark_assets.commands.diagnosing import doctor
from flamingo_bark_assets.commands.editing import edit
from flamingo_bark_assets.commands.exporting import export, verify
from flamingo_bark_assets.commands.finetuning import sample, train
from flamingo_bark_assets.commands.listing import list_songs
from flamingo_bark_assets.commands.models import models
from flamingo_bark_assets.commands.paths import PATH
from flamingo_bark_assets.commands.purging import purge
from flamingo_bark_assets.commands.querying import sql
from flamingo_bark_assets.commands.removing import remove
from flamingo_bark_assets.commands.reviewing import correct, review
from flamingo_bark_assets.commands.running import demo, run
from flamingo_bark_assets.commands.serving import service, ui
from flamingo_bark_assets.commands.studio import studio
from flamingo_bark_assets.commands.tag_writing import tag
from flamingo_bark_assets.commands.warming_up import warm_up
from flamingo_bark_assets.commands.words import words
from flamingo_bark_assets.errors import FlamingoBarkError, describe_os_error
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import data_folder
from flamingo_bark_assets.terminal import console as _console
from flamingo_bark_assets.terminal import errors as _errors
from flamingo_bark_assets.terminal import leave_closed_pipe, open_terminal

_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell tells of any program that was interrupted.


class _Group(click.Group):
    """Ends every command alike: a fault of the outside world is one clear line and an exit status, no traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        open_terminal()
        try:
            status = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        except click.UsageError as error:
            if error.ctx is not None:
                for line in error.ctx.get_usage().splitlines():
                    _errors.say("{}", line)
                _errors.say("Try '{} --help' for help.\n", error.ctx.command_path)
            _fail(error.format_message(), error.exit_code)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except click.Abort as abort:
            # Both a Ctrl-C and a "no" to a question end here.
            sys.exit(_EXIT_INTERRUPTED if isinstance(abort.__context__, KeyboardInterrupt) else 1)
        sys.exit(status if isinstance(status, int) else 0)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _faults_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _faults_told():
            result = super().invoke(ctx)
            if sys.stdout is not None:  # It may have been closed by who started this.
                sys.stdout.flush()
            return result


@contextmanager
def _faults_told() -> Iterator[None]:
    """Turn faults of the outside world into what click ends with: a message and an exit status."""
    try:
        yield
    except FlamingoBarkError as error:
        raise click.ClickException(f"{error} [{error.code}]") from error
    except BrokenPipeError:
        leave_closed_pipe()
    except OSError as error:
        raise click.ClickException(describe_os_error(error)) from error


def _fail(message: str, status: int) -> NoReturn:
    _errors.say("Error: {}", " ".join(message.splitlines()))
    sys.exit(status)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=PATH, default=None, help="Data folder; default: FLAMINGO_BARK_DATA or ./data.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what was asked for, warnings and faults.")
@click.version_option(package_name="flamingo-bark-assets", prog_name="flamingo-bark", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context, data: Path | None, quiet: bool) -> None:
    """Turn songs and their stems into datasets that a Bark model can be trained on."""
    for terminal in (_console, _errors):
        terminal.hushed = quiet
    folder = data_folder(data)
    os.environ["FLAMINGO_BARK_DATA"] = str(folder)
    context.obj = DataPaths(folder)


for _command in (
    add, analyze, clean, compare_captioners, completion, correct, demo, doctor, edit, export, list_songs, models,
    purge, remove, review, run, sample, service, sql, studio, tag, train, ui, verify, warm_up, words,
):  # fmt: skip
    main.add_command(_command)
