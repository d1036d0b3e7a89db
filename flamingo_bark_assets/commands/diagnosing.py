"""`flamingo-bark doctor`: whether all is there that the platform needs, each part with what to do.

Showing what was found belongs here; looking stands in `health`.
"""

from __future__ import annotations

import dataclasses
import sys

import click

from flamingo_bark_assets.commands.health import Finding, examine
from flamingo_bark_assets.commands.tables import Form, form_options, print_rows
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import dagster_home
from flamingo_bark_assets.terminal import console


@click.command()
@click.option(
    "--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port that `ui` shall have."
)
@form_options
@click.pass_obj
def doctor(paths: DataPaths, port: int, form: Form | None) -> None:
    """Look whether all is there that the platform needs; exit status 1: something must be done."""
    findings = list(examine(paths, dagster_home(), port))
    if form is not None:
        columns = [field.name for field in dataclasses.fields(Finding)]
        print_rows(form, columns, [dataclasses.astuple(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok   [/green]" if finding.ok else "[red]to do[/red]"
            console.say(f"{mark} [bold]{{}}[/bold]: {{}}", finding.part, finding.found)
            if finding.to_do:
                console.say("      {}", finding.to_do)
    if not all(finding.ok for finding in findings):
        sys.exit(1)
