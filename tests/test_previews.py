"""What the studio serves of a song's sound: previews that are right, kept, made once, and of that song alone."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import threading
import tracemalloc
import wave
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flamingo_bark_assets.audio.recording import Stem
from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.library.fingerprint import sha256_of
from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.orphans import find_orphans, remove_orphans
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.studio.context import Studio
from flamingo_bark_assets.studio.sound import previews
from flamingo_bark_assets.studio.sound.peaks import HEAD, read_peaks
from flamingo_bark_assets.studio.sound.previews import RATE_HZ, Previews
from flamingo_bark_assets.studio.sound.routes import routes
from tests.evidence import make_evidence, make_stem, row
from tests.signals import clicks, noise, silence, sine, write_audio, write_wav

DURATION_S = 7.3
HEAD_BYTES = 44


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    """A song with two stems, at another rate, with another number of channels and in another format than its mix."""
    paths = DataPaths(tmp_path / "data")
    tone = sine(440.0, DURATION_S, level_dbfs=-12.0)
    write_wav(paths.songs / "one/song.wav", tone, tone)
    write_audio(paths.songs / "one/stems/drums.flac", clicks(120.0, DURATION_S, rate_hz=48_000), rate_hz=48_000)
    write_wav(paths.songs / "one/stems/bass.wav", sine(55.0, DURATION_S, rate_hz=22_050), rate_hz=22_050)
    return paths


@pytest.fixture
def client(paths: DataPaths, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Studio(paths, tmp_path / "home")))) as client:
        yield client


def samples_of(data: bytes) -> npt.NDArray[np.int16]:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def files(paths: DataPaths, suffix: str = ".wav") -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (paths.previews / "one").glob(f"*{suffix}")}


def test_a_preview_is_the_sound_as_a_wav_of_16_bit_32_khz_mono(client: TestClient) -> None:
    answer = client.get("/sound/one/mix.wav")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    samples = samples_of(answer.content)
    assert samples.size == round(DURATION_S * RATE_HZ)
    assert abs(int(np.abs(samples).max()) - 32767 * 10 ** (-12 / 20)) < 40
    crossings = np.count_nonzero(np.diff(np.signbit(samples)))
    assert abs(crossings - 2 * 440 * DURATION_S) <= 2


@pytest.mark.parametrize("lane", ["drums", "bass"])
def test_each_stem_has_a_lane_at_the_length_of_its_file(client: TestClient, lane: str) -> None:
    described = client.get("/api/songs/one/sound").json()
    assert [each["lane"] for each in described["lanes"]] == ["mix", "bass", "drums"]
    (url,) = [each["url"] for each in described["lanes"] if each["lane"] == lane]
    assert samples_of(client.get(url).content).size == round(DURATION_S * RATE_HZ)


def test_windows_by_range_are_the_bytes_of_the_whole(client: TestClient) -> None:
    whole = client.get("/sound/one/drums.wav").content
    first, last = HEAD_BYTES + 160_000, HEAD_BYTES + 319_999
    answer = client.get("/sound/one/drums.wav", headers={"Range": f"bytes={first}-{last}"})
    assert answer.status_code == 206
    assert answer.content == whole[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    after = client.get("/sound/one/drums.wav", headers={"Range": f"bytes={len(whole) + 1}-"})
    assert (after.status_code, after.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_what_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/sound/one/mix.wav").headers["etag"]
    assert client.get("/sound/one/mix.wav", headers={"If-None-Match": tag}).status_code == 304


def test_a_pair_in_opposite_polarity_does_not_cancel(client: TestClient, paths: DataPaths) -> None:
    tone = sine(440.0, DURATION_S, level_dbfs=-12.0)
    write_wav(paths.songs / "one/song.wav", tone, -tone)
    samples = samples_of(client.get("/sound/one/mix.wav").content)
    assert abs(int(np.abs(samples).max()) - 32767 * 10 ** (-12 / 20)) < 40


def test_sound_above_full_scale_is_cut_off_and_never_turns_over(client: TestClient, paths: DataPaths) -> None:
    write_wav(paths.songs / "one/song.wav", sine(100.0, 2.0, level_dbfs=6.0), subtype="FLOAT")
    samples = samples_of(client.get("/sound/one/mix.wav").content).astype(int)
    assert (samples.max(), samples.min()) == (32767, -32767)
    assert np.abs(np.diff(samples)).max() < 3000


# What was found of a stem


def store_stems(paths: DataPaths, song_id: str, *stems: Stem) -> None:
    FeatureStore(paths.features).write(dataclasses.replace(make_evidence(song_id).stems, stems=stems))


def test_a_stem_is_heard_as_it_is_in_the_mix(client: TestClient, paths: DataPaths) -> None:
    path = paths.songs / "one/stems/drums.flac"
    plain = samples_of(client.get("/sound/one/drums.wav").content).astype(int)
    late = {"delay_samples": 4800, "inverted": True, "gain_db": -6.0206, "corrected": "0.1 s late, inverted"}
    of_file = {"duration_s": DURATION_S, "sample_rate_hz": 48_000, "length_difference_s": 0.0, "rejected": None}
    store_stems(
        paths,
        "one",
        row(Stem, name="drums", file_name="drums.flac", content_sha256=sha256_of(path), **of_file, **late),
    )
    corrected = samples_of(client.get("/sound/one/drums.wav").content).astype(int)
    by = round(0.1 * RATE_HZ)
    assert corrected.size == plain.size - by
    assert np.abs(corrected + plain[by:] / 2).max() <= 40
    (lane,) = [lane for lane in client.get("/api/songs/one/sound").json()["lanes"] if lane["lane"] == "drums"]
    assert lane["corrected"] == "0.1 s late, inverted"


def test_what_was_found_of_another_file_is_not_taken_off(client: TestClient, paths: DataPaths) -> None:
    plain = client.get("/sound/one/drums.wav").content
    store_stems(
        paths,
        "one",
        row(Stem, name="drums", file_name="drums.flac", content_sha256="0" * 64, delay_samples=4800, corrected="late"),
    )
    assert client.get("/sound/one/drums.wav").content == plain


def test_separated_stems_are_lanes_too(client: TestClient, paths: DataPaths) -> None:
    write_wav(paths.songs / "two/song.wav", noise(2.0))
    write_wav(paths.separated / "two/vocals.wav", sine(300.0, 2.0))
    made = make_stem("vocals", name="vocals", file_name="vocals.wav", origin="separated")
    store_stems(paths, "two", made)
    lanes = client.get("/api/songs/two/sound").json()["lanes"]
    assert [(lane["lane"], lane["origin"]) for lane in lanes] == [("mix", "given"), ("vocals", "separated")]
    assert samples_of(client.get("/sound/two/vocals.wav").content).size == 2 * RATE_HZ


# Kept by content


def test_a_preview_is_made_again_only_when_the_contents_change(client: TestClient, paths: DataPaths) -> None:
    client.get("/sound/one/mix.wav")
    made = files(paths)
    os.utime(paths.songs / "one/song.wav")
    client.get("/sound/one/mix.wav")
    assert files(paths) == made
    write_wav(paths.songs / "one/song.wav", noise(1.0))
    client.get("/sound/one/mix.wav")
    assert len(files(paths)) == 1, "that of the former contents goes"
    assert not files(paths).keys() & made.keys()


def test_two_requests_at_once_make_it_once(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, calls, really = Previews(paths), [], previews._write
    begun = threading.Event()

    def slowly(*given: object) -> None:
        calls.append(given)
        begun.wait(5)
        really(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(previews, "_write", slowly)
    lane = kept.lane("one", "mix")
    threads = [threading.Thread(target=kept.preview, args=("one", lane)) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert kept.preview("one", lane).is_made


def test_too_many_requests_at_once_are_told_to_come_again(
    client: TestClient, paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Previews, "preview", lambda *_: (_ for _ in ()).throw(previews.PreviewsBusy()))
    answer = client.get("/sound/one/mix.wav")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_a_kill_half_way_leaves_no_half_preview_and_nothing_behind(client: TestClient, paths: DataPaths) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "from flamingo_bark_assets.studio.sound import peaks, previews\n"
        "peaks.PeakWriter.finish = lambda _: os.kill(os.getpid(), 9)\n"
        "kept = previews.Previews(DataPaths(Path(sys.argv[1])))\n"
        "kept.preview('one', kept.lane('one', 'mix'))\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(paths.root)], check=False).returncode == -9
    assert len(list((paths.previews / "one").glob(".tmp-*"))) == 3
    assert files(paths) == {}
    assert samples_of(client.get("/sound/one/mix.wav").content).size == round(DURATION_S * RATE_HZ)
    assert list((paths.previews / "one").glob(".tmp-*")) == []


def test_a_disk_that_is_full_is_told(paths: DataPaths, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(previews, "_write", full)
    answer = client.get("/sound/one/mix.wav")
    assert answer.status_code == 507
    assert "No space left on device; free some space" in answer.json()["error"]
    assert files(paths, "").keys() == {"digests.json"}


class _Long(Sound):
    """Minutes of noise, block by block."""

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes

    @property
    def sample_rate_hz(self) -> int:
        return 48_000

    @property
    def channels(self) -> int:
        return 1

    @property
    def n_samples(self) -> int:
        return self._minutes * 60 * 48_000

    def blocks(self) -> Iterator[FloatArray]:
        block = noise(1.0, rate_hz=48_000)[np.newaxis]
        for _ in range(self._minutes * 60):
            yield block


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    peaks = []
    for minutes in (1, 4):
        tracemalloc.start()
        previews._write(_Long(minutes), *(tmp_path / name for name in ("a", "b", "c")))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 30e6


# Peaks


@pytest.mark.parametrize("rate", [20, 200])
def test_peaks_are_the_lowest_and_highest_samples_of_the_preview(client: TestClient, tmp_path: Path, rate: int) -> None:
    samples = samples_of(client.get("/sound/one/drums.wav").content)
    data = client.get(f"/sound/one/drums.peaks?rate={rate}").content
    spans = [samples[i : i + RATE_HZ // rate] for i in range(0, samples.size, RATE_HZ // rate)]
    assert HEAD.unpack(data[: HEAD.size]) == (b"FBPK", rate, len(spans), RATE_HZ)
    (tmp_path / "peaks").write_bytes(data)
    expected = [[span.min(), span.max()] for span in spans]
    assert read_peaks(tmp_path / "peaks").tolist() == np.array(expected).tolist()
    assert client.get("/sound/one/drums.peaks?rate=7").status_code == 400


def test_a_row_of_the_library_has_peaks_once_they_were_made(paths: DataPaths) -> None:
    kept = Previews(paths)
    assert kept.mini_peaks("one") is None
    made = kept.mini_peaks("one", make=True)
    assert made is not None
    assert kept.mini_peaks("one") == made
    assert len(made) == round(DURATION_S * 20)
    assert max(high for _, high in made) == pytest.approx(10 ** (-12 / 20), abs=0.002)


def test_a_row_of_a_song_that_cannot_be_played_has_none_and_is_no_fault(client: TestClient, paths: DataPaths) -> None:
    (paths.songs / "one/song.wav").write_text("no sound")
    answer = client.get("/sound/one/mini.json")
    assert (answer.status_code, answer.json()) == (200, {"pairs": None})


# What is refused


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/sound/none/mix.wav", 404, "song 'none': its folder does not exist"),
        ("/sound/one/vocals.wav", 404, "song 'one' has no sound of that name; it has mix, bass, drums"),
        ("/sound/one/vocals.peaks", 404, "it has mix, bass, drums"),
        ("/api/songs/none/sound", 404, "does not exist"),
        ("/sound/none/mini.json", 404, "does not exist"),
    ],
)
def test_what_is_not_there_is_named(client: TestClient, path: str, status: int, said: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    "name", ["../secret", "..", ".", "%00", "one\x00", "One", "-one", "a" * 101, "one/../../secret", "<b>", "é", "~"]
)
def test_nothing_outside_the_songs_is_reached_by_any_name(client: TestClient, paths: DataPaths, name: str) -> None:
    write_wav(paths.root / "secret/song.wav", noise(1.0))
    escaped = quote(name, safe="")
    for path in (f"/sound/{escaped}/mix.wav", f"/sound/one/{escaped}.wav", f"/api/songs/{escaped}/sound"):
        assert client.get(path).status_code == 404
    assert sorted(path.name for path in paths.root.iterdir()) in (["secret", "songs"], ["previews", "secret", "songs"])


def test_a_link_that_leaves_the_song_is_not_followed(client: TestClient, paths: DataPaths, tmp_path: Path) -> None:
    outside = write_wav(tmp_path / "outside.wav", noise(1.0))
    (paths.songs / "one/stems/vocals.wav").symlink_to(outside)
    answer = client.get("/sound/one/vocals.wav")
    assert answer.status_code == 409
    assert "stems/'vocals.wav': is a symbolic link that leaves its folder" in answer.json()["error"]


def test_a_file_that_cannot_be_decoded_costs_its_own_lane_only(client: TestClient, paths: DataPaths) -> None:
    (paths.songs / "one/stems/bass.wav").write_text("no sound")
    answer = client.get("/sound/one/bass.wav")
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("song 'one': bass.wav: ")
    assert client.get("/sound/one/mix.wav").status_code == 200
    assert client.get("/api/songs/one/sound").status_code == 200


# What is drawn


def test_what_was_measured_is_told_in_time_and_what_was_not_says_why(client: TestClient, paths: DataPaths) -> None:
    store = FeatureStore(paths.features)
    evidence = make_evidence("one")
    for record in (evidence.raw_song, evidence.song, evidence.stem_features["drums"]):
        store.write(record)
    told = client.get("/api/songs/one/sound").json()
    assert told["duration_s"] == 180.5
    assert told["beats"][:2] == [[0.0, 1, 1], [0.496, 2, 1]]
    assert told["hits"].keys() == {"kick", "snare"}
    assert told["lyrics"] == []
    assert told["missing"]["lyrics"] == "not measured yet; run the song"
    assert "beats" not in told["missing"]


def test_results_that_cannot_be_read_are_told_as_such_and_cost_no_sound(client: TestClient, paths: DataPaths) -> None:
    store = FeatureStore(paths.features)
    store.write(make_evidence("one").song)
    store.path("one").write_text("damaged")
    told = client.get("/api/songs/one/sound").json()
    assert told["beats"] == []
    assert told["missing"]["beats"] == "what is stored cannot be read; run the song again"
    assert told["lanes"]


# Gone with its song


def test_previews_go_with_their_song(client: TestClient, paths: DataPaths) -> None:
    client.get("/sound/one/mix.wav")
    remove_song(paths, "one")
    assert not (paths.previews / "one").exists()


def test_previews_of_a_song_that_is_gone_and_half_made_ones_are_cleaned_up(paths: DataPaths) -> None:
    write_wav(paths.songs / "two/song.wav", silence(1.0))
    for song_id in ("two", "gone"):
        folder = paths.previews / song_id
        folder.mkdir(parents=True)
        (folder / "a.wav").touch()
    assert find_orphans(paths).made == {"gone": (paths.previews / "gone",)}
    remove_orphans(paths)
    assert [path.name for path in paths.previews.iterdir()] == ["two"]
