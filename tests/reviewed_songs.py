"""Three songs as a reviewer finds them: one described by a model that errs, two that cannot be read; and its page.

Making the songs and opening pages belong here; what must hold stands in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from flamingo_bark_assets.captioning import model_captioner
from flamingo_bark_assets.defs.home import open_instance
from flamingo_bark_assets.inference.interface import ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.loading import Loaded, Skipped
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.local_runs import run_songs
from tests.captioning_models import ParrotModel
from tests.conftest import NO_WAITING
from tests.platform_state import make
from tests.songs import write_song, write_unreadable_song
from tests.studio import RunningStudio

SAID = "A house track at 97 BPM. It has a steady beat with drums and bass, and a saxophone."
SONG_TOML = 'title = "First"  # mine\nlyrics = """\n[Verse]\nla la one\nla la two\n"""\n'
expect.set_options(timeout=60_000)  # where nothing comes, not how soon
_WATCH = 'addEventListener("securitypolicyviolation", (event) => console.error("policy", event.violatedDirective))'


class ErringModel(ParrotModel):
    """A model that says the same of everything."""

    def __init__(self) -> None:
        super().__init__(identity=ModelIdentity("erring", "audio-flamingo-2", "r1", "none", "float32"))

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        said = [SAID if "sentence" in query.prompt else "house" for query in queries]
        return [Reply(text, 4, -0.25, truncated=False) for text in said]


@contextmanager
def erring_model() -> Iterator[None]:
    """Let the captioner have the erring model."""

    def load(_: InferenceSettings, *, skipped: tuple[Skipped, ...] = ()) -> Loaded:
        return Loaded(ErringModel(), ModelCandidate(model="erring", batch_size=8), skipped)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_captioner, "load_first", load)
        yield


def write_and_make(paths: DataPaths, home: Path) -> None:
    """Write the songs and run them."""
    paths.root.mkdir()
    paths.settings.write_text(NO_WAITING)
    (write_song(paths.songs, "one") / "song.toml").write_text(SONG_TOML)
    write_unreadable_song(paths.songs, "three")
    write_unreadable_song(paths.songs, "two")
    with platform_of(paths, home), open_instance(home) as instance:
        assert make(instance, "one", "three", "two")


def run_due(paths: DataPaths, home: Path, song_id: str) -> None:
    """Run what is due of a song, as the command line does."""
    with platform_of(paths, home), open_instance(home) as instance:
        reports = run_songs(instance, [song_id], lambda asset, song: None, only_due=True)
        assert all(report.success for report in reports)


@contextmanager
def platform_of(paths: DataPaths, home: Path) -> Iterator[None]:
    """Let Dagster's assets work on these folders, with the erring model."""
    with pytest.MonkeyPatch.context() as patch, erring_model():
        patch.setenv("FLAMINGO_BARK_DATA", str(paths.root))
        patch.setenv("DAGSTER_HOME", str(home))
        yield


@dataclass
class ReviewPage:
    """The page of a song in a browser.

    Attributes:
        page: the browser's page.
        studio: who serves it.
        complaints: what its console said in error, violations of the policy included.
        hosts: hosts that were asked for anything.
    """

    page: Page
    studio: RunningStudio
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, song_id: str, query: str = "") -> Page:
        """Open a song and wait until what is known of it is shown."""
        self.page.goto(f"{self.studio.url}/songs/{song_id}{query}")
        expect(self.page.locator("#verdict > *").first).to_be_visible()
        return self.page


def watched(page: Page, studio: RunningStudio) -> ReviewPage:
    """Sign a browser's page in, and note what it complains of."""
    opened = ReviewPage(page, studio)
    page.add_init_script(_WATCH)
    page.context.request.get(studio.link.replace("/?", "/static/icon.svg?"))
    page.on("console", lambda message: opened.complaints.extend(_complaints(message)))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.hosts.add(request.url.split("/")[2]))
    return opened


def _complaints(message: ConsoleMessage) -> list[str]:
    # The browser itself notes each request that is refused: a sound that cannot be played, a stale edit.
    return [message.text] if message.type == "error" and "409 (Conflict)" not in message.text else []


def claims_of(answer: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the claims of a kind that an answer of the page's JSON makes, in its text or as it was said."""
    return [claim for claim in (*answer["claims"], *answer.get("said_claims", ())) if claim["kind"] == kind]
