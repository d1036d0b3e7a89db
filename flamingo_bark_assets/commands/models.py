"""`flamingo-bark models`: which models are known, and getting one.

Asking and telling belong here; facts stand in the catalogues, downloading in `inference.fetching`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.tables import Form, form_options, print_rows
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import Settings, load_settings
from flamingo_bark_assets.terminal import console

_COLUMNS = (
    "purpose", "model_id", "is_default", "is_here", "revision", "parameters", "download_bytes", "download_is_computed",
    "licence",
)  # fmt: skip

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.catalogue import KnownModel


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """Show the known models, and get one."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
@form_options
@click.pass_obj
def list_models(paths: DataPaths, form: Form | None) -> None:
    """Show the known models with size, memory, licence and what is in the cache; the built-in tagger first."""
    from flamingo_bark_assets.inference.fetching import cached
    from flamingo_bark_assets.inference_settings import DEFAULT_CLAP_ID, DEFAULT_MODEL_ID

    settings = load_settings(paths.settings)
    inference = settings.inference
    if form is not None:
        print_rows(form, _COLUMNS, list(_rows(settings)))
        return
    _list_tagger(settings.tagging.enabled)
    for what, known in _known_models():
        console.say("{}:", what)
        for model in known:
            is_default = model.model_id in {DEFAULT_MODEL_ID, DEFAULT_CLAP_ID}
            snapshot = cached(model, inference.cache_folder)
            as_bf16, as_fp32 = (model.memory_bytes(dtype) / 1e9 for dtype in ("bfloat16", "float32"))
            state = f"cached at {snapshot.revision[:8]}" if snapshot else "not cached"
            default = " (default)" if is_default else ""
            console.say("  [bold]{}[/bold]{}: {}", model.model_id, default, state)
            memory = f"{as_bf16:.1f} GB bf16 / {as_fp32:.1f} GB fp32"
            parameters = f"{model.parameters / 1e9:.2f} B parameters"
            console.say("    {}, download {}, memory {}", parameters, model.size_text, memory)
            console.say("    licence: {}", model.licence)
    if inference.servers:
        console.say("servers of your own, in the chain as server:NAME:")
    for server in inference.servers:
        console.say("  [bold]server:{}[/bold]: {} at {}", server.name, server.model, server.sound_goes_to)
        console.say("    licence: {}", server.licence or "not stated; no commercial use is assumed to be allowed")


@models.command()
@click.argument("model_id")
@click.option("--revision", help="Branch, tag or commit; default: the main branch.")
@click.option("--accept-licence", is_flag=True, help="Agree to the licence without being asked.")
@click.pass_obj
def fetch(paths: DataPaths, model_id: str, revision: str | None, accept_licence: bool) -> None:
    """Download MODEL_ID: shows its licence first, resumes, checks every file."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from flamingo_bark_assets.inference import fetching
    from flamingo_bark_assets.inference.catalogue import ModelError

    by_id = {model.model_id.lower(): model for _, known in _known_models() for model in known}
    model = by_id.get(model_id.lower())
    if model is None:
        raise ModelError(f"{model_id}: not a known model; `flamingo-bark models list` shows those that are")
    console.say("{}: {}\nlicence: {}", model.name, model.size_text, model.licence)
    if not accept_licence:
        click.confirm("Do you agree to this licence?", abort=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=console.hushed) as progress:
        task = progress.add_task("downloading", total=None)

        def show(event: fetching.FetchEvent) -> None:
            progress.update(task, completed=event.done_bytes, total=event.total_bytes)

        cache_folder = load_settings(paths.settings).inference.cache_folder
        snapshot = fetching.fetch(
            model, cache_dir=cache_folder, acknowledge_licence=True, progress=show, revision=revision
        )
    console.note("{} at {} is ready", model.model_id, snapshot.revision)


def _rows(settings: Settings) -> Iterator[tuple[object, ...]]:
    """Give a row of `_COLUMNS` for each model and server; what holds for none of its kind is None."""
    from flamingo_bark_assets.inference.fetching import cached
    from flamingo_bark_assets.inference_settings import DEFAULT_CLAP_ID, DEFAULT_MODEL_ID
    from flamingo_bark_assets.tagging.network import NETWORKS
    from flamingo_bark_assets.tagging.tagger import LICENCE, MODEL_IDS

    for name in NETWORKS:
        yield "tags", MODEL_IDS[name], settings.tagging.enabled, True, None, None, 0, False, LICENCE
    for purpose, known in _known_models():
        for model in known:
            snapshot = cached(model, settings.inference.cache_folder)
            yield (
                purpose, model.model_id, model.model_id in {DEFAULT_MODEL_ID, DEFAULT_CLAP_ID}, snapshot is not None,
                snapshot.revision if snapshot else None, model.parameters, model.download_bytes,
                model.download_is_computed, model.licence,
            )  # fmt: skip
    for server in settings.inference.servers:
        yield "server", f"server:{server.name}", False, None, server.revision, None, None, None, server.licence


def _list_tagger(is_enabled: bool) -> None:
    from flamingo_bark_assets.tagging.network import NETWORKS, weights_path
    from flamingo_bark_assets.tagging.tagger import LICENCE, MODEL_IDS

    console.say("tags:")
    for name in NETWORKS:
        console.say("  [bold]{}[/bold] (default): built in{}", MODEL_IDS[name], "" if is_enabled else ", switched off")
        size = f"{weights_path(name).stat().st_size / 1e6:.1f} MB"
        console.say("    {}, no download\n    licence: {}", size, LICENCE)


def _known_models() -> tuple[tuple[str, Sequence[KnownModel]], ...]:
    """Return all known models by what they are for."""
    from flamingo_bark_assets.finetuning.models import KNOWN_BARKS
    from flamingo_bark_assets.inference.catalogue import KNOWN_MODELS
    from flamingo_bark_assets.inference.clap import KNOWN_CLAPS
    from flamingo_bark_assets.lyrics.catalogue import KNOWN_WHISPERS
    from flamingo_bark_assets.tokens.catalogue import KNOWN_TOKEN_MODELS

    return (
        ("captions", KNOWN_MODELS),
        ("second opinion", KNOWN_CLAPS),
        ("tokens of the layouts bark and bark-voice-prompts", KNOWN_TOKEN_MODELS),
        ("fine-tuning", KNOWN_BARKS),
        ("transcription of sung words (off until `[lyrics] model` names one)", KNOWN_WHISPERS),
    )
