"""What the check of every layout works with: the folder, its papers, findings, splits, and each sound once.

Steps that several layouts share belong here; what a trainer reads stands with its layout.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass, field

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.verification.claims import check_text_claims
from flamingo_bark_assets.verification.findings import Findings
from flamingo_bark_assets.verification.folder import ExportFolder, is_plain
from flamingo_bark_assets.verification.provenance import ClipFacts, Provenance
from flamingo_bark_assets.verification.sound import SoundFacts, SoundRules, check_sound
from flamingo_bark_assets.verification.splits import Splits
from flamingo_bark_assets.verification.texts import TextRules, check_text

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aif", ".aiff")


@dataclass(slots=True)
class Check:
    """One verification under way.

    Attributes:
        folder: the folder.
        findings: what was found.
        provenance: its papers.
        splits: who stands in which split.
        clips: number of rows that the trainer would read, so far.
    """

    folder: ExportFolder
    findings: Findings
    provenance: Provenance
    splits: Splits
    clips: int = 0
    _sounds: dict[str, SoundFacts | None] = field(default_factory=dict)
    # Of files with several names, which copies of a clip are; only those without a finding.
    _clean: dict[tuple[int, int], SoundFacts] = field(default_factory=dict)

    def add(self, rule: str, file: str, row: int | None, message: str) -> None:
        """Keep a finding of the rule's own severity."""
        self.findings.add(rule, file, row, message)

    def clip(self, path: str) -> ClipFacts | None:
        """Return what the papers say of the clip of a file, by its path or else by its base name."""
        return self.provenance.clip_of_file(path) or self.provenance.clip_of_name(base_of(path))

    def has_file(self, index: str, row: int | None, path: str, consequence: str) -> bool:
        """Tell whether a file that an index names is there; a finding at the row where it is not."""
        if not is_plain(path):
            self.add("unsafe_path", index, row, f"{path!r} is no path inside the export; {consequence}")
            return False
        if (problem := self.folder.problem(path)) is not None:
            rule = "missing_file" if "not exist" in problem else "link" if "link" in problem else "not_regular"
            self.add(rule, index, row, f"{path} {problem}; {consequence}")
            return False
        return True

    def sound(self, path: str, rules: SoundRules) -> SoundFacts | None:
        """Check a sound file that is there, once however often it is named."""
        if path not in self._sounds:
            self._sounds[path] = None
            inode = self.folder.inode(path)
            if inode is not None and inode in self._clean:
                self._sounds[path] = self._clean[inode]
                return self._sounds[path]
            count = self.findings.count
            clip = self.provenance.clip_of_file(path)
            with self.findings.guarded(path), self.folder.open(path) as file:
                self._sounds[path] = check_sound(
                    self.findings, path, None, file, rules, is_unchanged=self.provenance.is_unchanged(path),
                    stated=None if clip is None else clip.sounds.get(path),
                )  # fmt: skip
            facts = self._sounds[path]
            if inode is not None and facts is not None and self.findings.count == count:
                self._clean[inode] = facts
        return self._sounds[path]

    def check_formats(self) -> None:
        """Report the sounds whose rate or channels differ from those of most others, where the layout has no own."""
        formats = Counter((facts.sample_rate_hz, facts.channels) for facts in self._sounds.values() if facts)
        if len(formats) < 2:
            return
        (rate, channels), _ = formats.most_common(1)[0]
        for path, facts in self._sounds.items():
            if facts and facts.sample_rate_hz != rate:
                self.add("sample_rate", path, None, f"{facts.sample_rate_hz} Hz; most others have {rate} Hz")
            if facts and facts.channels != channels:
                self.add("channels", path, None, f"{facts.channels} channel(s); most others have {channels}")

    def unnamed_sounds(self, under: str, message: str) -> None:
        """Report the sound files below a folder that no row has named."""
        for path in self.folder.files(under, AUDIO_SUFFIXES):
            if path not in self._sounds:
                self.add("unused", path, None, message)

    def text(
        self, file: str, row: int | None, text: object, rules: TextRules, *, name: str, clip: ClipFacts | None,
        is_whole: bool = True,
    ) -> str | None:  # fmt: skip
        """Check a text and what it claims of its clip.

        Args:
            file: where it stands.
            row: its row.
            text: what stands there.
            rules: what the trainer takes.
            name: base name of the clip.
            clip: what the papers say of it.
            is_whole: whether it shall be the text of the papers, and not one that contains it.
        """
        checked = check_text(self.findings, file, row, text, rules, clip=name)
        if checked and clip is not None:
            check_text_claims(self.findings, file, row, checked, clip)
            if is_whole and checked != clip.text:
                self.add("text_changed", file, row, f"{name}: the {rules.name} is not the one that was exported for "
                         "it; is it that of another clip?")  # fmt: skip
        return checked

    def sidecar(self, path: str, limit: int = 1 << 20) -> str | None:
        """Read a small text beside a clip; None, with a finding, where it cannot be read."""
        try:
            return self.folder.text(path, limit)
        except FileFault as fault:
            self.add("unreadable", path, None, str(fault))
            return None


def base_of(path: str) -> str:
    """Return the base name of a file: up to the first dot."""
    return posixpath.basename(path).partition(".")[0]
