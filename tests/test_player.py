"""The player in a real browser: lanes that stay together to the sample, keys, tables, and what it holds."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Request, expect, sync_playwright

from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.structure import Section
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.lyrics.records import LyricsLine
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.evidence import lyrics_of, make_evidence, row
from tests.player_page import PlayerPage, ServedStudio, open_player, served_studio
from tests.signals import clicks, noise, sine, write_wav

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
RATE_HZ = 32_000
WINDOW = 5 * RATE_HZ
LONG_S = 200.0
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium; install it or set CHROMIUM"),
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """A song of 200 s in five files, of which two stems hold the same clicks, with measurements made by hand."""
    folder = tmp_path_factory.mktemp("player")
    paths = DataPaths(folder / "data")
    same = clicks(120.0, LONG_S, first_s=0.25, rate_hz=RATE_HZ) + noise(LONG_S, rate_hz=RATE_HZ, level_dbfs=-40.0)
    stems = {"bass": same, "drums": same, "other": sine(440.0, LONG_S, rate_hz=RATE_HZ), "vocals": same[: 12 * RATE_HZ]}
    write_wav(paths.songs / "long/song.wav", same, rate_hz=RATE_HZ)
    for name, samples in stems.items():
        write_wav(paths.songs / f"long/stems/{name}.wav", samples, rate_hz=RATE_HZ)
    write_wav(paths.songs / "bad/song.wav", same[: 3 * RATE_HZ], rate_hz=RATE_HZ)
    (paths.songs / "bad/stems").mkdir()
    (paths.songs / "bad/stems/drums.wav").write_text("no sound")
    store_measurements(FeatureStore(paths.features))
    with served_studio(paths, folder / "home") as served:
        yield served


def store_measurements(store: FeatureStore) -> None:
    evidence = make_evidence(
        "long",
        raw_song={"duration_s": LONG_S},
        song={
            "beats": tuple(row(Beat, beat=i, time_s=0.25 + i / 2, position=i % 4 + 1) for i in range(399)),
            "sections": tuple(
                row(Section, section=i, start_s=i * 40.0, end_s=i * 40.0 + 40.0, label="ABABC"[i], bars=20)
                for i in range(5)
            ),
            "chords": (row(Chord, chord=0, start_s=0.25, end_s=90.0, label=MARKUP, confidence=0.8),),
        },
    )
    for record in (evidence.raw_song, evidence.song, evidence.stem_features["drums"]):
        store.write(record)
    lyrics = lyrics_of(evidence)
    line = row(LyricsLine, line=0, text=MARKUP, start_s=4.0, end_s=8.0)
    store.write(type(lyrics)(**{**vars(lyrics), "lyrics_lines": (line,)}))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def player(browser: Browser, studio: ServedStudio) -> Iterator[PlayerPage]:
    """The long song's player, which all tests share; nothing complains, and no other host is asked, in all of them."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    opened = open_player(page, studio, "long")
    page.evaluate(_TAP)
    yield opened
    assert opened.complaints == []
    assert opened.hosts == {studio.url.removeprefix("http://")}
    page.close()


# Listens to the difference of two lanes while they play.
_TAP = """() => {
  const until = async (holds) => { while (!holds()) await new Promise((done) => setTimeout(done, 20)); };
  window.tap = {
    until,
    /** Wait until what is to come is scheduled. */
    ahead() {
      const {engine} = player;
      const isAhead = () => !engine.piece || engine.piece.at > engine.played() + 11 * 32000;
      return until(() => engine.state === "playing" && isAhead());
    },
    async play() { await player.play(); await until(() => player.engine.state === "playing"); },
    /** Largest difference of two lanes, and largest sample of the first, over some seconds of the clock. */
    async compare(one, other, seconds) {
      const {context, lanes} = player.engine;
      const [of_both, of_one, turned] = [context.createAnalyser(), context.createAnalyser(), context.createGain()];
      turned.gain.value = -1;
      of_both.fftSize = of_one.fftSize = 32768;
      lanes[one].node.connect(of_both);
      lanes[other].node.connect(turned).connect(of_both);
      lanes[one].node.connect(of_one);
      const end = context.currentTime + seconds + 0.3; // connections are made when the thread of the sound gets to it
      await until(() => context.currentTime >= end);
      const largest = (analyser) => {
        const samples = new Float32Array(analyser.fftSize);
        analyser.getFloatTimeDomainData(samples);
        return samples.slice(-Math.floor(seconds * 32000)).reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      };
      const found = {difference: largest(of_both), sound: largest(of_one)};
      lanes[one].node.disconnect(of_both);
      lanes[one].node.disconnect(of_one);
      lanes[other].node.disconnect(turned);
      return found;
    },
  };
}"""

BASS, DRUMS, OTHER = 1, 2, 3


@pytest.fixture
def fresh(player: PlayerPage) -> PlayerPage:
    """The player, paused at the begin, all lanes heard."""
    player.ask(
        """async () => {
          player.engine.pause();
          await player.engine.setSpeed(1);
          await player.loop();
          await player.seek(0);
          player.lanes.show(0, player.length_s);
          document.querySelectorAll("details[open]").forEach((each) => (each.open = false));
          player.engine.lanes.forEach((_, index) => player.engine.setLane(index, {mute: false, solo: false, gain: 1}));
          player.engine.log.length = 0;
        }"""
    )
    return player


def same_sound(player: PlayerPage, seconds: float = 0.6) -> bool:
    """Tell whether two lanes of the same sound give the same samples, and sound."""
    found = player.ask("([one, other, s]) => tap.compare(one, other, s)", [BASS, DRUMS, seconds])
    return bool(found["difference"] == 0.0 and found["sound"] > 0.1)


def by_lane(log: list[dict[str, Any]]) -> dict[str, list[tuple[int, int, int]]]:
    lanes: dict[str, list[tuple[int, int, int]]] = {}
    for piece in log:
        lanes.setdefault(piece["lane"], []).append((piece["sample"], piece["from"], piece["count"]))
    return lanes


def test_nothing_but_one_window_a_lane_is_read_before_the_first_sound(browser: Browser, studio: ServedStudio) -> None:
    page = browser.new_page()
    asked: list[Request] = []
    page.on("request", lambda request: asked.extend([request]))
    opened = open_player(page, studio, "long")
    opened.ask(
        """() => new Promise((done) => {
          player.engine.addEventListener("statechange", () => player.engine.state === "playing" && done());
          player.play();
        })"""
    )
    first = f"bytes=44-{44 + 2 * WINDOW - 1}"
    assert [request.headers.get("range") for request in asked if ".wav" in request.url][:5] == [first] * 5
    page.close()


def test_lanes_are_scheduled_at_the_same_samples_and_windows_follow_without_a_gap(fresh: PlayerPage) -> None:
    fresh.ask("() => tap.play()")
    fresh.ask("async () => { await player.seek(63.21); await tap.ahead(); }")
    lanes = by_lane(fresh.ask("() => player.scheduled()"))
    assert lanes["bass"] == lanes["drums"] == lanes["mix"]
    runs = [piece for piece in lanes["drums"] if piece[1] >= round(63.21 * RATE_HZ)]
    assert len(runs) >= 3
    for before, after in itertools.pairwise(runs):
        assert after[:2] == (before[0] + before[2], before[1] + before[2])


def test_lanes_give_the_same_samples_through_seek_solo_mute_and_loop(fresh: PlayerPage) -> None:
    fresh.ask("() => tap.play()")
    assert same_sound(fresh)
    fresh.ask("() => player.seek(99.5)")
    assert same_sound(fresh)
    fresh.ask(f"() => player.engine.setLane({DRUMS}, {{solo: true}})")
    alone = fresh.ask("([one, other, s]) => tap.compare(one, other, s)", [DRUMS, BASS, 0.6])
    assert alone["sound"] > 0.1
    assert alone["difference"] == pytest.approx(alone["sound"], rel=0.05), "the others are silent"
    fresh.ask(f"() => player.engine.setLane({DRUMS}, {{solo: false}})")
    fresh.ask(f"() => player.engine.setLane({BASS}, {{mute: true}})")
    fresh.ask(f"() => player.engine.setLane({BASS}, {{mute: false}})")
    fresh.ask("() => tap.compare(1, 2, 0.2)")
    assert same_sound(fresh)
    fresh.ask("() => player.loop(20.1, 20.6)")
    fresh.ask("() => tap.until(() => player.time() < 20.3 && player.time() > 20.1)")
    assert same_sound(fresh, 0.9)
    assert 20.0 < fresh.ask("() => player.time()") < 20.7


def test_scheduled_windows_render_to_the_very_samples_of_the_preview(fresh: PlayerPage) -> None:
    """The same scheduling on an offline clock: 23 s from the middle of a window on, and twice round a loop."""
    script = """async ({from, loop, count}) => {
      const {RATE, Timeline, cut, schedule} = await import("/static/player_schedule.js");
      const {Windows} = await import("/static/player_windows.js");
      const lanes = ["bass", "drums"].map((lane) => new Windows(`/sound/long/${lane}.wav`));
      await Promise.all(lanes.map((lane) => lane.get(0)));
      const context = new OfflineAudioContext(2, count, RATE);
      const merger = context.createChannelMerger(2);
      merger.connect(context.destination);
      const timeline = new Timeline(from, lanes[0].length, loop);
      const gains = lanes.map((_, index) => {
        const gain = context.createGain();
        gain.connect(merger, 0, index);
        return gain;
      });
      while (timeline.at < count) {
        const piece = timeline.next();
        const windows = await Promise.all(lanes.map((lane) => lane.get(piece.window)));
        const parts = windows.map((window, index) => ({destination: gains[index], samples: cut(piece, window)}));
        schedule(context, parts, piece.at);
      }
      const rendered = await context.startRendering();
      const whole = new Int16Array(await (await fetch("/sound/long/drums.wav")).arrayBuffer(), 44);
      const [bass, drums] = [rendered.getChannelData(0), rendered.getChannelData(1)];
      const way = new Timeline(from, whole.length, loop);
      let apart = 0, off = 0, sound = 0;
      for (let i = 0; i < count; i++) {
        apart = Math.max(apart, Math.abs(bass[i] - drums[i]));
        off = Math.max(off, Math.abs(drums[i] * 32767 - whole[way.songAt(i)]));
        sound = Math.max(sound, Math.abs(drums[i]));
      }
      return {apart, off, sound};
    }"""
    for loop in (None, {"from": 100_001, "to": 437_777}):
        found = fresh.ask(script, {"from": 77_777, "loop": loop, "count": 23 * RATE_HZ})
        assert found["apart"] == 0.0
        assert found["off"] < 0.01
        assert found["sound"] > 0.5


def test_half_speed_keeps_the_pitch_and_the_lanes_together(fresh: PlayerPage) -> None:
    fresh.ask("async () => { await player.engine.setSpeed(0.5); await tap.play(); }")
    fresh.ask("() => tap.until(() => player.time() > 0.5)")
    assert same_sound(fresh)
    found = fresh.ask(
        f"""async () => {{
          const {{context, lanes}} = player.engine;
          const analyser = context.createAnalyser();
          analyser.fftSize = 32768;
          lanes[{OTHER}].node.connect(analyser);
          const [clock, song] = [context.currentTime, player.time()];
          await tap.until(() => context.currentTime > clock + 1.2);
          const speed = (player.time() - song) / (context.currentTime - clock);
          const bins = new Float32Array(analyser.frequencyBinCount);
          analyser.getFloatFrequencyData(bins);
          return {{speed, hz: bins.indexOf(bins.reduce((a, b) => Math.max(a, b))) * 32000 / 32768}};
        }}"""
    )
    assert found["hz"] == pytest.approx(440.0, abs=3.0)
    assert found["speed"] == pytest.approx(0.5, abs=0.05)


def test_every_other_speed_keeps_pitch_and_level_and_gives_all_lanes_the_same(fresh: PlayerPage) -> None:
    """A sine of 440 Hz in two lanes through the worklet on an offline clock, after its first half second."""
    found = fresh.ask(
        """async (speeds) => {
          const {Stretch} = await import("/static/player_stretch.js");
          const measured = {};
          for (const speed of speeds) {
            const [rate, length] = [32000, 64000];
            const context = new OfflineAudioContext(2, length, rate);
            const merger = context.createChannelMerger(2);
            merger.connect(context.destination);
            const gains = [0, 1].map((lane) => {
              const gain = context.createGain();
              gain.connect(merger, 0, lane);
              return gain;
            });
            const stretch = await Stretch.open(context, gains);
            stretch.begin(0, speed);
            const count = length * speed + rate;
            const sine = Int16Array.from({length: count}, (_, i) => 16000 * Math.sin((2 * Math.PI * 440 * i) / rate));
            stretch.add([sine, sine], count);
            await new Promise((done) => setTimeout(done, 200)); // an offline clock waits for no message
            const rendered = await context.startRendering();
            const [one, other] = [0, 1].map((lane) => rendered.getChannelData(lane).subarray(rate / 2));
            let [crossings, apart, least] = [0, 0, 1];
            for (let i = 1; i < one.length; i++) {
              crossings += one[i - 1] < 0 !== one[i] < 0;
              apart = Math.max(apart, Math.abs(one[i] - other[i]));
            }
            for (let i = 0; i + 100 <= one.length; i += 100) {
              least = Math.min(least, Math.max(...one.subarray(i, i + 100)));
            }
            measured[speed] = {hz: (crossings / 2 / one.length) * rate, apart, least};
          }
          return measured;
        }""",
        [0.25, 0.5, 0.75, 1.25, 1.5, 2],
    )
    assert len(found) == 6
    for heard in found.values():
        assert heard["hz"] == pytest.approx(440.0, abs=1.0)
        assert heard["least"] == pytest.approx(16000 / 32767, rel=0.02)
        assert heard["apart"] == 0.0


def test_what_is_held_of_a_long_song_stays_under_40_mb(fresh: PlayerPage) -> None:
    most = fresh.ask(
        """async () => {
          let most = 0;
          await tap.play();
          for (let i = 0; i < 6; i++) {
            await player.seek(i * 33.1);
            await tap.ahead();
            most = Math.max(most, player.held());
          }
          return most;
        }"""
    )
    client = fresh.page.context.new_cdp_session(fresh.page)
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in client.send("Performance.getMetrics")["metrics"]}
    client.detach()
    assert 5e6 < most < 25e6
    assert most + metrics["JSHeapUsedSize"] < 40e6


def test_the_song_ends_and_can_be_played_again(fresh: PlayerPage) -> None:
    fresh.ask("async () => { await player.seek(199.5); await tap.play(); }")
    fresh.ask("() => tap.until(() => player.engine.state === 'paused')")
    assert fresh.ask("() => player.time()") == 0.0


def test_a_place_is_shown_and_played_to_its_end(fresh: PlayerPage) -> None:
    fresh.ask("() => { player.lanes.show(0, 10); return player.playPlace(150, 150.4); }")
    assert fresh.ask("() => [player.lanes.from_s <= 150, player.lanes.to_s >= 150.4]") == [True, True]
    fresh.ask("() => tap.until(() => player.engine.state === 'paused')")
    assert fresh.ask("() => player.time()") == pytest.approx(150.4, abs=0.001)


# Keys, tables, faults


@pytest.mark.parametrize(
    ("keys", "time_s"),
    [
        (["ArrowRight"], 0.25), (["ArrowRight", "ArrowRight"], 0.75), (["Shift+ArrowRight"] * 2, 2.25),
        (["]"], 40.0), (["]", "]", "["], 40.0), (["]", "ArrowLeft"], 39.75), (["]", "Shift+ArrowLeft"], 38.25),
    ],
)  # fmt: skip
def test_keys_go_by_beat_bar_and_section(fresh: PlayerPage, keys: list[str], time_s: float) -> None:
    for key in keys:
        fresh.page.keyboard.press(key)
    fresh.ask("([time_s]) => tap.until(() => Math.abs(player.time() - time_s) < 0.001)", [time_s])


def test_space_plays_while_a_button_has_the_focus_and_is_no_click_of_it(fresh: PlayerPage) -> None:
    fresh.page.get_by_role("button", name="Mute drums").focus()
    fresh.page.keyboard.press("Space")
    fresh.ask("() => tap.until(() => player.engine.state === 'playing')")
    assert fresh.ask(f"() => player.engine.lanes[{DRUMS}].mute") is False
    fresh.page.keyboard.press("Space")
    fresh.ask("() => tap.until(() => player.engine.state === 'paused')")


def test_m_and_s_with_a_number_mute_and_solo_that_stem(fresh: PlayerPage) -> None:
    for keys, expected in ((["m", "2"], (True, False)), (["s", "2"], (True, True)), (["m", "2"], (False, True))):
        for key in keys:
            fresh.page.keyboard.press(key)
        lane = fresh.ask(f"() => player.engine.lanes[{DRUMS}]")
        assert (lane["mute"], lane["solo"]) == expected
    fresh.page.keyboard.press("2")
    assert fresh.ask(f"() => player.engine.lanes[{DRUMS}].mute") is False, "a number alone does nothing"


def test_l_loops_the_section_and_again_goes_straight_on(fresh: PlayerPage) -> None:
    fresh.ask("() => player.seek(50)")
    fresh.page.keyboard.press("l")
    fresh.ask("() => tap.until(() => player.engine.loop !== null)")
    assert fresh.ask("() => player.engine.loop") == {"from": 40 * RATE_HZ, "to": 80 * RATE_HZ}
    assert fresh.page.get_by_role("button", name="Loop").get_attribute("aria-pressed") == "true"
    fresh.page.keyboard.press("l")
    fresh.ask("() => tap.until(() => player.engine.loop === null)")


def test_bar_beat_and_section_are_told(fresh: PlayerPage) -> None:
    fresh.ask("() => player.seek(43.3)")
    fresh.page.locator("output", has_text="22:3").wait_for()
    fresh.page.locator("output", has_text="0:43.3").wait_for()
    assert "section B" in str(fresh.page.get_by_label("Position in the song").get_attribute("aria-valuetext"))


def test_one_bar_fills_the_view(fresh: PlayerPage) -> None:
    fresh.ask("() => player.seek(43.3)")
    fresh.page.get_by_role("button", name="One bar").click()
    assert fresh.ask("() => [player.lanes.from_s, player.lanes.to_s]") == pytest.approx([42.25, 44.25])


def test_what_is_measured_anew_is_drawn_while_the_sound_goes_on(fresh: PlayerPage) -> None:
    fresh.ask("() => tap.play()")
    fresh.ask("async () => { player.sound.beats.length = 0; await player.refresh(); }")
    assert fresh.ask("() => [player.sound.beats.length, player.engine.state]") == [399, "playing"]
    fresh.page.locator("summary", has_text="Beats").click()
    expect(fresh.page.get_by_role("region", name="Beats").locator("tbody tr")).to_have_count(300)


def test_a_click_seeks_and_a_drag_loops(fresh: PlayerPage) -> None:
    box = fresh.page.locator("canvas").bounding_box()
    assert box is not None
    fresh.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 100)
    fresh.ask("() => tap.until(() => Math.abs(player.time() - 100) < 0.2)")
    fresh.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 100)
    fresh.page.mouse.down()
    fresh.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 110, steps=4)
    fresh.page.mouse.up()
    fresh.ask("() => tap.until(() => player.engine.loop !== null)")
    loop = fresh.ask("() => [player.engine.loop.from / 32000, player.engine.loop.to / 32000]")
    assert loop == pytest.approx([50.0, 100.0], abs=0.2)


def test_tables_tell_what_is_drawn_and_play_it(fresh: PlayerPage) -> None:
    fresh.page.locator("summary", has_text="Beats").click()
    table = fresh.page.get_by_role("region", name="Beats")
    expect(table.locator("tbody tr")).to_have_count(300)
    table.get_by_role("button", name="Show more").click()
    expect(table.locator("tbody tr")).to_have_count(399)
    expect(table.get_by_role("button", name="Show more")).to_have_count(0)
    fresh.page.locator("summary", has_text="Sections").click()
    fresh.page.get_by_role("button", name="Play 1:20.00, A").click()
    fresh.ask("() => tap.until(() => player.engine.state === 'playing' && player.time() >= 80)")
    fresh.page.locator("summary", has_text="Drum hits").click()
    expect(fresh.page.get_by_role("region", name="Drum hits").locator("tbody tr").first).to_be_visible()


def test_markup_in_words_and_chords_is_text(fresh: PlayerPage) -> None:
    for name in ("Chords", "Lyrics"):
        fresh.page.locator("summary", has_text=name).click()
        expect(fresh.page.get_by_role("region", name=name).locator("td", has_text="<script>")).to_have_count(1)
    assert fresh.page.locator("img[src=x]").count() == 0


def test_waveform_and_playhead_are_drawn(fresh: PlayerPage) -> None:
    count = """() => {
      const {canvas} = player.controls;
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const colours = new Set();
      for (let i = 0; i < pixels.length; i += 4) colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
      return colours.size;
    }"""
    fresh.ask("() => tap.until(() => player.rows.every(({peaks}) => peaks.overview))")
    with_overlays = fresh.ask(count)
    for name in ("Beats", "Sections", "Chords", "Lyrics", "Drum hits"):
        fresh.page.get_by_role("checkbox", name=name).uncheck()
    fresh.ask("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert 3 < fresh.ask(count) < with_overlays
    for name in ("Beats", "Sections", "Chords", "Lyrics", "Drum hits"):
        fresh.page.get_by_role("checkbox", name=name).check()


def test_a_lane_that_cannot_be_decoded_is_told_and_the_others_play(browser: Browser, studio: ServedStudio) -> None:
    page = browser.new_page()
    opened = open_player(page, studio, "bad")
    page.evaluate(_TAP)
    opened.ask("() => tap.play()")
    opened.ask("() => tap.until(() => player.time() > 0.3)")
    page.get_by_role("status").get_by_text("drums.wav").wait_for()
    assert [text for text in opened.complaints if "409" not in text] == []
    page.close()


def test_lanes_fit_a_phone(browser: Browser, studio: ServedStudio) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
    opened = open_player(page, studio, "long")
    opened.ask("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert opened.ask("() => document.documentElement.scrollWidth") <= 360
    targets = opened.ask("() => [...document.querySelectorAll('.player-bar button')].map((each) => each.offsetHeight)")
    assert np.min(targets) >= 44
    page.close()
