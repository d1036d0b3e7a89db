"""The exports as assets: one a target, made on demand, with a check that replays what its trainer reads.

Only what Dagster adds belongs here; layouts stand in `exports`, the replay in `verification`.
"""

import json

import dagster as dg
from pydantic import Field

from flamingo_bark_assets.defs.datasets import told_in_one_line
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.specs import OWNER
from flamingo_bark_assets.exports.interface import Target
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.text import number_of

CHECK = "loads_and_trains"


class ExportConfig(dg.Config):
    """What one export may hold."""

    commercial: bool = Field(False, description="Leave out what does not allow commercial use.")
    view: str | None = Field(None, description="View of the clips in place of the layout's own, such as 30s or full.")
    by_artist: bool = Field(False, description="Keep all songs of an artist in one split.")
    accepted_only: bool = Field(False, description="Leave out songs that nobody has accepted.")
    custom_tag: str = Field("", description="Custom tag of each text, before it; '' for that of the settings.")


def _asset_of(target: Target) -> dg.AssetsDefinition:
    name = f"export_{target.NAME.replace('-', '_')}"

    @dg.asset(
        name=name,
        deps=["training_clips", "training_splits", "song_metadata", "song_review", "song_lyrics"],
        group_name="exports",
        kinds={"python", "file"},
        owners=[OWNER],
        description=f"{target.TITLE} {target.AUDIENCE}",
        code_version=target.VERSION,
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=name,
                description="What its trainer reads was replayed: nothing would fail, or train badly in silence.",
            )
        ],
    )
    def exported(context: dg.AssetExecutionContext, platform: Platform, config: ExportConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]
        from flamingo_bark_assets.exports.run import export
        from flamingo_bark_assets.exports.songs import StoredSongs, chosen_options
        from flamingo_bark_assets.verification.report import report_json
        from flamingo_bark_assets.verification.run import verify_export

        out = platform.paths.exports / target.NAME
        options = chosen_options(
            platform.paths, platform.settings, out, view=config.view, commercial=config.commercial,
            accepted_only=config.accepted_only, by_artist=config.by_artist, custom_tag=config.custom_tag,
        )  # fmt: skip
        with told_in_one_line():
            songs = StoredSongs(platform.paths, platform.settings, target, options)
            songs.settle_splits()
            report = export(target, songs, out, options)
            verification = verify_export(out)
        for missing in report.missing:
            context.log.warning(missing)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(report.clips.values()),
                "path": dg.MetadataValue.path(out),
                "hours": sum(report.hours.values()),
                "clips": dg.MetadataValue.json({str(k): v for k, v in report.clips.items()}),
                "songs": dg.MetadataValue.json({str(k): v for k, v in report.songs.items()}),
                "units_written": report.units_written,
                "units_kept": report.units_kept,
                "notes": dg.MetadataValue.json(dict(report.notes)),
                "missing": dg.MetadataValue.json(list(report.missing)),
                "command": dg.MetadataValue.md(f"```sh\n{report.command}\n```" if report.command else report.use),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=verification.is_clean,
                    description="; ".join(f"{f.file}: {f.message}" for f in verification.findings[:10])
                    or f"nothing found in {number_of(sum(report.clips.values()), 'clip')}",
                    metadata={"findings": dg.MetadataValue.json(json.loads(report_json(verification)))},
                )
            ],
        )

    return exported


exports: list[dg.AssetsDefinition] = [_asset_of(target) for target in TARGETS.values()]
