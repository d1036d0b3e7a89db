"""What the voice does.

Declarations belong here, and no numerical package, as the code location reads its columns from them. Nothing says who
sings: registers are ranges of pitch, never a person's gender or identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.analysis.features.stem import StemFeatures, VocalActivity
from flamingo_bark_assets.record import Measurement, Row, column, events, quantity

VOICE_ODDS = 7.0
"""Of eight files that are named vocals, seven are taken to hold a voice before they are heard."""
LEAST_VOICE_PROBABILITY = 1.0 / (1.0 + VOICE_ODDS)
"""Below it a stem is taken to hold no voice: even a file of that name rather holds none."""


@dataclass(frozen=True, kw_only=True)
class VocalPhrase(Row):
    """One segment of singing or speech."""

    TABLE: ClassVar[str] = "vocal_phrases"
    KEY: ClassVar[tuple[str, ...]] = ("phrase",)

    phrase: int = column("Number of the phrase, from 0.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    f0_median_hz: float | None = column("Median fundamental frequency; null where nothing is voiced.", unit="Hz")
    confidence: float = column("Mean probability that a voice sounds in its frames, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class VocalPitch(Row):
    """The likeliest pitch of the voice in 10 ms in which the stem is above -60 dBFS."""

    TABLE: ClassVar[str] = "vocal_f0"
    FRAMES: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("frame",)

    frame: int = column("Number of the 10 ms step.")
    time_s: float = column("Centre of the frame.", unit="s")
    f0_hz: float = column("Fundamental frequency; a mere guess where not voiced.", unit="Hz")
    voiced: bool = column("Whether the voice is taken to sound there with a pitch.")
    confidence: float = column("Probability that the voice has this pitch there within a quarter tone, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class VocalFormants(Row):
    """The first three formants in 20 ms, where the voice has a pitch."""

    TABLE: ClassVar[str] = "vocal_formants"
    FRAMES: ClassVar[bool] = True
    KEY: ClassVar[tuple[str, ...]] = ("frame",)

    frame: int = column("Number of the 10 ms step; formants stand in every second.")
    time_s: float = column("Centre of the frame.", unit="s")
    f1_hz: float = column("First formant.", unit="Hz")
    f2_hz: float = column("Second formant.", unit="Hz")
    f3_hz: float = column("Third formant.", unit="Hz")
    confidence: float = column("Probability that all three lie within 10 % of the true values, 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class VocalFeatures(StemFeatures):
    """What the voice does."""

    TABLE: ClassVar[str] = "vocal_features"

    voice_probability: Measurement[float] = quantity(
        "",
        "Probability that the stem holds a voice, where that is as likely as not beforehand; below 1/8 nothing that "
        "only a voice has is told.",
    )
    f0_median_hz: Measurement[float] = quantity("Hz", "Median fundamental frequency of voiced frames.")
    f0_low_hz: Measurement[float] = quantity("Hz", "5th percentile of the fundamental frequency.")
    f0_high_hz: Measurement[float] = quantity("Hz", "95th percentile of the fundamental frequency.")
    f0_range_semitones: Measurement[float] = quantity(
        "semitone", "From the 5th to the 95th percentile of the fundamental frequency."
    )
    register: Measurement[str] = quantity(
        "",
        "Median pitch in a word: low (below C3, 131 Hz), middle (to C4, 262 Hz), high (to C5, 523 Hz), very high.",
    )
    voiced_fraction: Measurement[float] = quantity("", "Share of the time in phrases that has a pitch.")
    sung_tendency: Measurement[float] = quantity(
        "",
        "Share of the voiced time that stays on a note, vibrato averaged out: near 0 in speech, whose pitch glides, "
        "near 1 in held singing (pitch stability after Thompson, 2014).",
    )
    vibrato_present: Measurement[bool] = quantity(
        "",
        "Whether a third of the sustained notes, and three or two seconds of them, carry a periodic pitch variation of "
        "4 to 8 Hz and 25 cents.",
    )
    vibrato_share: Measurement[float] = quantity(
        "", "Share of the notes sustained for half a second that carry such a variation."
    )
    vibrato_rate_hz: Measurement[float] = quantity("Hz", "Median vibrato rate.")
    vibrato_extent_cents: Measurement[float] = quantity("cent", "Median vibrato extent, half peak to peak.")
    formant_f1_hz: Measurement[float] = quantity("Hz", "Median first formant over voiced frames.")
    formant_f2_hz: Measurement[float] = quantity("Hz", "Median second formant over voiced frames.")
    formant_f3_hz: Measurement[float] = quantity("Hz", "Median third formant over voiced frames.")
    jitter_local: Measurement[float] = quantity(
        "", "Mean difference of neighbouring glottal periods over their mean (Boersma's local jitter)."
    )
    shimmer_local: Measurement[float] = quantity(
        "", "Mean difference of the amplitudes of neighbouring cycles over their mean (Boersma's local shimmer)."
    )
    hnr_relative_db: Measurement[float] = quantity(
        "dB",
        "Harmonics-to-noise ratio from the likeness of neighbouring cycles (after Boersma 1993); relative, as "
        "reverberation lowers it by 10 dB and more.",
    )
    cepstral_peak_prominence_db: Measurement[float] = quantity(
        "dB", "Prominence of the cepstral peak (Hillenbrand, Cleveland and Erickson 1994); the breathier, the lower."
    )
    vocal_phrases: tuple[VocalPhrase, ...] = events("One row a phrase.")
    vocal_activity: tuple[VocalActivity, ...] = events("One row a segment in which the stem sounds, bleed included.")
    vocal_f0: tuple[VocalPitch, ...] = events("One row each 10 ms with a pitch.")
    vocal_formants: tuple[VocalFormants, ...] = events("One row each 20 ms with three resonances.")

    @property
    def something_else(self) -> str | None:
        """Why what sounds is rather no voice, whatever its name; None where it may be one."""
        probability = self.voice_probability.value
        return self.f0_median_hz.reason if probability is not None and probability < LEAST_VOICE_PROBABILITY else None
