"""When things happen: onsets, tempo, beats, bars, swing; which drum or note it was belongs to the stems.

The entry is `measure.measure_rhythm` for a song; `stems` holds what is measured of any stem's onsets.
"""
