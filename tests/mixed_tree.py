"""A tree of 40 small songs in every layout that `flamingo-bark add` knows, and some sounds that are no songs.

python -m tests.mixed_tree OUT && flamingo-bark add OUT && flamingo-bark run
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray
from tests.signals import write_audio
from tests.songs import RATE_HZ, tiny_stems

SONGS = 40
MUSDB_STEMS = ("drums", "bass", "vocals", "other")


class _Writer:
    """Writes songs, each other music than those before."""

    def __init__(self, out: Path, duration_s: float) -> None:
        self._out = out
        self._duration_s = duration_s
        self.songs = 0

    def song(self, mix: str, stems: Mapping[str, str | tuple[str, ...]] | None = None) -> None:
        """Write a mix and its stems: file name without ending, and which of the four parts it is the sum of."""
        self.songs += 1
        parts = self.parts(self.songs)
        self._write(mix, np.sum(list(parts.values()), axis=0))
        for name, held in (stems or {}).items():
            kinds = (held,) if isinstance(held, str) else held
            self._write(name, np.sum([parts[kind] for kind in kinds], axis=0))

    def parts(self, seed: int) -> dict[str, FloatArray]:
        return tiny_stems(self._duration_s, seed=seed, bpm=90.0 + seed)

    def container(self, name: str, names: Sequence[str] | None) -> None:
        """Write a file of Native Instruments' kind."""
        self.songs += 1
        parts = self.parts(self.songs)
        streams = [np.sum(list(parts.values()), axis=0), *(parts[kind] for kind in MUSDB_STEMS)]
        write_stem_container(self._out / name, streams, names)

    def text(self, name: str, text: str) -> None:
        path = self._out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _write(self, name: str, samples: FloatArray) -> None:
        path = self._out / (name if Path(name).suffix in {".wav", ".flac"} else f"{name}.wav")
        write_audio(path, np.asarray(samples, np.float32), rate_hz=RATE_HZ)


def make_tree(out: Path, *, duration_s: float) -> None:
    """Write the tree."""
    tree = _Writer(out, duration_s)
    for number in range(1, 8):
        tree.song(f"flat/{number:02d} Flat Song {number}{'.flac' if number % 2 else '.wav'}")
    tree.song("flat/Worded.wav")
    tree.text("flat/Worded.txt", "caption: A small tune.\nbpm: 98\n")
    tree.text("flat/LICENSE.txt", "CC0-1.0\n")
    for name in ("Green", "Blue", "Red"):
        tree.song(f"folders/{name}/song", {f"folders/{name}/stems/{kind}": kind for kind in MUSDB_STEMS})
    tree.song("folders/Bare Folder/My Take", {f"folders/Bare Folder/{kind}": kind for kind in MUSDB_STEMS})
    for name in ("River", "Lake"):
        stems = {f"demucs/separated/htdemucs/{name}/{kind}": kind for kind in MUSDB_STEMS}
        tree.song(f"demucs/{name}", stems)
    both = {f"demucs/separated/{model}/Sea/{kind}": kind for model in ("htdemucs", "mdx") for kind in MUSDB_STEMS[:3]}
    tree.song("demucs/Sea", both | {"demucs/separated/htdemucs/Sea/other": "other"})
    rest = ("drums", "bass", "other")
    two = "demucs/separated/htdemucs/Pond"
    tree.song("demucs/Pond", {f"{two}/vocals": "vocals", f"{two}/no_vocals": rest})
    for name in ("Oak", "Elm", "Ash"):
        stems = {f"uvr/1_{name}_({kind.title()})": kind for kind in MUSDB_STEMS}
        tree.song(f"uvr/{name}", stems)
    uvr = "uvr/out/Fir_({})_model_bs_roformer"
    tree.song("uvr/Fir", {uvr.format("Vocals"): "vocals", uvr.format("Instrumental"): rest})
    for name in ("One", "Two", "Three"):
        folder = f"spleeter/out/Spleeted {name}"
        tree.song(f"spleeter/Spleeted {name}", {f"{folder}/vocals": "vocals", f"{folder}/accompaniment": rest})
    for name in ("Ann - Hill", "Bob - Vale", "Cyd - Moor"):
        tree.song(f"musdb18/train/{name}/mixture", {f"musdb18/train/{name}/{kind}": kind for kind in MUSDB_STEMS})
    for number in (1, 2):
        _moises(tree, f"moisesdb/0000000{number}-aaaa-bbbb-cccc-ddddeeeeffff", f"Moon {number}")
    for name in ("Dee_Kite", "Eve_Drum", "Fay_Bell"):
        _medley(tree, name)
    tree.container("native/Gus - Stems.stem.mp4", ("Drums", "Bass", "Vocals", "Melody"))
    tree.container("native/Hal - Parts.stem.m4a", ("Drums", "Bass", "Vocals", "Synth"))
    tree.song("bounces/Ableton", {f"bounces/Ableton - {kind.title()}": kind for kind in MUSDB_STEMS})
    tree.song("bounces/Logic - Master", {f"bounces/Logic - {kind.title()}": kind for kind in MUSDB_STEMS})
    tree.song("bounces/Spaced", {f"bounces/Spaced {kind.title()}": kind for kind in MUSDB_STEMS[:3]})
    tree.song("suno/Beach", {f"suno/Beach ({kind.title()})": kind for kind in MUSDB_STEMS[:3]})
    tree.song("suno/Dune", {f"suno/Dune Stems/Dune ({kind.title()})": kind for kind in MUSDB_STEMS[:3]})
    tree.song("udio/Reef", {f"udio/Reef Stems/{kind}": kind for kind in MUSDB_STEMS})
    tree.song("two/Pair/mix", {"two/Pair/vocals": "vocals", "two/Pair/instrumental": rest})
    assert tree.songs == SONGS
    _no_songs(out, duration_s)


def _moises(tree: _Writer, folder: str, title: str) -> None:
    tree.song(f"{folder}/mixture", {f"{folder}/{kind}/{kind[0] * 8}-1111": kind for kind in MUSDB_STEMS})
    stems = [{"id": kind, "stemName": kind, "tracks": [{"id": f"{kind[0] * 8}-1111", "extension": "wav"}]}
             for kind in MUSDB_STEMS]  # fmt: skip
    said = {"id": folder, "song": title, "artist": "Ida", "genre": "singer_songwriter", "stems": stems}
    tree.text(f"{folder}/data.json", json.dumps(said))


def _medley(tree: _Writer, name: str) -> None:
    folder = f"medleydb/{name}"
    stem = f"{folder}/{name}_STEMS/{name}_STEM_0{{}}"
    instruments = {1: "drum set", 2: "electric bass", 3: "female singer", 4: "piano"}
    kinds = dict(zip(instruments, MUSDB_STEMS, strict=True))
    tree.song(f"{folder}/{name}_MIX", {stem.format(number): kind for number, kind in kinds.items()})
    artist, title = name.split("_")
    lines = [f"artist: {artist}", f"title: {title}", "genre: Rock", f"mix_filename: {name}_MIX.wav", "stems:"]
    for number, instrument in instruments.items():
        lines += [f"  S0{number}:", f"    filename: {name}_STEM_0{number}.wav", f"    instrument: {instrument}"]
    tree.text(f"{folder}/{name}_METADATA.yaml", "\n".join(lines) + "\n")


def _no_songs(out: Path, duration_s: float) -> None:
    """Write what is told and not added: stems without a mix, raw tracks, a stem that may be a song."""
    others = _Writer(out, duration_s)
    parts = others.parts(SONGS + 1)
    for name in ("lost/Gone - Vocals", "lost/Gone - Instrumental", "medleydb/Dee_Kite/Dee_Kite_RAW/Dee_Kite_RAW_01_01"):
        write_audio(out / f"{name}.wav", parts["vocals"], rate_hz=RATE_HZ)


def write_stem_container(path: Path, streams: Sequence[FloatArray], names: Sequence[str] | None) -> None:
    """Write an MP4 of several streams of AAC, the first of them the mix, and the box that names the stems."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        outputs = [container.add_stream("aac", rate=RATE_HZ, layout="mono") for _ in streams]
        for output, samples in zip(outputs, streams, strict=True):
            frame = av.AudioFrame.from_ndarray(np.asarray(samples, np.float32)[None, :], format="fltp", layout="mono")
            frame.sample_rate = RATE_HZ
            container.mux(output.encode(frame))
            container.mux(output.encode(None))
    if names is None:
        return
    said = json.dumps({"version": 1, "stems": [{"name": name, "color": "#FF0000"} for name in names]}).encode()
    data = path.read_bytes()
    at = data.rindex(b"moov") - 4  # FFmpeg writes it behind the sound, so that no place in the file changes.
    size = int.from_bytes(data[at : at + 4], "big")
    assert at + size == len(data)
    box = _box(b"udta", _box(b"stem", said))
    path.write_bytes(data[:at] + (size + len(box)).to_bytes(4, "big") + data[at + 4 :] + box)


def _box(name: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body


def main() -> None:
    """Write the tree for a person."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    make_tree(arguments.out, duration_s=arguments.seconds)
    print(f"{SONGS} songs in {arguments.out}")


if __name__ == "__main__":
    main()
