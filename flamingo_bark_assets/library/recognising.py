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
    is_mix_word,
    is_part,
    is_plain_folder,
    mix_splits,
    name_key,
    raw_folder_base,
    stem_splits,
    stems_folder_base,
)
from flamingo_bark_assets.library.sound_names import NO_SOUND_ENDING, has_audio_suffix, is_unread_stem
from flamingo_bark_assets.library.trees import Folder, LeftOut, Tree

CONTAINER_ENDINGS = (".stem.mp4", ".stem.m4a")
"""Of Native Instruments' files: the first stream is the mix, the others are its stems."""
_LOSSLESS = (".wav", ".wave", ".flac", ".aif", ".aiff", ".w64", ".caf", ".wv")
_LICENCE = re.compile(r"(?:licen[cs]e|copying|rights)(?:[-_ .].*)?", re.IGNORECASE)
_LICENCE_ENDINGS = ("", ".txt", ".md")
_MUSDB_MIX = "mixture"
_NO_MIX = "no mix is made of stems"


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


def recognise(tree: Tree) -> Recognised:
    """Find the songs in a tree.

    Where names can be read in several ways nothing is chosen in silence: it is left out, or noted, with the reason.
    """
    return _Recogniser(tree).run()


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


class _Recogniser:
    """Goes over all folders several times: what is surest is settled first."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._left_out = list(tree.left_out)
        # Names of sound files that are not settled yet, by folder.
        self._open: dict[Path, dict[str, None]] = {}
        self._songs: dict[Path, _Song] = defaultdict(_Song)
        self._licences: dict[Path, Path | None] = {}
        self._mixes_in: Counter[Path] = Counter()
        self._medley_notes = {
            folder.path / name
            for folder in tree.folders.values()
            for name in folder.files
            if name.endswith(METADATA_ENDING)
        }

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
                mix = by_key.get(name_key(split.base))
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

    def _leave_other_mixes(self, folder: Path, by_key: Mapping[str, str]) -> None:
        """Leave out ``Song - Master`` where ``Song`` was taken as the mix of the same stems."""
        for name in list(self._open[folder]):
            for split in mix_splits(sound_name(name)):
                taken = by_key.get(name_key(split.base))
                if (
                    taken not in {None, name}
                    and folder / str(taken) in self._songs
                    and folder / name not in self._songs
                ):
                    reason = f"may be a mix of the same song as {shown(str(taken))}, which was taken; name it to add it"
                    self._leave(folder, [name], reason)
                    break

    def _mixes_by_key(self, names: Iterable[str]) -> dict[str, str]:
        names = list(names)
        by_key: dict[str, str] = {}
        for name in names:
            by_key.setdefault(name_key(sound_name(name)), name)
        for name in names:
            for split in mix_splits(sound_name(name)):
                by_key.setdefault(name_key(split.base), name)
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
                return
            if place is None:
                return
        mix, reason = self._mix_for_place(place, pool)
        wanted = [name for name in names if folder / name != mix and not is_mix_word(sound_name(name))]
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
        if not is_inner:
            beside = [name for name in self._open[folder] if name not in bare]
            if mix := self._only_mix(folder):
                return mix
            by_name = [name for name in beside if name_key(sound_name(name)) == name_key(folder.name)]
            if len(by_name) == 1:
                return folder / by_name[0]
            if beside:
                reason = f"it is not clear to which of {len(beside)} sounds beside them they belong ({_listed(beside)})"
                self._leave(folder, bare, f"{reason}; put each song into a folder")
                return None
        found, problem = self._nearest(pool.get(name_key(folder.name), ()), folder)
        if found is None and not is_inner:
            self._leave(folder, bare, problem or _missing_mix(folder.name, bare))
        return found

    def _mix_for_place(self, place: Path, pool: Mapping[str, list[Path]]) -> tuple[Path | None, str]:
        """Find the mix of a folder of stems, ``stems`` or ``Song Stems``; else say why there is none."""
        base = stems_folder_base(place.name) or ""
        parent = place.parent
        if name_key(base):
            found, problem = self._nearest(pool.get(name_key(base), ()), place)
            if found or problem:
                return found, problem or ""
        if parent in self._tree.folders:
            named_so = not name_key(base) or name_key(base) == name_key(self._folder_name(parent) or "")
            if named_so and (mix := self._only_mix(parent)):
                return mix, ""
            beside = [name for name in self._open[parent] if not is_part(sound_name(name))]
            if not name_key(base) and len(beside) > 1:
                return None, f"it is not clear whose stems they are: {_listed(beside)} lie beside the folder"
        if mix := self._only_mix(place, only_named=True):
            return mix, ""
        return None, _missing_mix(
            base.strip(" _-") or self._folder_name(parent) or parent.name, list(self._open[place])
        )

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
        while folder.parent in self._tree.folders:
            if stems_folder_base(folder.name) is not None:
                return folder
            folder = folder.parent
        return None

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
                return self._nearest(others, folder)[0], split
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

    def _nearest(self, paths: Iterable[Path], folder: Path) -> tuple[Path | None, str | None]:
        """Return the path that shares most folders with a folder, or why none is: two are equally near."""
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
        notes_file = f"{called}{METADATA_ENDING}"
        if mix.parent / notes_file in self._medley_notes:
            says = read_medley_notes(mix.parent / notes_file) or says
            stems = [replace(stem, name=says.called.get(stem.path.name, stem.name)) for stem in stems]
            layout = "MedleyDB"
        by_folder = by_folder and self._mixes_in[mix.parent] == 1
        name = (by_folder and self._folder_name(mix.parent)) or called
        if name_key(called) == _MUSDB_MIX and " - " in name:
            layout = "MUSDB18"
            artist, _, title = name.partition(" - ")
            says = replace(says, title=says.title or title.strip(), artist=says.artist or artist.strip())
        return FoundSong(
            mix, name, layout, tuple(_one_name_each(stems)), says, self._licence(mix.parent), tuple(notes), by_folder
        )

    def _folder_name(self, folder: Path) -> str | None:
        """Return the name of the nearest folder, upwards, whose name says something; None where none was looked at."""
        while folder in self._tree.folders:
            name = folder.name if folder.name not in {"", ".", ".."} else folder.resolve().name
            if name and not is_plain_folder(name):
                return name
            folder = folder.parent
        return None

    def _licence(self, folder: Path) -> Path | None:
        """Return the licence file in a folder, or in the nearest above it that was looked at."""
        way = []
        while folder in self._tree.folders and folder not in self._licences:
            way.append(folder)
            names = [name for name in self._tree.folders[folder].files if _is_licence(name)]
            if names:
                self._licences[folder] = folder / names[0]
                break
            folder = folder.parent
        found = self._licences.get(folder)
        self._licences.update(dict.fromkeys(way, found))
        return found


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


def _is_licence(name: str) -> bool:
    return Path(name).suffix.lower() in _LICENCE_ENDINGS and _LICENCE.fullmatch(Path(name).stem) is not None


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
