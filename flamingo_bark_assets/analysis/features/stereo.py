"""The stereo image of the mix.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.record import Measurement, quantity


@dataclass(frozen=True, kw_only=True)
class StereoFeatures:
    """The stereo image of the mix; correlation and polarity of the whole stand in `RawSong`.

    Offsets are taken off each channel first.
    """

    stereo_width: Measurement[float] = quantity(
        "", "Energy of the side signal (L - R) / 2 over that of mid and side, 0 mono to 1."
    )
    stereo_correlation_low: Measurement[float] = quantity(
        "", "Correlation that a tenth of the sounding 0.4 s windows stays below, -1 to 1 (phase meter, IEC 60268-18)."
    )
    stereo_balance_db: Measurement[float] = quantity(
        "dB", "Level of the right channel over that of the left; positive where the right one is louder."
    )
    mono_loss_db: Measurement[float] = quantity(
        "dB",
        "Level of the mean of both channels against their RMS mean: 0 for equal channels, -3 for unrelated ones,"
        " lower where they cancel.",
    )
