"""Songs known by names alone: each layout of people, separators and data sets, and what is told in place of a guess."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flamingo_bark_assets.library.recognising import Recognised, recognise
from flamingo_bark_assets.library.trees import Folder, Tree, read_tree

Names = dict[str, dict[str, str]]


def make(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def recognised(root: Path) -> Recognised:
    return recognise(read_tree([root]))


def songs_of(root: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """Each mix with what its song is called, and its stems with what they are called."""
    return {
        song.mix.relative_to(root).as_posix(): (
            song.name,
            {stem.path.relative_to(root).as_posix(): stem.name for stem in song.stems},
        )
        for song in recognised(root).songs
    }


def left_out(root: Path) -> str:
    return "\n".join(one.sentence() for one in recognised(root).left_out)


FOUR = ("bass", "drums", "other", "vocals")

LAYOUTS: dict[str, tuple[tuple[str, ...], Names]] = {
    "flat": (("a.mp3", "Ann - Hill.flac", "cover.jpg", "Deep Bass.wav"), {"a": {}, "Ann - Hill": {}, "Deep Bass": {}}),
    "a folder a song": (
        ("Green/song.mp3", "Green/stems/drums.wav", "Green/stems/take 2.wav", "Red/mix.wav", "Red/bass.wav"),
        {
            "Green": {"Green/stems/drums.wav": "drums", "Green/stems/take 2.wav": "take 2"},
            "Red": {"Red/bass.wav": "bass"},
        },
    ),
    "stems by instrument": (
        ("Proj/Proj.wav", "Proj/Stems/Drums/kick.wav", "Proj/Stems/Drums/snare.wav", "Proj/Stems/bass.wav"),
        {"Proj": {f"Proj/Stems/{file}.wav": Path(file).name for file in ("Drums/kick", "Drums/snare", "bass")}},
    ),
    "Demucs": (
        ("mixes/A B.mp3", *(f"separated/htdemucs_6s/A B/{kind}.wav" for kind in (*FOUR, "guitar", "piano"))),
        {"A B": {f"separated/htdemucs_6s/A B/{kind}.wav": kind for kind in (*FOUR, "guitar", "piano")}},
    ),
    "Demucs of two stems": (
        ("X.mp3", "separated/htdemucs/X/vocals.wav", "separated/htdemucs/X/no_vocals.wav"),
        {"X": {"separated/htdemucs/X/vocals.wav": "vocals", "separated/htdemucs/X/no_vocals.wav": "no_vocals"}},
    ),
    "UVR": (
        ("Bass Song.mp3", "1_Bass Song_(Vocals).wav", "1_Bass Song_(Instrumental).wav", "1_Bass Song_(Drums).wav"),
        {"Bass Song": {f"1_Bass Song_({part}).wav": part for part in ("Vocals", "Instrumental", "Drums")}},
    ),
    "MDX in another folder": (
        ("in/Tune.mp3", "out/Tune_(Vocals)_model_bs_roformer.wav", "out/Tune_(Instrumental)_model_bs_roformer.wav"),
        {"Tune": {f"out/Tune_({part})_model_bs_roformer.wav": part for part in ("Vocals", "Instrumental")}},
    ),
    "Spleeter": (
        ("Track.wav", "out/Track/vocals.wav", "out/Track/accompaniment.wav"),
        {"Track": {"out/Track/vocals.wav": "vocals", "out/Track/accompaniment.wav": "accompaniment"}},
    ),
    "MUSDB18": (
        ("train/Ann - Hill/mixture.wav", *(f"train/Ann - Hill/{kind}.wav" for kind in FOUR)),
        {"Ann - Hill": {f"train/Ann - Hill/{kind}.wav": kind for kind in FOUR}},
    ),
    "bounces": (
        ("Dub - Drums.wav", "Dub - Bass Gtr.wav", "Dub - Master.wav", "Ska.wav", "Ska Drums.wav", "Ska Lead Vox.wav"),
        {
            "Dub": {"Dub - Drums.wav": "Drums", "Dub - Bass Gtr.wav": "Bass Gtr"},
            "Ska": {"Ska Drums.wav": "Drums", "Ska Lead Vox.wav": "Lead Vox"},
        },
    ),
    "Suno": (
        ("Dune.mp3", "Dune (Vocals).wav", "Dune (Live).mp3", "Reef.mp3", "Reef Stems/Reef (Backing Vocals).wav"),
        {
            "Dune": {"Dune (Vocals).wav": "Vocals"}, "Dune (Live)": {},
            "Reef": {"Reef Stems/Reef (Backing Vocals).wav": "Backing Vocals"},
        },
    ),
    "Native Instruments": (("Gus.stem.mp4", "Hal.stem.m4a"), {"Gus": {}, "Hal": {}}),
    "two formats": (
        ("Two/Two.mp3", "Two/Two.wav", "Two/drums.wav", "Two/drums.mp3"), {"Two": {"Two/drums.wav": "drums"}},
    ),
    "services that write tempo, key and their name": (
        ("Foo.mp3", "Foo-bass-C major-120bpm-440hz.wav", "Foo-drums-C major-120bpm-440hz.wav", "Go.mp3",
         "Go_vocals_split_by_lalalai.mp3", "Go - Drums - 98 bpm.wav"),
        {
            "Foo": {f"Foo-{kind}-C major-120bpm-440hz.wav": kind for kind in ("bass", "drums")},
            "Go": {"Go - Drums - 98 bpm.wav": "Drums", "Go_vocals_split_by_lalalai.mp3": "vocals"},
        },
    ),
    "names that only their spelling tells apart": (
        (
            "か.mp3", "が.mp3", "Hey!.mp3", "Hey?.mp3", "x/か/drums.wav", "x/が/bass.wav", "Hey? - Drums.wav",
            "x/🔥/bass.wav", "🔥.mp3",
        ),
        {
            "か": {"x/か/drums.wav": "drums"}, "が": {"x/が/bass.wav": "bass"}, "Hey!": {},
            "Hey?": {"Hey? - Drums.wav": "Drums"}, "🔥": {"x/🔥/bass.wav": "bass"},
        },
    ),
    "a mix among its stems": (
        ("Dune Stems/Dune.mp3", "Dune Stems/Dune (Vocals).mp3", "Multitracks/A/mix.wav", "Multitracks/A/bass.wav"),
        {"Dune": {"Dune Stems/Dune (Vocals).mp3": "Vocals"}, "A": {"Multitracks/A/bass.wav": "bass"}},
    ),
    "two downloads of one title": (
        ("Dune.mp3", "Dune (1).mp3", "Dune Stems (1)/bass.mp3", "Dune Stems/drums.mp3"),
        {"Dune": {"Dune Stems/drums.mp3": "drums"}, "Dune (1)": {"Dune Stems (1)/bass.mp3": "bass"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_known_by_its_names(tmp_path: Path, layout: str) -> None:
    files, expected = LAYOUTS[layout]
    found = songs_of(make(tmp_path / "inbox", *files))
    assert dict(found.values()) == expected


def test_medleydb_says_what_its_stems_are(tmp_path: Path) -> None:
    root = make(tmp_path, "A_S/A_S_MIX.wav", "A_S/A_S_STEMS/A_S_STEM_01.wav", "A_S/A_S_RAW/A_S_RAW_01_01.wav")
    (root / "A_S/A_S_METADATA.yaml").write_text(
        "artist: Al\ntitle: Sun\nstems:\n  S01: {filename: A_S_STEM_01.wav, instrument: electric bass}\n"
    )
    (song,) = recognised(root).songs
    assert [(stem.path.name, stem.name) for stem in song.stems] == [("A_S_STEM_01.wav", "electric bass")]
    assert (song.says.artist, song.says.title, song.layout) == ("Al", "Sun", "MedleyDB")
    assert "A_S_RAW_01_01.wav': MedleyDB's raw tracks" in left_out(root)


def test_moisesdb_has_stems_by_folder_and_a_mix_only_where_someone_put_one(tmp_path: Path) -> None:
    root = make(tmp_path, "u1/drums/x.wav", "u1/drums/y.wav", "u1/bass/z.wav", "u1/mixture.wav", "u2/bass/z.wav")
    for folder in ("u1", "u2"):
        (root / folder / "data.json").write_text(
            '{"song": "Sun", "artist": "Al", "stems": [{"stemName": "drums"}, {"stemName": "bass"}]}'
        )
    (song,) = recognised(root).songs
    assert [(stem.path.name, stem.name) for stem in song.stems] == [
        ("z.wav", "bass"), ("x.wav", "drums"), ("y.wav", "drums 2"),
    ]  # fmt: skip
    assert (song.says.artist, song.says.title) == ("Al", "Sun")
    assert "u2: 'bass/z.wav': MoisesDB holds stems and no mix, and no mix is made of stems" in left_out(root)


def test_of_several_models_the_one_with_most_stems_is_taken_and_told(tmp_path: Path) -> None:
    files = [f"separated/{model}/S/{kind}.wav" for model in ("htdemucs", "mdx") for kind in ("drums", "vocals")]
    root = make(tmp_path, "S.mp3", *files, "separated/mdx/S/bass.wav")
    (song,) = recognised(root).songs
    assert {stem.path.parent.parent.name for stem in song.stems} == {"mdx"}
    assert song.notes == ("of several sets of stems mdx/S (3) was taken, not htdemucs/S (2)",)
    assert "the stems of mdx/S were taken" in left_out(root)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("vocals.wav", "instrumental.wav"), "2 stems without a mix, and no mix is made of stems"),
        (("X_(Vocals).wav", "X_(Instrumental).wav"), "put the mix of 'X' beside them, as 'X.wav'"),
        (("sep/htdemucs/Gone/vocals.wav",), "a stem without a mix, and no mix is made of stems: put the mix of 'Gone'"),
        (("a.mp3", "b.mp3", "drums.wav"), "it is not clear to which of 2 sounds beside them they belong"),
        (("Sun.wav", "Sun Drums.wav"), "may be the Drums of 'Sun.wav' or a song of its own"),
        (("Artist - Piano.mp3", "b.mp3"), "may be the Piano of 'Artist', which is not here, or a song"),
        (("S.wav", "S - Master.wav", "S - Bass.wav"), "may be a mix of the same song as 'S.wav', which was taken"),
        (("A/I.mp3", "B/I.mp3", "sep/I/drums.wav"), "I.mp3 are called so; put them beside one"),
        (("X/mix.wav", "X/master.wav", "X/a.wav"), "it is not clear which of them is the mix; leave one"),
        (("X/song.wav", "X/stems/drums.ac3"), "'drums.ac3': has not the ending of a sound file that is read"),
        (("X.wav", "X.mp3"), "'X.mp3': is called as 'X.wav', which was taken"),
        (("Al/Moon.mp3", "Al/Drums.mp3"), "'Drums.mp3': may be stems of 'Moon.mp3', or songs"),
        (("Al/Drums.mp3", "Al/Bass.mp3", "Al/Piano Man.mp3"), "may be stems of 'Piano Man.mp3', or songs"),
        (
            tuple(f"A/0{n} {t}.mp3" for n, t in enumerate(("Bass", "Drums", "Vocals", "Man"))),
            "of '03 Man.mp3', or songs",
        ),
        (("A/mix.wav", "A/drums.wav", "A/Sketch.wav"), "'Sketch.wav': lies beside 'mix.wav' and its stems"),
        (("S.wav", "S - Bass.wav", "S - Sketch.wav"), "'S - Sketch.wav': may be a stem of 'S.wav', as its name begins"),
        (("S.wav", "S_Drums_v2.wav"), "'S_Drums_v2.wav': may be a stem of 'S.wav', as its name begins"),
        (("The Stems/A/1 Sun.mp3", "The Stems/A/2 Sky.mp3"), "name files that are songs one by one to add them"),
    ],
)
def test_what_can_be_read_in_two_ways_or_lacks_its_mix_is_told(
    tmp_path: Path, files: tuple[str, ...], told: str
) -> None:
    root = make(tmp_path / "inbox", *files)
    assert told in left_out(root)
    # And no file is lost without a word.
    found = recognised(root)
    named = {song.mix for song in found.songs} | {stem.path for song in found.songs for stem in song.stems}
    named |= {one.path / name for one in found.left_out for name in one.files} | {one.path for one in found.left_out}
    assert {root / file for file in files} <= named


def test_the_nearest_licence_file_is_that_of_a_song(tmp_path: Path) -> None:
    root = make(tmp_path, "LICENSE", "a.wav", "B/b.wav", "C/licence.txt", "C/c.wav", "C/licence of sounds.wav")
    found = {
        song.mix.name: song.licence and song.licence.relative_to(root).as_posix() for song in recognised(root).songs
    }
    assert (found["a.wav"], found["b.wav"], found["c.wav"]) == ("LICENSE", "LICENSE", "C/licence.txt")


def test_a_licence_of_one_song_is_not_that_of_another_and_a_text_about_a_song_is_none(tmp_path: Path) -> None:
    files = (
        "Rights of Man.mp3",
        "Rights of Man.txt",
        "Sun.mp3",
        "license_Sun.txt",
        "B/b.mp3",
        "B/LICENSE",
        "B/COPYING.md",
    )
    found = {song.mix.name: song for song in recognised(make(tmp_path, *files)).songs}
    assert found["Rights of Man.mp3"].licence is None
    assert found["Sun.mp3"].licence == tmp_path / "license_Sun.txt"
    assert found["b.mp3"].licence is None
    assert "which of 'COPYING.md', 'LICENSE' is its licence is not clear" in found["b.mp3"].notes[0]


def test_a_song_is_never_called_as_any_mix_is(tmp_path: Path) -> None:
    make(
        tmp_path,
        "Ann - Hill/mixture.wav",
        "Ann - Hill/drums.wav",
        "Ann - Hill/linear_mixture.wav",
        "Go/mix.wav",
        "Go/b.wav",
    )
    found = {song.mix.relative_to(tmp_path).as_posix(): song.name for song in recognised(tmp_path).songs}
    assert found == {"Ann - Hill/mixture.wav": "Ann - Hill", "Go/mix.wav": "Go mix", "Go/b.wav": "b"}


@pytest.mark.parametrize("place", [".", "a.wav"])
def test_the_folder_that_one_stands_in_is_looked_at_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(make(tmp_path / "Here", "a.wav", "mix.wav", "LICENSE"))
    tree = {song.mix.name: song for song in recognise(read_tree([Path(place), Path("mix.wav")])).songs}
    assert tree["a.wav"].licence == (Path("LICENSE") if place == "." else None)
    assert tree["mix.wav"].name == "Here mix"


def test_links_that_leave_the_tree_loops_pipes_and_odd_bytes_are_told_and_cost_nothing_else(tmp_path: Path) -> None:
    root = make(tmp_path / "in", "a.wav", os.fsdecode(b"caf\xe9.wav"), "deep/b.wav", ".hidden/c.wav", "__MACOSX/d.wav")
    make(tmp_path, "outside/secret.wav")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out.wav").symlink_to(tmp_path / "outside/secret.wav")
    (root / "loop").symlink_to(root)
    (root / "dead.wav").symlink_to("none")
    os.mkfifo(root / "pipe.wav")
    assert [song.mix.name for song in recognised(root).songs] == ["a.wav", os.fsdecode(b"caf\xe9.wav"), "b.wav"]
    told = left_out(root)
    for name, why in [
        ("out", "leaves"), ("out.wav", "leaves"), ("loop", "link"), ("dead.wav", "nowhere"), ("pipe.wav", "regular"),
    ]:  # fmt: skip
        assert any(line.startswith(f"{root / name}: ") and why in line for line in told.splitlines()), name


def test_a_folder_that_cannot_be_read_is_told_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(tmp_path, "a.wav", "shut/b.wav")
    really = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = recognised(root)
    assert [song.mix.name for song in found.songs] == ["a.wav"]
    assert [(one.path.name, one.is_fault) for one in found.left_out] == [("shut", True)]


def test_paths_that_overlap_are_looked_at_once(tmp_path: Path) -> None:
    root = make(tmp_path, "A/a.wav", "A/B/b.wav", "c.wav", "d.wav")
    found = recognise(read_tree([root / "A", root / "A/B", root / "A/a.wav", root / "c.wav", root / "none.wav"]))
    assert [song.mix.name for song in found.songs] == ["b.wav", "a.wav", "c.wav"]
    assert [one.sentence() for one in found.left_out] == [f"{root / 'none.wav'}: does not exist"]


def test_a_tree_of_many_thousand_names_is_recognised(tmp_path: Path) -> None:
    names = tuple(f"Song {number}{end}" for number in range(2000) for end in (".mp3", "_(Vocals).wav", ".txt"))
    found = recognise(Tree({tmp_path: Folder(tmp_path, names)}))
    assert len(found.songs) == 2000
    assert all(len(song.stems) == 1 for song in found.songs)
