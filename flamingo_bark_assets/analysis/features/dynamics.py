"""How loud a signal is and how its level moves.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.record import Measurement, quantity


@dataclass(frozen=True, kw_only=True)
class DynamicsFeatures:
    """Loudness, peaks and range of the mix."""

    loudness_integrated_lufs: Measurement[float] = quantity("LUFS", "Integrated loudness (ITU-R BS.1770-4).")
    loudness_short_term_max_lufs: Measurement[float] = quantity("LUFS", "Loudest 3 s (EBU Tech 3341).")
    loudness_momentary_max_lufs: Measurement[float] = quantity("LUFS", "Loudest 400 ms (EBU Tech 3341).")
    loudness_range_lu: Measurement[float] = quantity("LU", "Loudness range (EBU Tech 3342).")
    true_peak_dbtp: Measurement[float] = quantity("dBTP", "True peak at eight-fold oversampling (ITU-R BS.1770-4).")
    peak_to_loudness_ratio_lu: Measurement[float] = quantity(
        "LU", "True peak minus integrated loudness (PLR, AES TD1004.1.15-10)."
    )
    crest_factor_db: Measurement[float] = quantity("dB", "Peak over RMS of the loudest channel.")
    dynamic_range_db: Measurement[float] = quantity(
        "dB", "95th minus 10th percentile of the RMS level of 400 ms frames above the -70 dBFS gate."
    )
