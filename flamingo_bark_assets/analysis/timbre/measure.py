"""The colour of a mix or a stem, measured.

The entries belong here; each descriptor has a module of its own.
"""

from __future__ import annotations

from flamingo_bark_assets.analysis.features.timbre import CepstralCoefficient, SpectralShapeFeatures, TimbreFeatures
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.timbre.bands import measure_bands
from flamingo_bark_assets.analysis.timbre.chroma import chroma, chroma_rows
from flamingo_bark_assets.analysis.timbre.crossings import CrossingReader
from flamingo_bark_assets.analysis.timbre.frames import ShapeFrames
from flamingo_bark_assets.analysis.timbre.perceptual import measure_perceptual
from flamingo_bark_assets.analysis.timbre.song_frames import SongFrames
from flamingo_bark_assets.analysis.timbre.spectrum import measure_shape


def measure_timbre(view: AudioView) -> TimbreFeatures:
    """Measure the colour of the mix; unknown where no frame of 46 ms sounds.

    Announce `SongFrames` to the view as a shape reader and `CrossingReader` as a native one, so that both read in the
    first pass.
    """
    read = view.read_shape(SongFrames)
    sounding = read.sounding
    return TimbreFeatures(
        **vars(measure_shape(read)),
        **vars(measure_bands(read.named_energies(sounding))),
        **vars(measure_perceptual(view, read)),
        zero_crossing_rate_hz=view.read_native(CrossingReader),
        mfcc=_mfcc(read),
        chroma=chroma_rows(chroma(view.note_spectrum, cents=view.tuning.cents)),
    )


def measure_stem_spectrum(view: AudioView) -> SpectralShapeFeatures:
    """Measure the shape of a stem's spectrum.

    Announce `ShapeFrames` to the view as a shape reader.
    """
    return measure_shape(view.read_shape(ShapeFrames))


def _mfcc(read: SongFrames) -> tuple[CepstralCoefficient, ...]:
    cepstra = read.cepstra[read.sounding]
    if cepstra.shape[0] == 0:
        return ()
    means, spreads = cepstra.mean(axis=0, dtype=float).tolist(), cepstra.std(axis=0, dtype=float).tolist()
    return tuple(
        CepstralCoefficient(coefficient=number, mean=mean, std=std, confidence=1.0)
        for number, (mean, std) in enumerate(zip(means, spreads, strict=True))
    )
