"""What ai-toolkit and Side-Step read beside a sound: their ``X.txt``, and a job of ai-toolkit.

The text of these files belongs here; where they stand does not.
"""

from __future__ import annotations

import json
from pathlib import Path

from flamingo_bark_assets.custom_tag import CustomTag
from flamingo_bark_assets.exports.interface import ExportedClip, ExportOptions
from flamingo_bark_assets.exports.vocabulary import UNKNOWN_LANGUAGE, clean_line, key_name, metre_number, whole_bpm

NO_VOICE = "[Instrumental]"
AI_TOOLKIT, SIDE_STEP = "ai-toolkit", "side-step"


def _tagged(clip: ExportedClip, options: ExportOptions) -> str:
    return CustomTag(clip.custom_tag, options.tag_position).put_into(clip.text) if clip.custom_tag else clip.text


def whole_seconds(clip: ExportedClip) -> int:
    """Return the length of a clip as the trainers count it, s."""
    return int(clip.files["audio"].duration_s or 0)


def genre_line(clip: ExportedClip) -> str:
    """Return the genres of a clip in one line; "" where none is known."""
    return ", ".join(clip.genres)


def language_code(clip: ExportedClip) -> str:
    """Return the ISO 639-1 code of the words of a clip; "unknown" where it is not known, or it has no words."""
    return (clip.clip.lyrics_language if clip.lyrics is not None else None) or UNKNOWN_LANGUAGE


def ai_toolkit_text(clip: ExportedClip, options: ExportOptions) -> str:
    """Write the tagged text of ai-toolkit."""
    # Its custom tag would stand before the first tag, where it is not read: it is part of the caption.
    fields = (
        ("BPM", whole_bpm(clip.clip.tempo_bpm)),
        ("KEYSCALE", key_name(clip.clip.key)),
        ("TIMESIGNATURE", metre_number(clip.clip.metre)),
        ("DURATION", whole_seconds(clip)),
        ("LANGUAGE", language_code(clip)),
    )
    return (
        f"<CAPTION>\n{_tagged(clip, options)}\n</CAPTION>\n<LYRICS>\n{clip.lyrics or NO_VOICE}\n</LYRICS>\n"
        + "".join(f"<{name}>{value}</{name}>\n" for name, value in fields if value is not None)
    )


def side_step_text(clip: ExportedClip, options: ExportOptions) -> str:
    """Write the fields of Side-Step, a line each."""
    fields = (
        ("caption", clip.text),
        ("genre", genre_line(clip)),
        ("bpm", whole_bpm(clip.clip.tempo_bpm)),
        ("key", key_name(clip.clip.key)),
        ("signature", metre_number(clip.clip.metre)),
        ("is_instrumental", "true" if clip.lyrics is None else "false"),
        ("custom_tag", clip.custom_tag),
    )
    lines = [f"{name}: {value}\n" for name, value in fields if value]
    return f"{''.join(lines)}lyrics:\n{clip.lyrics or NO_VOICE}\n"  # Lyrics last: all after them is theirs.


def ai_toolkit_config(folder: Path, options: ExportOptions) -> str:
    """Return a job of ai-toolkit with the defaults of its own page for ACE-Step 1.5; JSON, which is YAML too."""
    process = {
        "type": "diffusion_trainer",
        "training_folder": "output",
        "device": "cuda",
        "network": {"type": "lora", "linear": 32, "linear_alpha": 32},
        "save": {"dtype": "bf16", "save_every": 250, "max_step_saves_to_keep": 4},
        "datasets": [
            {
                "folder_path": str(folder / AI_TOOLKIT / "train"),
                "caption_ext": "txt",
                "caption_dropout_rate": 0.05,
                "cache_latents_to_disk": False,
                "num_repeats": 1,
            }
        ],
        "train": {
            "batch_size": 1,
            "steps": 3000,
            "gradient_checkpointing": True,
            "noise_scheduler": "flowmatch",
            "timestep_type": "linear",
            "optimizer": "adamw8bit",
            "lr": 0.0001,
            "dtype": "bf16",
            "disable_sampling": True,
        },
        "model": {
            "name_or_path": "ostris/ace_step_1.5_ComfyUI_files/ace_step_1.5_base_aio.safetensors",
            "arch": "ace_step_15",
            "quantize": True,
            "quantize_te": True,
            "qtype": "qfloat8",
            "low_vram": True,
        },
    }
    job = {
        "job": "extension",
        "config": {"name": clean_line(options.custom_tag) or "flamingo-bark", "process": [process]},
    }
    return f"{json.dumps(job, indent=2)}\n"
