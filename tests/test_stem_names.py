"""Names of stem files as separators, studios and people of several languages write them, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.importing import add_song
from flamingo_bark_assets.library.layout import DataPaths, StemFile, find_song
from flamingo_bark_assets.library.stem_kinds import kinds_in, only_kind
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, StemKind
from tests.signals import music, write_wav

# What separators write for song, kind and model, each pattern with {} for their word of the kind.
SEPARATORS = {
    "Ultimate Vocal Remover": ("1_Beat It_({})", "12_Artist - Drum Song_({})"),
    "audio-separator": (
        "Beat It_({})_Kim_Vocal_2", "Bass Song_({})_vocals_mel_band_roformer", "x_({})_UVR-MDX-NET-Inst_HQ_3",
        "Voices_({})_model_bs_roformer_ep_317_sdr_12", "Drums_({})_htdemucs_ft", "x_({})_kuielab_a_vocals",
        "x_({})_2_HP-UVR", "x_({})_MDX23C-8KFFT-InstVoc_HQ_2",
    ),
    "demucs": ("{}", "htdemucs_6s_{}", "Drum Song_{}", "Beat It_{}_htdemucs", "Beat It {} htdemucs"),
    "web services": ("Drum Song [{}]", "Beat It-{}-E minor-120bpm-440hz", "Beat It_{}_split_by_lalalai"),
}  # fmt: skip
WORDS: dict[StemKind, str] = {"drums": "Drums", "bass": "Bass", "vocals": "Vocals", "harmonic": "Other"}


@pytest.mark.parametrize("pattern", [pattern for patterns in SEPARATORS.values() for pattern in patterns])
def test_a_separators_file_is_of_the_kind_that_it_names(pattern: str) -> None:
    said = {kind: only_kind(pattern.format(word)) for kind, word in WORDS.items()}
    assert said == {kind: (kind, None) for kind in WORDS}


@pytest.mark.parametrize(
    ("language", "drums", "bass", "vocals", "other"),
    [
        ("German", "Schlagzeug", "Bass|Kontrabass|E-Bass", "Gesang|Stimme|Chor", "Streicher|Andere|Bläser"),
        (
            "French",
            "Batterie|Percussions|Grosse caisse",
            "Basse|Contrebasse",
            "Voix|Chant|Chœurs",
            "Claviers|Cordes|Autres",
        ),
        ("Spanish", "Batería|Percusión", "Bajo|Contrabajo", "Voz|Voces|Coros", "Teclado|Cuerdas|Otros"),
        ("Italian", "Batteria|Percussioni", "Basso|Contrabbasso", "Voce|Voci|Cori", "Tastiera|Archi|Altro"),
        ("Portuguese", "Bateria|Percussão", "Baixo|Contrabaixo", "Vocais|Voz|Vozes", "Teclados|Cordas|Outros"),
        ("Dutch", "Drumstel|Slagwerk", "Basgitaar|Contrabas", "Zang|Achtergrondzang|Koor", "Toetsen|Strijkers|Overig"),
        ("Polish", "Perkusja|Bębny", "Gitara basowa|Kontrabas", "Wokal|Głos|Chórki", "Klawisze|Smyczki|Inne"),
        (
            "Russian",
            "Барабаны|Ударные|Перкуссия",
            "Бас|Бас-гитара",
            "Вокал|Голос|Бэк-вокал",
            "Клавишные|Другое|Струнные",
        ),
        (
            "Japanese",
            "ドラム|ドラムス|パーカッション",
            "ベース",
            "ボーカル|ヴォーカル|コーラス|リードボーカル",
            "キーボード|シンセ|その他",
        ),
        ("Chinese", "鼓|鼓组|架子鼓|打击乐", "贝斯|低音吉他|貝斯", "人声|主唱|和声|人聲", "键盘|弦乐|其他|合成器"),
        ("Korean", "드럼|타악기", "베이스", "보컬|목소리|코러스", "건반|신스|나머지"),
    ],
)
def test_names_in_several_languages_say_their_kind(
    language: str, drums: str, bass: str, vocals: str, other: str
) -> None:
    for kind, names in zip(("drums", "bass", "vocals", "harmonic"), (drums, bass, vocals, other), strict=True):
        for name in names.split("|"):
            for written in (name, name.upper(), f"01 {name}", f"Beat It - {name}", f"{name}_2", f"x_({name})"):
                assert kinds_in(written) == (kind,), (language, written)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("drums", "BD|Kick In|Kick_Out|SN Top|Snr Btm|OH|OHL|OH_R|HH|Floor Tom|Rack Tom 2|Perc 1|Shkr|Tamb|Cym|03_SD"),
        ("bass", "Bs|BS DI|Bass DI|Bass Amp|Bass_Mic|Sub|DI Bass|Synth Bass|12 Bass Gtr"),
        ("vocals", "Vox|Ld Vox|LdVox|Lead Vox Dbl|BGV|BGV 3 L|BV|BVs|Bkg Vox|Voc|LV|VO|Adlibs|07 LEAD VOX comp"),
        ("guitar", "Gtr|E.Gtr L|EGtr_R|Ac Gtr|AGTR|El Gtr Clean|Rhythm Gtr|Ld Gtr|Gt 1|Gtr DI|Gitarre|吉他|ギター"),
        ("piano", "Pno|Piano L|EP|Rhodes|Wurli|Klavier|Flügel|钢琴|ピアノ|피아노|Рояль"),
        ("harmonic", "Keys|Kbd|Syn|Synth Lead|Pad|Strgs|Brass|Horns|Org|Plucks|Arp 2"),
    ],
)  # fmt: skip
def test_what_studios_write_on_a_track_says_its_kind(kind: str, names: str) -> None:
    assert {name: only_kind(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), (kind, None))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Beat It_(Vocals)", "vocals"), ("1_Song_(Vocals)", "vocals"), ("Song - Drums", "drums"),
        ("Voices Carry Guitar", "guitar"), ("Song_Bass_Guitar", "bass"),
        ("Drum-Song-Vocals", "vocals"), ("Vocals - Beat It", "vocals"), ("Drums - Voices Carry", "drums"),
        ("Artist - Bass Song – Lead Vocals", "vocals"), ("Kim Wilde - Bass", "bass"),
        ("Piano Man_steel drums", "harmonic"),
        ("Keys【Drums】", "drums"), ("Beat It「ベース」", "bass"),
    ],
)  # fmt: skip
def test_the_bracket_or_the_last_part_decides(name: str, kind: str) -> None:
    assert only_kind(name) == (kind, None)


@pytest.mark.parametrize(
    ("title", "name", "kind"),
    [
        ("Voices of Drums", "Voices of Drums lead", None),
        ("bass-drum-anthem", "Bass Drum Anthem.Keys", "harmonic"),
        ("drums", "Drums_Vocals", "vocals"),
        ("drums", "drums", "drums"),
        ("bass", "bass_di", "bass"),
        ("keys", "Keys Bass", "bass"),
        ("all-about-that-bass", "All About That Bass Drums", "drums"),
        ("no", "No Vocals", "instrumental"),
        ("Ärger im Chor", "ärger im chor 2 Schlagzeug", "drums"),
    ],
)
def test_the_title_of_the_song_says_no_kind(title: str, name: str, kind: str | None) -> None:
    assert only_kind(name, titles=(title,))[0] == kind


def test_what_all_names_begin_with_is_a_title_unless_it_is_a_stems_name() -> None:
    songs = {
        "All About That Bass": ("All About That Bass Drums", "All About That Bass Vocals"),
        "Keys Drum Song": ("Keys Drum Song bass", "Keys Drum Song voc", "Keys Drum Song drums"),
        "Drums": ("Drums Bass", "Drums Vocals", "Drums Keys"),
        "Bass": ("Bass Drum", "Bass Guitar", "Bass Synth"),
        "My bass": ("My bass dry", "My bass wet"),
    }
    expected = {
        "All About That Bass": ["drums", "vocals"],
        "Keys Drum Song": ["bass", "vocals", "drums"],
        "Drums": ["bass", "vocals", "harmonic"],
        "Bass": ["drums", "bass", "bass"],
        "My bass": ["bass", "bass"],
    }
    found = {song: [only_kind(name, beside=names)[0] for name in names] for song, names in songs.items()}
    assert found == expected


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("drums and bass", ("bass (by 'bass')", "drums (by 'drums')")),
        ("song_(Vocals)_drums", ("vocals (by 'vocals')", "drums (by 'drums')")),
        ("Song (Instrumental)_drums", ("instrumental (by 'instrumental')", "drums (by 'drums')")),
    ],
)
def test_an_ambiguous_name_is_told_with_both_readings(name: str, readings: tuple[str, ...]) -> None:
    kind, problem = only_kind(name)
    assert kind is None
    assert "more than one kind" in str(problem)
    assert all(reading in str(problem) for reading in readings)


@pytest.mark.parametrize(
    "name",
    [
        "no_vocals", "Instrumental", "inst", "song_(Instrumental)_Kim_Vocal_2", "accompaniment", "Beat It (Karaoke)",
        "Without Vocals", "Backing Track", "伴奏", "カラオケ", "반주", "минусовка", "Begleitung", "acompañamiento",
        "Song [music]", "ohne Gesang", "sans voix", "minus one", "1_Song_(Instrumental)", "Song_inst",
    ],
)  # fmt: skip
def test_an_instrumental_is_told_by_name_and_is_no_stem_of_harmonic_instruments(name: str) -> None:
    assert only_kind(name) == ("instrumental", None)
    assert kinds_in(name) == ("instrumental",)


@pytest.mark.parametrize(
    ("name", "noun"), [("no_drums", "drums"), ("Song_(No Bass)", "bass"), ("minus piano", "piano")]
)
def test_all_but_one_kind_is_told_as_a_sum(name: str, noun: str) -> None:
    assert kinds_in(name) == ()
    assert f"all but the {noun}" in str(only_kind(name)[1])


def test_an_instrumental_beside_the_vocals_is_a_stem(tmp_path: Path) -> None:
    stems = _stems(tmp_path, "vocals.wav", "no_vocals.wav", "no_drums.wav")
    assert [stems[name].fault for name in ("vocals", "no_vocals")] == [None, None]
    assert stems["no_vocals"].kind == "instrumental"
    assert "all but the drums" in str(stems["no_drums"].fault)


def test_the_id_of_the_song_is_its_title(tmp_path: Path) -> None:
    stems = _stems(tmp_path, "Voices Drum 1.wav", song_id="voices-drum")
    assert stems["voices drum 1"].kind is None


@pytest.mark.parametrize(
    "name", ["drums.ac3", "1.ape", "bass.xyz", "Gesang.DSF", "vocals", "other.mkv", "take 3.amr", "drums.wav.bak"]
)
def test_a_stem_with_an_ending_that_a_mix_may_not_have_is_told(tmp_path: Path, name: str) -> None:
    source, stems = _source(tmp_path, "keys.wav")
    (stems / name).write_bytes(b"sound of another kind")
    song = add_song(DataPaths(tmp_path), source, stems_dir=stems)
    told = [stem for stem in song.stems if stem.fault]
    stored = name.replace(".DSF", ".dsf")
    why = "has not the ending of a sound file and is left out; save it as WAV or FLAC"
    assert [stem.fault for stem in told] == [f"stems/{stored!r}: {why}"]
    assert [stem.kind for stem in song.stems if not stem.fault] == ["harmonic"]


def test_a_sound_and_another_file_of_its_name_are_not_one_stem_twice(tmp_path: Path) -> None:
    source, stems = _source(tmp_path, "drums.wav")
    (stems / "drums.ac3").write_bytes(b"x")
    faults = {
        stem.path.name: stem.fault for stem in add_song(DataPaths(tmp_path), source, stems_dir=stems).stems if stem.path
    }
    assert faults["drums.wav"] is None
    assert "'drums.ac3'" in str(faults["drums.ac3"])


@pytest.mark.parametrize(
    "name", ["drums.asd", "drums.wav.reapeaks", "vocals.txt", "cover.jpg", ".drums.ac3", "drums.mid"]
)
def test_what_lies_beside_sound_is_no_stem(tmp_path: Path, name: str) -> None:
    source, stems = _source(tmp_path, "keys.wav")
    (stems / name).write_bytes(b"x")
    assert len(add_song(DataPaths(tmp_path), source, stems_dir=stems).stems) == 1


def test_a_folder_of_other_endings_alone_is_refused_by_their_names(tmp_path: Path) -> None:
    source, stems = _source(tmp_path)
    (stems / "drums.ac3").write_bytes(b"x")
    with pytest.raises(LibraryError, match=r"'drums.ac3' has not the ending of a sound file"):
        add_song(DataPaths(tmp_path), source, stems_dir=stems)


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=20))
def test_any_name_beside_any_title_is_read(name: str, title: str) -> None:
    kind, problem = only_kind(name, titles=(title,), beside=(name, title))
    assert kind in {None, *STEM_KINDS}
    assert kind is not None or problem


def test_a_word_says_one_thing_only() -> None:
    words = [
        word for facts in KINDS.values() for word in (*facts.words.split(), *facts.weak_words.split(), *facts.pairs)
    ]
    assert sorted({word for word in words if words.count(word) > 1}) == []


def _source(folder: Path, *stems: str) -> tuple[Path, Path]:
    stems_dir = folder / "from"
    stems_dir.mkdir()
    for name in stems:
        write_wav(stems_dir / name, music(0.1))
    return write_wav(folder / "mix.wav", music(0.2)), stems_dir


def _stems(folder: Path, *names: str, song_id: str = "one") -> dict[str, StemFile]:
    source, stems_dir = _source(folder, *names)
    paths = DataPaths(folder)
    add_song(paths, source, stems_dir=stems_dir, song_id=song_id)
    return {stem.name: stem for stem in find_song(paths, song_id).stems}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("drums", "Trummor|Trommer|Rummut|Bubny|Davul|Ντραμς|תופים|طبول|Timbales|Triangle|KICK_SUB|Kick Sub"),
        ("bass", "Basgitarr|Basová kytara|Basszusgitár|Bas gitar|Μπάσο|Moog Bass"),
        ("vocals", "Sång|Körsång|Vokal|Vokaler|Laulu|Zpěv|Ének|Φωνή|שירה|غناء|Ad Libs|BV Stack|Spoken Word"),
        ("guitar", "Gitarr|Kytara|Gitár|Κιθάρα|גיטרה"),
        ("harmonic", "Hammond|Mellotron|Harmonica|Kalimba|Theremin|Glockenspiel|Steel Pan|Övrigt|Ostatní|Sintetizador"),
    ],
)
def test_more_languages_and_every_instrument_say_a_kind(kind: StemKind, names: str) -> None:
    assert {name: only_kind(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), (kind, None))


@pytest.mark.parametrize("name", ["utan sång", "uten vokal"])
def test_an_instrumental_in_any_words_is_one(name: str) -> None:
    assert only_kind(name) == ("instrumental", None)


@pytest.mark.parametrize("name", ["Instrumental w/ BGV", "inst with bgv"])
def test_an_instrumental_with_voices_is_no_kind(name: str) -> None:
    kind, problem = only_kind(name)
    assert kind not in {"vocals", "instrumental"}
    assert problem is not None
