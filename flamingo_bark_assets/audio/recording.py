"""The results about the sound files: what is known of the mix file and of each stem, with units.

Declarations belong here, and no numerical package, as the code location reads its columns from them; how a value
is found stands in `raw_song` and `stems`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.parts import ANY_KIND, SUM_KINDS
from flamingo_bark_assets.record import Measurement, Record, Row, column, events, optional_column, quantity


@dataclass(frozen=True, kw_only=True)
class Landmark(Row):
    """One point of the acoustic fingerprint: a note, or another sound with a pitch, begins."""

    TABLE: ClassVar[str] = "landmarks"
    KEY: ClassVar[tuple[str, ...]] = ("number",)

    number: int = column("Number in order of time, from 0.")
    time_s: float = column("When it begins.", unit="s")
    pitch: float = column("Its pitch as a MIDI note number; fractions are parts of a semitone.")


@dataclass(frozen=True, kw_only=True)
class RawSong(Record):
    """The song file: its format, and what the medium did to its sound."""

    TABLE: ClassVar[str] = "raw_song"

    fingerprint: str = column("Digest of the names and contents of all sound files of the song.")
    file_name: str | None = optional_column("Name of the mix file in the song's folder.")
    content_sha256: str | None = optional_column("SHA-256 of the mix file, hexadecimal.")
    size_bytes: int | None = optional_column("Size of the mix file.", unit="B")
    file_format: str | None = optional_column("Container and codec as the decoder names them.")
    duration_s: Measurement[float] = quantity("s", "Decoded length.")
    declared_duration_s: Measurement[float] = quantity("s", "Length that the file's header declares.")
    truncated: str | None = optional_column(
        "How it is known that the file is cut off before its sound ends, and how much is missing; null where nothing "
        "shows it."
    )
    file_notes: str | None = optional_column(
        "What is odd about the file though it could be read: a header that was never finished, a chain of Ogg streams, "
        "where its sample rate or channels change; null where nothing is."
    )
    sample_rate_hz: Measurement[int] = quantity("Hz", "Sample rate of the file.")
    channels: Measurement[int] = quantity("", "Number of channels of the file.")
    peak_dbfs: Measurement[float] = quantity("dBFS", "Largest absolute sample.")
    clipped_fraction: Measurement[float] = quantity("", "Share of samples in flat runs at the clip level.")
    clipped: Measurement[bool] = quantity("", "Whether tops of the waveform are cut off, at whatever level.")
    silent_fraction: Measurement[float] = quantity("", "Share of 50 ms frames below -60 dBFS RMS.")
    leading_silence_s: Measurement[float] = quantity(
        "s", "Time before the first 50 ms louder than -60 dBFS and than the noise."
    )
    trailing_silence_s: Measurement[float] = quantity(
        "s", "Time after the last 50 ms louder than -60 dBFS and than the noise."
    )
    noise_floor_dbfs: Measurement[float] = quantity("dBFS", "RMS of the stationary broadband noise.")
    noise_ceiling_dbfs: Measurement[float] = quantity(
        "dBFS", "What stationary noise can at most be: the level of all bands at their quietest moments."
    )
    bandwidth_hz: Measurement[float] = quantity("Hz", "Frequency above which the long-term spectrum vanishes.")
    lowpass_detected: Measurement[bool] = quantity(
        "", "Whether the spectrum ends in a cliff that only a filter or a lossy codec makes, below 18.5 kHz."
    )
    dc_offset: Measurement[float] = quantity("", "Largest absolute mean of a channel, full scale 1.")
    stereo_correlation: Measurement[float] = quantity("", "Correlation of left and right, -1 to 1.")
    is_mono: Measurement[bool] = quantity("", "Whether all channels carry the same signal.")
    polarity_inverted: Measurement[bool] = quantity("", "Whether one of two channels is in inverted polarity.")
    landmarks: tuple[Landmark, ...] = events(
        "One row a point of the acoustic fingerprint, by which duplicates are found."
    )


@dataclass(frozen=True, kw_only=True)
class Stem(Row):
    """One stem file."""

    TABLE: ClassVar[str] = "stems"
    KEY: ClassVar[tuple[str, ...]] = ("name", "file_name")

    name: str = column("Stem name, from its file name.")
    file_name: str = column("File name in the stems folder, or in the folder of separated stems.")
    origin: str = column("given with the song, or separated from its mix, so that some of the rest bleeds into it.")
    kind: str | None = optional_column(f"{ANY_KIND}; null where the name says none.")
    fault: str | None = optional_column("Why this stem cannot be used; null where it can.")
    file_notes: str | None = optional_column(
        "What is odd about the file though it could be read, also that it is cut off; null where nothing is."
    )
    content_sha256: str | None = optional_column("SHA-256 of the file, hexadecimal.")
    duration_s: float | None = optional_column("Decoded length.", unit="s")
    sample_rate_hz: int | None = optional_column("Sample rate of the file.", unit="Hz")
    channels: int | None = optional_column("Number of channels of the file.")
    rms_dbfs: float | None = optional_column("Level over the whole file; null where silent.", unit="dBFS")
    silent_fraction: float | None = optional_column("Share of 50 ms frames below -60 dBFS RMS.")
    clipped_fraction: float | None = optional_column("Share of samples inside flat runs at the clip level.")
    audible: bool = column(
        "Whether the stem holds sound above -60 dBFS RMS for at least one second in all, and more than bleed."
    )
    length_difference_s: float | None = optional_column("Stem length minus mix length.", unit="s")
    lag_s: float | None = optional_column(
        "Delay of the file against the mix at their correlation peak; positive when the stem is late.",
        unit="s",
    )
    lag_confidence: float | None = optional_column("How far that peak stands out, 0 to 1.")
    mix_match: float | None = optional_column(
        "How far that peak stands out of what chance gives: in standard deviations of the correlation at other lags."
    )
    rejected: str | None = optional_column("Why this stem is not used to measure the song; null where it is.")
    match_confidence: float | None = optional_column(
        "How sure it is that the stem belongs to the mix or, where it is rejected, that it does not; 0 to 1."
    )
    delay_samples: int | None = optional_column(
        "Samples of the file by which it is late, which every use takes off; negative where it is early; null for none."
    )
    gain_db: float | None = optional_column(
        "Gain that brings the stem to its level in the mix, which every use applies; null for none.", unit="dB"
    )
    inverted: bool | None = optional_column(
        "Whether the stem is in inverted polarity against the mix, which every use turns over; null where it is not."
    )
    offsets: str | None = optional_column(
        "Mean of each channel, full scale 1, which every use takes off, parted by spaces; null for none."
    )
    corrected: str | None = optional_column("What every use takes off, in words; null for nothing.")
    mix_gain: float | None = optional_column(
        "Gain of the stem in the least-squares fit of the mix by all stems; negative in inverted polarity."
    )
    mix_level_db: float | None = optional_column("Energy of the stem in the mix, at its gain.", unit="dB of the mix")
    coherence: float | None = optional_column(
        "Share of a quiet stem's energy that keeps the phase of the other stems, 0 to 1: 0.7 and more is bleed; null "
        "where the stem is loud."
    )
    bleed: str | None = optional_column("Why what the stem holds is taken for bleed alone; null where it is not.")
    bleed_confidence: float | None = optional_column(
        "How far `coherence` lies from 0.7, 0 to 1 at 0.16 and more: a rank, not calibrated."
    )
    misnamed: str | None = optional_column(
        "Why the stem is not what its name says, so that nothing is told or measured of it; null where it may be."
    )
    doubt: str | None = optional_column("What else speaks against training on the stem; null for nothing.")
    held: str | None = optional_column(
        "Which other files hold the sound of the stem, so that it is not added to them: the instrumental in which it "
        "stands or, of an instrumental, those whose sum it is, which are used in its place; null for none."
    )

    @property
    def usable(self) -> bool:
        """Whether the stem helps to measure the song: it can be read, belongs to it, and is what only its name says."""
        return self.in_mix and self.misnamed is None and self.replaced is None

    @property
    def in_mix(self) -> bool:
        """Whether the file can be read and is not rejected, whatever its name."""
        return self.fault is None and self.rejected is None

    @property
    def unusable(self) -> str | None:
        """Why the stem does not help to measure the song; None where it does."""
        return self.fault or self.rejected or self.misnamed or self.replaced

    @property
    def replaced(self) -> str | None:
        """Which stems are used in place of their sum; None where the stem is no sum of others that are there."""
        return self.held if self.kind in SUM_KINDS else None

    @property
    def left_lag_s(self) -> float | None:
        """Delay that is left after `delay_samples` were taken off, s."""
        if self.lag_s is None or not self.delay_samples or not self.sample_rate_hz:
            return self.lag_s
        return self.lag_s - self.delay_samples / self.sample_rate_hz

    @property
    def left_length_difference_s(self) -> float | None:
        """Its end against that of the mix after `delay_samples` were taken off, s; less than 0 where it is short."""
        if self.length_difference_s is None or not self.delay_samples or not self.sample_rate_hz:
            return self.length_difference_s
        return self.length_difference_s - self.delay_samples / self.sample_rate_hz

    @property
    def cut_head_s(self) -> float:
        """How much of its start is missing, as it is early, s."""
        if not self.delay_samples or not self.sample_rate_hz:
            return 0.0
        return max(0.0, -self.delay_samples / self.sample_rate_hz)


@dataclass(frozen=True, kw_only=True)
class StemSet(Record):
    """All stems of a song together."""

    TABLE: ClassVar[str] = "stem_sets"

    stem_files: Measurement[int] = quantity("", "Number of files in the stems folder.")
    audible_kinds: Measurement[int] = quantity("", "Number of kinds with at least one audible stem.")
    missing_kinds: Measurement[str] = quantity(
        "",
        "Kinds without any stem file, joined by ', '; 'none' if all are there. Of a kind and what is part of it, "
        "as a guitar is of harmonic stems, one is enough.",
    )
    residual_db: Measurement[float] = quantity(
        "dB",
        "Energy of mix minus the sum of stems, as they are corrected (best common gain), relative to the mix, over the "
        "span that they have in common.",
    )
    fitted_residual_db: Measurement[float] = quantity(
        "dB",
        "The same below 4 kHz with the best gain for each stem, over the whole mix; unknown where it is too long to be "
        "fitted to its end.",
    )
    cause: str | None = optional_column("What of the stems is wrong against the mix, in words; null for nothing.")
    stems: tuple[Stem, ...] = events("One row a stem file.")
