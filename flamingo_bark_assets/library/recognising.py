"""Songs in a tree of files by their names: which file is a mix, which are its stems, and what is neither and why.

The layouts that people, separators and data sets use belong here. No sound is opened, and no mix is ever made of stems:
where it is missing that is told.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flamingo_bark_assets.files.opening import shown
from flamingo_bark_assets.library.dataset_notes import (
    METADATA_ENDING,
    MOISES_NOTES,
    NO_NOTES,
    SongNotes,
    read_medley_notes,
    read_moises_notes,
)
from flamingo_bark_assets.library.song_names import (
    Split,
    beginnings,
    is_mix_word,
    is_numbered,
    is_part,
    is_plain_folder,
    mix_splits,
    name_key,
    raw_folder_base,
    spelled,
    stem_splits,
    stems_folder_base,
)
from flamingo_bark_assets.library.sound_names import NO_SOUND_ENDING, has_audio_suffix, is_unread_stem
from flamingo_bark_assets.library.stem_kinds import kinds_in
from flamingo_bark_assets.library.trees import Folder, LeftOut, Tree

CONTAINER_ENDINGS = (".stem.mp4", ".stem.m4a")
"""Of Native Instruments' files: the first stream is the mix, the others are its stems."""
_LOSSLESS = (".wav", ".wave", ".flac", ".aif", ".aiff", ".w64", ".caf", ".wv")
_LICENCE = re.compile(r"(?:licen[cs]e|copying|rights)(?:[-_ .](?P<of>.*))?", re.IGNORECASE)
_LICENCE_ENDINGS = ("", ".txt", ".md")
_MUSDB_MIX = "mixture"
_NO_MIX = "no mix is made of stems"
_NO_KIND = "put a kind of stem into its name, or name the file alone to add it as a song"
_FEWEST_KINDS = 3


@dataclass(frozen=True, slots=True)
class FoundStem:
    """One stem of a song.

    Attributes:
        path: the file.
        name: what its name says it is, without title and ending.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class FoundSong:
    """One song of a tree.

    Attributes:
        mix: the file of the whole song.
        name: what the song is called by its file, or by its folder where the file is called ``mixture`` or the like.
        layout: by which layout it was known, in words.
        stems: its stems, sorted by name; of a container they are in the mix.
        says: what a data set's own file says of it.
        licence: a file that may state the licence: the nearest above it.
        notes: what was decided about it, a sentence each.
        named_by_folder: whether the name is the folder's.
    """

    mix: Path
    name: str
    layout: str
    stems: tuple[FoundStem, ...] = ()
    says: SongNotes = NO_NOTES
    licence: Path | None = None
    notes: tuple[str, ...] = ()
    named_by_folder: bool = False

    @property
    def is_container(self) -> bool:
        """Whether its stems are streams of the mix's file."""
        return is_container(self.mix.name)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was recognised in a tree.

    Attributes:
        songs: sorted by path.
        left_out: what is no song and no stem of one, and why.
    """

    songs: tuple[FoundSong, ...]
    left_out: tuple[LeftOut, ...]


def recognise(tree: Tree, *, is_one_song: bool = False) -> Recognised:
    """Find the songs in a tree.

    Where names can be read in several ways nothing is chosen in silence: it is left out, or noted, with the reason.

    Args:
        tree: the names.
        is_one_song: whether a person has said that all of it is one song, so that "Drums" beside it is no other song.
    """
    return _Recogniser(tree, is_one_song=is_one_song).run()


def is_container(name: str) -> bool:
    """Tell whether a file holds stems as streams beside the mix, by its name."""
    return name.lower().endswith(CONTAINER_ENDINGS)


def is_layout_notes(name: str) -> bool:
    """Tell whether a file, by its name, may say which of the sounds near it are stems."""
    return name == MOISES_NOTES or name.endswith(METADATA_ENDING)


def sound_name(file_name: str) -> str:
    """Return a sound file's name without its ending."""
    for ending in CONTAINER_ENDINGS:
        if file_name.lower().endswith(ending):
            return file_name[: -len(ending)]
    return Path(file_name).stem


@dataclass
class _Set:
    """Stems that go together: those of one folder, made by one separator."""

    label: str
    layout: str
    nearness: int
    stems: list[FoundStem] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Most kinds first, then what was given before what lies elsewhere."""
        return -len({name_key(stem.name) for stem in self.stems}), self.nearness, self.label


@dataclass
class _Song:
    sets: dict[tuple[Path, str], _Set] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    says: SongNotes = NO_NOTES


@dataclass(frozen=True, slots=True)
class _Named:
    """A file that may be the mix of a song of some name; `is_whole` where that is all that its own name says."""

    called: str
    file: str
    is_whole: bool


class _Recogniser:
    """Goes over all folders several times: what is surest is settled first."""

    def __init__(self, tree: Tree, *, is_one_song: bool) -> None:
        self._tree = tree
        self._is_one_song = is_one_song
        self._left_out = list(tree.left_out)
        # Names of sound files that are not settled yet, by folder.
        self._open: dict[Path, dict[str, None]] = {}
        self._songs: dict[Path, _Song] = defaultdict(_Song)
        self._licences: dict[Path, tuple[dict[str, Path], list[str]]] = {}
        self._mixes_in: Counter[Path] = Counter()
        self._medley_notes: dict[str, list[Path]] = defaultdict(list)
        for folder in tree.folders.values():
            for name in folder.files:
                if name.endswith(METADATA_ENDING):
                    self._medley_notes[name].append(folder.path / name)

    def run(self) -> Recognised:
        """Settle every file."""
        for each in self._tree.folders.values():
            self._open[each.path] = dict.fromkeys(self._sounds(each))
        for each in self._tree.folders.values():
            self._take_moises(each)
            self._leave_raw(each)
        for folder in self._tree.folders:
            if self._stems_place(folder) is None:
                self._take_beside(folder)
        pool = self._pool()
        for folder in self._tree.folders:
            self._take_folder(folder, pool)
        for folder in self._tree.folders:
            self._take_apart(folder, pool)
        self._take_mixes()
        self._mixes_in = Counter(mix.parent for mix in self._songs)
        songs = [self._finished(mix, song) for mix, song in self._songs.items()]
        return Recognised(tuple(sorted(songs, key=lambda song: song.mix)), tuple(self._left_out))

    def _sounds(self, folder: Folder) -> list[str]:
        """Return the sound files of a folder, each song or stem in one format."""
        unread = tuple(name for name in folder.files if is_unread_stem(name))
        if unread:
            self._left_out.append(
                LeftOut(folder.path, f"{NO_SOUND_ENDING} that is read; save it as WAV or FLAC", unread)
            )
        by_name: dict[str, list[str]] = defaultdict(list)
        for name in folder.files:
            if has_audio_suffix(name):
                by_name[sound_name(name).lower()].append(name)
        kept = []
        for names in by_name.values():
            # A container has stems to give; then what lost nothing.
            best, *others = sorted(
                names, key=lambda n: (not is_container(n), Path(n).suffix.lower() not in _LOSSLESS, n)
            )
            kept.append(best)
            if others:
                self._left_out.append(
                    LeftOut(folder.path, f"is called as {shown(best)}, which was taken", tuple(others))
                )
        return kept

    # What data sets say themselves

    def _take_moises(self, folder: Folder) -> None:
        """Take a song of MoisesDB: a folder for each kind of stem, and data.json; a mix only where someone added it."""
        if MOISES_NOTES not in folder.files or not folder.folders:
            return
        notes = read_moises_notes(folder.path / MOISES_NOTES)
        if notes is None:
            return
        stems = _Set(folder.path.name, "MoisesDB", 0)
        numbers: dict[str, int] = defaultdict(int)
        for name in folder.folders:
            if name not in notes.stems:
                continue
            for file in self._open[folder.path / name]:
                numbers[name] += 1
                called = name.replace("_", " ") + (f" {numbers[name]}" if numbers[name] > 1 else "")
                stems.stems.append(FoundStem(folder.path / name / file, called))
            self._open[folder.path / name] = {}
        mix = self._only_mix(folder.path)
        if mix is not None:
            self._give(mix, (folder.path, ""), stems)
            self._songs[mix].says = notes
            del self._open[folder.path][mix.name]
        elif stems.stems:
            files = tuple(str(stem.path.relative_to(folder.path)) for stem in stems.stems)
            self._left_out.append(
                LeftOut(folder.path, f"MoisesDB holds stems and no mix, and {_NO_MIX}: put it there as mix.wav", files)
            )

    def _leave_raw(self, folder: Folder) -> None:
        base = raw_folder_base(folder.path.name)
        parent = self._tree.folders.get(folder.path.parent)
        if base is None or parent is None or not self._open[folder.path]:
            return
        if any(name_key(stems_folder_base(name) or "") == name_key(base) for name in parent.folders):
            self._leave(folder.path, self._open[folder.path], "MedleyDB's raw tracks, of which its stems are made")

    # Stems beside their mix

    def _take_beside(self, folder: Path) -> None:
        """Settle names such as ``Song - Drums`` beside ``Song`` or ``Song - Master``."""
        names = sorted(self._open[folder], key=lambda name: (len(sound_name(name)), name))
        by_key = self._mixes_by_key(name for name in names if not is_part(sound_name(name)))
        stems: dict[str, str] = {}
        loose: dict[str, list[tuple[str, Split]]] = defaultdict(list)
        for name in names:
            for split in stem_splits(sound_name(name)):
                mix = _called(by_key, split.base)
                if mix is None or mix == name or mix in stems or (is_part(sound_name(name)) and not split.sure):
                    continue
                stems[name] = mix
                if split.sure:
                    self._give_split(folder / mix, folder / name, split)
                else:
                    loose[mix].append((name, split))
                break
        for mix, found in loose.items():
            is_clear = len(found) > 1 or any(other == mix and name != found[0][0] for name, other in stems.items())
            for name, split in found:
                if is_clear:
                    self._give_split(folder / mix, folder / name, split)
                else:
                    reason = (
                        f"may be the {split.part.strip()} of {shown(mix)} or a song of its own; name the file alone to "
                        "add it, or put ' - ' before the stem"
                    )
                    self._left_out.append(LeftOut(folder / name, reason))
        for name in stems:
            del self._open[folder][name]
        self._leave_other_mixes(folder, by_key)
        self._leave_other_stems(folder, by_key, stems, {mix for mix, found in loose.items() if len(found) > 1})

    def _leave_other_stems(
        self, folder: Path, by_key: Mapping[str, list[_Named]], stems: Mapping[str, str], loosely: set[str]
    ) -> None:
        """Leave out ``Song - Take 3`` beside ``Song`` and ``Song - Drums``: parted from the title as stems are."""
        surely = {mix for name, mix in stems.items() if "(" not in name and "[" not in name}
        for name in list(self._open[folder]):
            if folder / name in self._songs:
                continue
            for base, rest, sure in beginnings(sound_name(name)):
                mix = _called(by_key, base)
                if mix in {None, name}:
                    continue
                if (sure and (mix in surely or kinds_in(rest))) or (not sure and mix in loosely):
                    reason = f"may be a stem of {shown(str(mix))}, as its name begins, or a song; {_NO_KIND}"
                    self._leave(folder, [name], reason)
                    break

    def _leave_other_mixes(self, folder: Path, by_key: Mapping[str, list[_Named]]) -> None:
        """Leave out ``Song - Master`` where ``Song`` was taken as the mix of the same stems."""
        for name in list(self._open[folder]):
            for split in mix_splits(sound_name(name)):
                taken = _called(by_key, split.base)
                if (
                    taken not in {None, name}
                    and folder / str(taken) in self._songs
                    and folder / name not in self._songs
                ):
                    reason = f"may be a mix of the same song as {shown(str(taken))}, which was taken; name it to add it"
                    self._leave(folder, [name], reason)
                    break

    def _mixes_by_key(self, names: Iterable[str]) -> dict[str, list[_Named]]:
        """Return the files that may be mixes by what their song is called; by a file's whole name first."""
        by_key: dict[str, list[_Named]] = defaultdict(list)
        for name in names:
            called = sound_name(name)
            by_key[name_key(called)].append(_Named(called, name, is_whole=True))
            for split in mix_splits(called):
                by_key[name_key(split.base)].append(_Named(split.base, name, is_whole=False))
        return by_key

    # Stems in folders

    def _take_folder(self, folder: Path, pool: Mapping[str, list[Path]]) -> None:
        """Settle the stems of a folder that holds stems: by its name, or by the names in it."""
        place = self._stems_place(folder)
        names = list(self._open[folder])
        bare = [name for name in names if is_part(sound_name(name))]
        if place is None and not bare:
            return
        if place is None or place != folder:
            mix = self._mix_for_bare(folder, bare, pool, is_inner=place is not None) if bare else None
            if mix is not None:
                self._give_files(mix, folder, bare)
                if mix.parent == folder:
                    others = [name for name in self._open[folder] if folder / name not in self._songs]
                    self._leave(folder, others, f"lies beside {shown(mix.name)} and its stems; {_NO_KIND}")
                return
            if place is None:
                return
        wanted = [name for name in names if not is_mix_word(sound_name(name))]
        mix, reason = self._mix_for_place(place, pool, wanted)
        wanted = [name for name in wanted if not mix or name_key(sound_name(name)) != name_key(sound_name(mix.name))]
        if mix is None and any(self._split_in_pool(folder, name, pool) for name in wanted):
            return  # Each file says by its own name whose stem it is.
        if mix is None:
            if wanted:
                self._leave(folder, wanted, reason)
            return
        # A song's own mix may lie among its stems.
        self._give_files(mix, folder, wanted, origin=place)
        self._leave(folder, [n for n in self._open[folder] if folder / n != mix], "is a mix among stems")

    def _mix_for_bare(
        self, folder: Path, bare: Sequence[str], pool: Mapping[str, list[Path]], *, is_inner: bool
    ) -> Path | None:
        """Find the mix of the stems in a folder: in it, or anywhere by the folder's name; told where there is none."""
        if is_inner:
            mix = self._only_mix(folder, only_named=True)
            if mix := mix or self._called_as(folder, folder.name):
                return mix
        else:
            beside = [name for name in self._open[folder] if name not in bare]
            mix = self._only_mix(folder)
            if mix and len(beside) - 1 <= 2 * len(bare):
                if self._is_set(mix, bare):
                    return mix
                reason = f"may be stems of {shown(mix.name)}, or songs: name each file alone to add it as a song"
                self._leave(folder, bare, f"{reason}, or put the stems into a folder `stems`")
                return None
            if mix := self._called_as(folder, folder.name):
                return mix
            if beside:
                reason = f"it is not clear to which of {len(beside)} sounds beside them they belong ({_listed(beside)})"
                self._leave(folder, bare, f"{reason}; put each song into a folder, or name songs alone to add them")
                return None
        found, problem = self._nearest(pool.get(name_key(folder.name), ()), folder, folder.name)
        if found is None and not is_inner:
            self._leave(folder, bare, problem or _missing_mix(folder.name, bare))
        return found

    def _called_as(self, folder: Path, title: str) -> Path | None:
        """Return the one file in a folder that is called as a song."""
        named = [name for name in self._open[folder] if name_key(sound_name(name)) == name_key(title)]
        return folder / named[0] if len(named) == 1 else None

    def _is_set(self, mix: Path, parts: Sequence[str]) -> bool:
        """Tell whether sounds beside a mix are surely its stems, and not songs called "Drums" and "Bass"."""
        called = sound_name(mix.name)
        if self._is_one_song or is_mix_word(called) or name_key(called) == name_key(mix.parent.name):
            return True
        kinds = {kind for name in parts for kind in kinds_in(sound_name(name))}
        is_album = is_numbered(called) and all(is_numbered(name) for name in parts)
        return not is_album and (len(kinds) >= _FEWEST_KINDS or kinds >= {"vocals", "instrumental"})

    def _mix_for_place(
        self, place: Path, pool: Mapping[str, list[Path]], wanted: Sequence[str]
    ) -> tuple[Path | None, str]:
        """Find the mix of a folder of stems, ``stems`` or ``Song Stems``; else say why there is none."""
        base = stems_folder_base(place.name) or ""
        parent = place.parent
        if name_key(base):
            found, problem = self._nearest(pool.get(name_key(base), ()), place, base)
            if found or problem:
                return found, problem or ""
            if mix := self._called_as(place, base):
                return mix, ""
        if parent in self._tree.folders:
            named_so = not name_key(base) or name_key(base) == name_key(self._folder_name(parent) or "")
            if named_so and (mix := self._only_mix(parent)):
                return mix, ""
            beside = [name for name in self._open[parent] if not is_part(sound_name(name))]
            if not name_key(base) and len(beside) > 1:
                return None, f"it is not clear whose stems they are: {_listed(beside)} lie beside the folder"
        if mix := self._only_mix(place, only_named=True):
            return mix, ""
        reason = _missing_mix(base.strip(" _-") or self._folder_name(parent) or parent.name, wanted)
        if not any(kinds_in(sound_name(name)) for name in wanted):
            reason = f"{reason}; name files that are songs one by one to add them"
        return None, reason

    def _only_mix(self, folder: Path, *, only_named: bool = False) -> Path | None:
        """Return the one file of a folder that can be the mix of all stems in it: called so, or the only one."""
        names = [name for name in self._open[folder] if not is_part(sound_name(name))]
        called = [name for name in names if is_mix_word(sound_name(name))]
        if len(called) == 1:
            return folder / called[0]
        return folder / names[0] if len(names) == 1 and not called and not only_named else None

    def _stems_place(self, folder: Path) -> Path | None:
        """Return the folder of stems in which a folder lies, itself included, the nearest; None outside of any."""
        # What was named itself is where songs are, whatever it is called.
        for each in self._upwards(folder):
            if each.parent not in self._tree.folders or each.parent == each:
                return None
            if stems_folder_base(each.name) is not None:
                return each
        return None

    def _upwards(self, folder: Path) -> Iterator[Path]:
        """Give a folder and those above it, as far up as was looked at; `.` and `/` are above themselves."""
        while folder in self._tree.folders:
            yield folder
            if folder.parent == folder:
                return
            folder = folder.parent

    # Stems elsewhere

    def _take_apart(self, folder: Path, pool: Mapping[str, list[Path]]) -> None:
        """Settle names such as ``1_Song_(Vocals)`` whose mix lies elsewhere, and tell those that have none."""
        alone: dict[str, list[tuple[str, Split]]] = defaultdict(list)
        for name in list(self._open[folder]):
            if folder / name in self._songs:
                continue
            if found := self._split_in_pool(folder, name, pool):
                mix, split = found
                if mix is not None:
                    self._give_split(mix, folder / name, split)
                    del self._open[folder][name]
                else:
                    self._leave(folder, [name], f"several files are called {shown(split.base)}; put one beside it")
                continue
            for split in stem_splits(sound_name(name)):
                alone[name_key(split.base)].append((name, split))
                break
        for found_alone in alone.values():
            names = [name for name, _ in found_alone if name in self._open[folder]]
            parts = {name_key(split.part) for name, split in found_alone if name in self._open[folder]}
            sure = any(split.sure for _, split in found_alone)
            base = found_alone[0][1].base
            if len(parts) > 1:
                self._leave(folder, names, _missing_mix(base, names))
            elif names and sure:
                part = found_alone[0][1].part
                reason = (
                    f"may be the {part} of {shown(base)}, which is not here, or a song; name the file alone to add it"
                )
                self._leave(folder, names, reason)

    def _split_in_pool(
        self, folder: Path, name: str, pool: Mapping[str, list[Path]]
    ) -> tuple[Path | None, Split] | None:
        for split in stem_splits(sound_name(name)):
            others = [path for path in pool.get(name_key(split.base), ()) if path != folder / name]
            if split.sure and others:
                return self._nearest(others, folder, split.base)[0], split
        return None

    def _pool(self) -> dict[str, list[Path]]:
        """Return all files that may be mixes by what they are called; a plain ``mixture`` is called as its folder."""
        pool: dict[str, list[Path]] = defaultdict(list)
        for folder, names in self._open.items():
            if self._stems_place(folder) is not None:
                continue
            for name in names:
                called = sound_name(name)
                if is_part(called):
                    continue
                path = folder / name
                keys = [name_key(called), name_key(self._folder_name(folder) or "") if is_mix_word(called) else ""]
                keys += [name_key(split.base) for split in mix_splits(called)]
                for key in dict.fromkeys(filter(None, keys)):
                    pool[key].append(path)
        return pool

    def _nearest(self, paths: Iterable[Path], folder: Path, called: str) -> tuple[Path | None, str | None]:
        """Return the path that shares most folders with a folder, or why none is: two are equally near.

        Those that are spelled so go before those whose names only share their letters.
        """
        paths = list(paths)
        paths = [path for path in paths if spelled(sound_name(path.name)) == spelled(called)] or paths
        ranked = sorted(paths, key=lambda path: (-_shared(path, folder), path))
        if not ranked:
            return None, None
        if len(ranked) > 1 and _shared(ranked[0], folder) == _shared(ranked[1], folder):
            both = f"{ranked[0]} and {ranked[1]}"
            return None, f"it is not clear whose stems they are: {both} are called so; put them beside one"
        return ranked[0], None

    # Giving stems to mixes

    def _give_split(self, mix: Path, file: Path, split: Split) -> None:
        label = " ".join(filter(None, [_from_end(file.parent), split.maker]))
        nearness = 0 if file.parent == mix.parent else 2
        stems = _Set(label, "stems beside the mix" if nearness == 0 else f"stems in {file.parent.name}", nearness)
        stems.stems.append(FoundStem(file, split.part.strip()))
        self._give(mix, (file.parent, split.maker), stems)

    def _give_files(self, mix: Path, folder: Path, names: Sequence[str], origin: Path | None = None) -> None:
        origin = origin or folder
        nearness = 0 if origin == mix.parent else 1 if origin.parent == mix.parent else 2
        layout = "stems beside the mix" if nearness == 0 else f"stems in {_from_end(origin)}"
        mix_key = name_key(sound_name(mix.name))
        stems = _Set(_from_end(origin), layout, nearness)
        for name in list(names):
            called = sound_name(name)
            ends = [split.part.strip() for split in stem_splits(called) if name_key(split.base) == mix_key]
            stems.stems.append(FoundStem(folder / name, ends[0] if ends else called))
            del self._open[folder][name]
        self._give(mix, (origin, ""), stems)

    def _give(self, mix: Path, key: tuple[Path, str], stems: _Set) -> None:
        sets = self._songs[mix].sets
        if key in sets:
            sets[key].stems += stems.stems
        else:
            sets[key] = stems

    def _leave(self, folder: Path, names: Iterable[str], reason: str) -> None:
        names = tuple(names)
        if names:
            self._left_out.append(LeftOut(folder, reason, names))
            for name in names:
                del self._open[folder][name]

    # Songs

    def _take_mixes(self) -> None:
        """Take what is left as songs of their own; a plain mix only where its folder names one song."""
        for folder, names in self._open.items():
            called = [name for name in names if is_mix_word(sound_name(name))]
            if len(called) > 1 and not any(folder / name in self._songs for name in called):
                self._leave(folder, called, "it is not clear which of them is the mix; leave one")
            for name in self._open[folder]:
                self._songs[folder / name]  # A defaultdict: taken without stems.

    def _finished(self, mix: Path, song: _Song) -> FoundSong:
        called = sound_name(mix.name)
        by_folder = is_mix_word(called)
        layout, stems, notes = "mix alone", list[FoundStem](), list(song.notes)
        if song.sets:
            best, *others = _joined(song.sets, notes)
            layout, stems = best.layout, best.stems
            if others:
                counted = ", ".join(f"{one.label} ({len(one.stems)})" for one in others)
                notes.append(f"of several sets of stems {best.label} ({len(best.stems)}) was taken, not {counted}")
                for one in others:
                    reason = f"the stems of {best.label} were taken"
                    self._left_out.append(
                        LeftOut(one.stems[0].path.parent, reason, tuple(s.path.name for s in one.stems))
                    )
        if is_container(mix.name) and not stems:
            layout = "Native Instruments stems"
        says = song.says
        base = next((split.base for split in mix_splits(called)), None)
        if song.sets and base is not None and not by_folder:
            called = base
        about = self._medley_notes.get(f"{called}{METADATA_ENDING}", [])
        about = [path for path in about if path.parent == mix.parent] or about
        if len(about) == 1:  # Its second version keeps these files in a folder of their own.
            says = read_medley_notes(about[0]) or says
            stems = [replace(stem, name=says.called.get(stem.path.name, stem.name)) for stem in stems]
            layout = "MedleyDB"
        name = called
        if by_folder and (folder := self._folder_name(mix.parent)):
            # Beside other songs the file's own words tell it from them.
            name = folder if song.sets or self._mixes_in[mix.parent] == 1 else f"{folder} {called}"
        if name_key(called) == _MUSDB_MIX and " - " in name:
            layout = "MUSDB18"
            artist, _, title = name.partition(" - ")
            says = replace(says, title=says.title or title.strip(), artist=says.artist or artist.strip())
        licence, unclear = self._licence(mix.parent, called)
        if unclear:
            notes.append(unclear)
        return FoundSong(mix, name, layout, tuple(_one_name_each(stems)), says, licence, tuple(notes), by_folder)

    def _folder_name(self, folder: Path) -> str | None:
        """Return the name of the nearest folder, upwards, whose name says something; None where none was looked at."""
        for each in self._upwards(folder):
            name = each.name if each.name not in {"", ".", ".."} else each.resolve().name
            if name and not is_plain_folder(name):
                return name
        return None

    def _licence(self, folder: Path, called: str) -> tuple[Path | None, str | None]:
        """Return the licence file of a sound in a folder or the nearest above that has one, or why it is not clear."""
        for each in self._upwards(folder):
            if each not in self._licences:
                self._licences[each] = self._licences_in(self._tree.folders[each])
            own, others = self._licences[each]
            if file := own.get(name_key(called)):
                return file, None
            if len(others) == 1:
                return each / others[0], None
            if others:
                return None, f"which of {_listed(others)} is its licence is not clear; name it with --licence"
        return None, None

    def _licences_in(self, folder: Folder) -> tuple[dict[str, Path], list[str]]:
        """Return a folder's licence files: those of one sound in it, which they name, by its key; and those of all."""
        sounds = {name_key(sound_name(name)) for name in folder.files if has_audio_suffix(name)}
        own: dict[str, Path] = {}
        others = []
        for name in folder.files:
            match = _LICENCE.fullmatch(Path(name).stem)
            # "Licence to Kill.txt" beside the song of that name is a text about it.
            if match is None or Path(name).suffix.lower() not in _LICENCE_ENDINGS or name_key(match[0]) in sounds:
                continue
            if (key := name_key(match["of"] or "")) in sounds:
                own[key] = folder.path / name
            else:
                others.append(name)
        return own, others


def _called(by_key: Mapping[str, list[_Named]], title: str) -> str | None:
    """Return the one file that is the mix of a song: by its whole name, then by its spelling; None if two may be."""
    named = by_key.get(name_key(title), [])
    named = [one for one in named if one.is_whole] or named
    if len(named) > 1:
        named = [one for one in named if spelled(one.called) == spelled(title)] or named
        # Of "Song - Master" and "Song_MIX" either is the mix; two whole names are two songs.
        return named[0].file if len(named) == 1 or not named[0].is_whole else None
    return named[0].file if named else None


def _joined(sets: Mapping[tuple[Path, str], _Set], notes: list[str]) -> list[_Set]:
    """Return the sets of one mix, the best first, with those of the same folder that hold none of its stems in it."""
    best, *others = sorted(sets.items(), key=lambda item: item[1].rank)
    taken, left = replace(best[1], stems=list(best[1].stems)), []
    for (folder, _), one in others:
        held = {name_key(stem.name) for stem in taken.stems}
        if folder == best[0][0] and held.isdisjoint(name_key(stem.name) for stem in one.stems):
            taken.stems += one.stems
            notes.append(f"stems of several separators are put together: {taken.label}, {one.label}")
        else:
            left.append(one)
    return [taken, *left]


def _one_name_each(stems: Iterable[FoundStem]) -> Iterator[FoundStem]:
    """Sort stems by name and path; number those that are called alike."""
    counts: dict[str, int] = defaultdict(int)
    for stem in sorted(stems, key=lambda stem: (stem.name.lower(), stem.path)):
        counts[stem.name.lower()] += 1
        number = counts[stem.name.lower()]
        yield stem if number == 1 else replace(stem, name=f"{stem.name} {number}")


def _from_end(folder: Path) -> str:
    return "/".join(folder.parts[-2:])


def _shared(path: Path, folder: Path) -> int:
    return (
        len(Path(os.path.commonpath([path.parent, folder])).parts) if path.is_absolute() == folder.is_absolute() else 0
    )


def _missing_mix(name: str, files: Sequence[str]) -> str:
    count = "a stem" if len(files) == 1 else f"{len(files)} stems"
    return f"{count} without a mix, and {_NO_MIX}: put the mix of {shown(name)} beside them, as {shown(name + '.wav')}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown(name) for name in names[:3]) + more
