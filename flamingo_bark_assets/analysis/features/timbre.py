"""The colour of a sound: its spectrum, the energy of named bands, perceptual attributes.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.record import Measurement, Row, column, events, quantity


@dataclass(frozen=True, kw_only=True)
class CepstralCoefficient(Row):
    """One mel-frequency cepstral coefficient of the mix."""

    TABLE: ClassVar[str] = "mfcc"
    KEY: ClassVar[tuple[str, ...]] = ("coefficient",)

    coefficient: int = column("Number of the coefficient, from 0: the level.")
    mean: float = column("Mean over sounding frames of the type II cosine transform of 40 mel band levels.", unit="dB")
    std: float = column("Standard deviation over sounding frames.", unit="dB")
    confidence: float = column("1, as it is computed as defined; 0.5 where a second opinion disagrees.")


@dataclass(frozen=True, kw_only=True)
class PitchClass(Row):
    """How strong one pitch class is in the mix."""

    TABLE: ClassVar[str] = "chroma"
    KEY: ClassVar[tuple[str, ...]] = ("pitch_class",)

    pitch_class: str = column("C, C#, D ... B with sharps whatever the key, on the song's own tuning.")
    mean: float = column("Mean share of the pitch class in the energy of a frame, over sounding frames.")
    std: float = column("Standard deviation over sounding frames.")
    confidence: float = column("1, as it is computed as defined; 0.5 where a second opinion disagrees.")


@dataclass(frozen=True, kw_only=True)
class SpectralShapeFeatures:
    """The shape of the spectrum: means over sounding frames of 46 ms, up to 20 kHz."""

    spectral_centroid_hz: Measurement[float] = quantity(
        "Hz", "Spectral centroid: mean frequency, weighted by magnitude (Peeters 2004)."
    )
    spectral_bandwidth_hz: Measurement[float] = quantity(
        "Hz", "Spectral bandwidth: standard deviation about the centroid, weighted by magnitude (Peeters 2004)."
    )
    spectral_rolloff_hz: Measurement[float] = quantity("Hz", "Frequency below which 85 % of the energy lies.")
    spectral_skewness: Measurement[float] = quantity(
        "", "Third standardised moment of the spectrum, positive where it leans to low frequencies (Peeters 2004)."
    )
    spectral_kurtosis: Measurement[float] = quantity(
        "", "Fourth standardised moment of the spectrum, 3 for a normal curve, less for a flat one (Peeters 2004)."
    )
    spectral_flatness: Measurement[float] = quantity(
        "", "Geometric over arithmetic mean of the power below 10 kHz, 0 tonal to 1 flat (Johnston 1988)."
    )
    spectral_contrast_db: Measurement[float] = quantity(
        "dB", "Strongest over weakest 2 % of the bins, mean over octave bands from 200 Hz (Jiang et al. 2002)."
    )
    spectral_flux: Measurement[float] = quantity(
        "",
        "Distance of the unit-norm magnitude spectra of successive frames, 0 to 1.41 (Tzanetakis and Cook 2002).",
    )


@dataclass(frozen=True, kw_only=True)
class BandFeatures:
    """Where on the frequency axis the energy lies, over the sounding frames."""

    sub_energy_share: Measurement[float] = quantity("", "Share of the energy in 20-60 Hz.")
    bass_energy_share: Measurement[float] = quantity("", "Share of the energy in 60-250 Hz.")
    low_mid_energy_share: Measurement[float] = quantity("", "Share of the energy in 250-500 Hz.")
    mid_energy_share: Measurement[float] = quantity("", "Share of the energy in 500-2000 Hz.")
    presence_energy_share: Measurement[float] = quantity("", "Share of the energy in 2-6 kHz.")
    air_energy_share: Measurement[float] = quantity("", "Share of the energy in 6-20 kHz.")
    sub_level_db: Measurement[float] = quantity("dB", "Energy in 20-60 Hz over that of all six bands.")
    bass_level_db: Measurement[float] = quantity("dB", "Energy in 60-250 Hz over that of all six bands.")
    low_mid_level_db: Measurement[float] = quantity("dB", "Energy in 250-500 Hz over that of all six bands.")
    mid_level_db: Measurement[float] = quantity("dB", "Energy in 500-2000 Hz over that of all six bands.")
    presence_level_db: Measurement[float] = quantity("dB", "Energy in 2-6 kHz over that of all six bands.")
    air_level_db: Measurement[float] = quantity("dB", "Energy in 6-20 kHz over that of all six bands.")


@dataclass(frozen=True, kw_only=True)
class PerceptualFeatures:
    """What the ear makes of the spectrum, for playback at a mean level of 70 dB SPL."""

    sharpness_acum: Measurement[float] = quantity(
        "acum", "Sharpness (DIN 45692 weighting) of the mean specific loudness (Zwicker and Fastl 1999)."
    )
    roughness: Measurement[float] = quantity(
        "",
        "Summed roughness of all pairs of spectral peaks, the strongest peak of a frame at 1; mean (Vassilakis 2001).",
    )
    brightness: Measurement[float] = quantity("", "Share of the energy above 1500 Hz (Juslin 2000; MIRtoolbox).")
    warmth_db: Measurement[float] = quantity(
        "dB",
        "Level of the 125 and 250 Hz octaves over that of the 500 and 1000 Hz octaves, the bands of Beranek's "
        "bass ratio (Beranek 1962), here of the spectrum.",
    )
    boominess: Measurement[float] = quantity(
        "",
        "Share of the loudness that lies below 200 Hz, the idea of the booming index of Hatano and Hashimoto (2000) "
        "without its weights.",
    )
    depth: Measurement[float] = quantity(
        "",
        "Share of the energy below 2 kHz that lies in 20-100 Hz: low-frequency emphasis, which Pearce, Brookes and "
        "Mason (2017) name as what makes a sound deep.",
    )
    hardness_hz: Measurement[float] = quantity(
        "Hz",
        "Centroid of the power that comes in at the attacks, median over the strong attacks; the attack centroid "
        "goes with perceived hardness (Freed 1990).",
    )


@dataclass(frozen=True, kw_only=True)
class TimbreFeatures(PerceptualFeatures, BandFeatures, SpectralShapeFeatures):
    """The colour of the mix."""

    zero_crossing_rate_hz: Measurement[float] = quantity("1/s", "Changes of sign a second, mean over the channels.")
    mfcc: tuple[CepstralCoefficient, ...] = events("One row a cepstral coefficient.")
    chroma: tuple[PitchClass, ...] = events("One row a pitch class.")
