"""How long the captioning of a run will take on this machine, and how far it is, told in lines.

Counting and telling belong here; the trial that an estimate is made of stands in `inference.calibration`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flamingo_bark_assets.inference.calibration import try_speed
from flamingo_bark_assets.inference.interface import CaptioningModel, Query
from flamingo_bark_assets.inference.reply_cache import AnswerCache

_log = logging.getLogger(__name__)

EVERY_S = 30.0
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long captioning takes.

    Attributes:
        song_s: seconds a song.
        songs: songs that are still to be described.
        basis: what it is based on, in words.
    """

    song_s: float
    songs: int
    basis: str

    @property
    def sentence(self) -> str:
        """Return it as a person says it: 'about 40 s a song on this machine, 3 h for 270 songs (...)'."""
        whole = f", {in_words(self.song_s * self.songs)} for {self.songs} songs" if self.songs > 1 else ""
        return f"captioning takes about {in_words(self.song_s)} a song on this machine{whole} ({self.basis})"


def in_words(seconds: float) -> str:
    """Return a duration in whole seconds, from 2 min on in steps of 10 s, from 1 h on of 10 min, from 2 d on of 1 h."""
    if seconds < 2 * _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    for unit_s, name, part_s, part in (
        (_MINUTE_S, "min", 10.0, "s"), (_HOUR_S, "h", 10 * _MINUTE_S, "min"), (_DAY_S, "d", _HOUR_S, "h"),
    ):  # fmt: skip
        rounded = round(seconds / part_s) * part_s
        if rounded < {"min": _HOUR_S, "h": 2 * _DAY_S}.get(name, float("inf")):
            count, rest = divmod(rounded, unit_s)
            small = round(rest / {"s": 1.0, "min": _MINUTE_S, "h": _HOUR_S}[part])
            return f"{count:.0f} {name}" + (f" {small} {part}" if small else "")
    raise AssertionError(seconds)


class CaptioningProgress:
    """Tells a run how long captioning takes and how far it is; one without a number of songs is silent.

    Lines go to `tell` and, for the command line, to this module's logger, with the estimate or the number of answers
    as an attribute of the record.
    """

    def __init__(
        self,
        songs: int | None = None,
        tell: Callable[[str], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = EVERY_S,
    ) -> None:
        self._songs = songs
        self._tell = tell
        self._clock = clock
        self._every_s = every_s
        self._told_at = clock()
        self._is_tried = False
        self._began_at = clock()
        self._questions_a_song = 0
        self._described: set[str] = set()
        self._answers = 0
        self._busy_s = 0.0
        self._busy_songs = 0

    @contextmanager
    def song(
        self, song_id: str, model: CaptioningModel, cache: AnswerCache, queries: Sequence[Query], batch_size: int
    ) -> Iterator[Callable[[], None]]:
        """Count one song while its questions are asked; gives what to call for each new answer.

        Before the first song that has something to ask the model is tried, and the estimate told; behind the first of
        which nothing was answered before, what that song itself took. A song that fails is counted too, and once
        where another model is asked about it then.
        """
        if self._songs is None:
            yield lambda: None
            return
        unanswered = len(cache.unanswered(model, queries))
        before = self._clock()
        try:
            if unanswered:
                self.estimate(model, queries, batch_size)
                before = self._clock()
            yield self.answered
        finally:
            self._described.add(song_id)
        # A song of which answers were kept takes less than others will.
        if unanswered and unanswered == len(queries):
            self._busy_s += self._clock() - before
            self._busy_songs += 1
            if self._busy_songs == 1 and self._left:
                self._say_estimate(Estimate(self._busy_s, self._left, "as the first song took"))

    @property
    def _left(self) -> int:
        return max(0, (self._songs or 0) - len(self._described))

    def estimate(self, model: CaptioningModel, queries: Sequence[Query], batch_size: int) -> None:
        """Try the model before the first song that has something to ask, and say how long it will take."""
        # Noise is nobody's song, but a server is sent nothing that was not asked for.
        if self._songs is None or self._is_tried or model.identity.sound_sent_to is not None:
            return
        self._is_tried = True
        speed = try_speed(model, queries, batch_size, clock=self._clock)
        self._began_at, self._questions_a_song = self._clock(), len(queries)
        self._say_estimate(Estimate(speed.song_s(queries), self._left, f"a trial: {speed.basis}"))

    def answered(self) -> None:
        """Count a new answer; say now and then how far it is."""
        if self._songs is None:
            return
        self._answers += 1
        now = self._clock()
        if now - self._told_at >= self._every_s:
            self._told_at = now
            left_s = self._left_s(now)
            left = f"; about {in_words(left_s)} left" if left_s else ""
            # Where all are asked ahead no song is described until then.
            asked = f" of about {self._songs * self._questions_a_song}" if self._questions_a_song else ""
            of_whole = f", {len(self._described)} of {self._songs} songs" if self._described else asked
            self._say(f"captioning: {self._answers} answers{of_whole}{left}", {"answers": self._answers})

    def _left_s(self, now: float) -> float | None:
        """Return how long it will go on: by the songs described so far, else by the answers."""
        if self._busy_songs:
            return self._busy_s / self._busy_songs * self._left
        left = (self._songs or 0) * self._questions_a_song - self._answers
        return (now - self._began_at) / self._answers * left if left > 0 else None

    def _say_estimate(self, estimate: Estimate) -> None:
        self._told_at = self._clock()
        self._say(estimate.sentence, {"estimate": estimate})

    def _say(self, line: str, told: dict[str, object]) -> None:
        _log.info("%s", line, extra=told)
        if self._tell is not None:
            self._tell(line)
