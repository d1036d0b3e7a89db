"""Who may use the studio: a real server, asked as browsers, scripts and attackers ask."""

from __future__ import annotations

import http.client
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flamingo_bark_assets.errors import ConfigurationError
from flamingo_bark_assets.library.judgements import parse_place, place_text
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.studio.access import KEYS_FILE, Keys, new_keys, read_keys
from tests.songs import write_song
from tests.studio import RunningStudio, running_studio

EDIT = b'{"songs": {"one": {"title": "stolen"}}}'


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    folder = tmp_path_factory.mktemp("studio")
    data = DataPaths(folder / "data")
    write_song(data.songs, "one", duration_s=5.5)
    with running_studio(folder / "home", data.root) as running:
        yield running


def answer(
    studio: RunningStudio, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """Ask with these headers alone."""
    connection = http.client.HTTPConnection(urlsplit(studio.url).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode()
    finally:
        connection.close()


def signed_in(studio: RunningStudio) -> dict[str, str]:
    """Return the headers of a browser that has taken a link."""
    _, headers, _ = answer(studio, "GET", studio.link.removeprefix(studio.url))
    return {"Cookie": headers["set-cookie"].partition(";")[0]}


def form_token(studio: RunningStudio, browser: dict[str, str]) -> str:
    session = studio.keys.session_of(browser["Cookie"].partition("=")[2], 0.0)
    assert session is not None
    return studio.keys.form_token(session)


def test_a_studio_whose_home_holds_nothing_of_dagsters_does_not_load_it(studio: RunningStudio) -> None:
    assert studio.ask("GET", "/health")[0] == 200
    assert studio.ask("GET", "/api/runs/grid")[0] == 200
    loaded = Path(f"/proc/{studio.process.pid}/maps").read_text()
    assert "pydantic_core" in loaded
    assert "cygrpc" not in loaded


def test_a_link_signs_one_browser_in_and_only_once(studio: RunningStudio) -> None:
    path = studio.link.removeprefix(studio.url)
    status, headers, _ = answer(studio, "GET", path)
    assert status == 303 and headers["location"] == "/"
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Domain" not in cookie
    assert answer(studio, "GET", path)[0] == 401
    assert answer(studio, "GET", "/api/history", headers={"Cookie": cookie.partition(";")[0]})[0] == 200


def test_a_link_keeps_the_page_that_it_leads_to(studio: RunningStudio) -> None:
    token = studio.keys.new_link_token()
    _, headers, _ = answer(studio, "GET", f"/songs/one?view=1&token={token}")
    assert headers["location"] == "/songs/one?view=1"


def test_a_link_never_leads_to_another_host(studio: RunningStudio) -> None:
    _, headers, _ = answer(studio, "GET", f"//evil.example/x?token={studio.keys.new_link_token()}")
    assert headers["location"].startswith("/") and not headers["location"].startswith("//")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": "flamingo_bark_1=x"},
        {"Cookie": "a" * 100_000},
        {"Cookie": "flamingo_bark_{port}=aaaa.1.{zeros}"},
        {"Cookie": "flamingo_bark_{port}=; $Version=1; \x01"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic eDp4"},
        {"Authorization": "Bearer {link}"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/history", "/static/../app.py", "/health/../api/history"])
def test_without_a_token_nothing_is_told(studio: RunningStudio, path: str, headers: dict[str, str]) -> None:
    known = {"port": urlsplit(studio.url).port, "zeros": "0" * 64, "link": studio.keys.new_link_token()}
    given = {name: value.format(**known) for name, value in headers.items()}
    status, _, body = answer(studio, "GET", path, headers=given)
    assert status in {400, 401, 404} and "one" not in body.replace("one browser", "").replace("new one", "")


@pytest.mark.parametrize(
    "path", ["/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2fetc%2fpasswd", "/static/"]
)
def test_static_files_are_all_that_is_served_as_such(studio: RunningStudio, path: str) -> None:
    assert answer(studio, "GET", path)[0] == 404


def test_a_cookie_of_a_session_that_began_long_ago_holds_no_more(studio: RunningStudio) -> None:
    cookie = studio.keys.new_session(now_s=1_000_000_000)
    headers = {"Cookie": f"flamingo_bark_{urlsplit(studio.url).port}={cookie}"}
    assert answer(studio, "GET", "/api/history", headers=headers)[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"X-Form-Token": ""}, 403),
        ({"X-Form-Token": "0" * 64}, 403),
        ({"Content-Type": "text/plain", "X-Form-Token": "x"}, 403),
    ],
)
def test_a_change_from_elsewhere_is_refused_whatever_the_cookie(
    studio: RunningStudio, headers: dict[str, str], status: int
) -> None:
    browser = signed_in(studio)
    token = {"X-Form-Token": form_token(studio, browser)}
    assert answer(studio, "POST", "/api/edits", EDIT, {**browser, **token, **headers})[0] == status
    assert not (studio.data / "songs/one/song.toml").exists()


def test_a_form_token_of_another_session_is_refused(studio: RunningStudio) -> None:
    mine, other = signed_in(studio), signed_in(studio)
    headers = {**mine, "X-Form-Token": form_token(studio, other)}
    assert answer(studio, "POST", "/api/edits", EDIT, headers)[0] == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b"{" * 100_000, 400),
        (b'{"songs": {}}', 400),
        (b'{"songs": {"one": {"title": 1}}}', 400),
        (b'{"songs": {"one": {"title": "a\\u0000b"}}}', 400),
        (b'{"songs": {"one": {"title": "\\ud800"}}}', 400),
        (b'{"songs": {"one": {"__proto__": 1}}}', 400),
        (b'{"songs": {"one": {"a = 1\\nb": 1}}}', 400),
        (b'{"songs": {"one": {"title": {"a": {}}}}}', 400),
        (b'{"songs": {"../one": {"title": "x"}}}', 400),
        (b'{"songs": {"none": {"title": "x"}}}', 400),
        (b'{"songs": {"one": {"title": "x"}}, "more": 1}', 400),
        (b'{"songs": {"one": {"lyrics": "' + b"x" * 60_000 + b'"}}}', 400),
        (b" " * (9 * 1024 * 1024), 413),
    ],
)
def test_a_hostile_change_is_refused_clearly_and_changes_nothing(
    studio: RunningStudio, body: bytes, status: int
) -> None:
    told, said = studio.ask("POST", "/api/edits", body)
    assert told == status and said["error"]
    assert not (studio.data / "songs/one/song.toml").exists()


def test_an_address_that_leads_nowhere_is_a_page_for_a_person_and_json_for_a_script(studio: RunningStudio) -> None:
    browser, path = signed_in(studio), "/songs/%3Cscript%3E"
    status, headers, page = answer(studio, "GET", path, headers={**browser, "Accept": "text/html,*/*;q=0.8"})
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "no such song: &#39;&lt;script&gt;&#39;" in page
    assert "Look into the library" in page
    status, headers, told = answer(studio, "GET", path, headers={**browser, "Accept": "application/json"})
    assert (status, json.loads(told)["code"]) == (404, "FB202")


def test_every_answer_forbids_scripts_and_frames_of_others(studio: RunningStudio) -> None:
    for path in ("/api/history", "/static/page.js", "/none"):
        _, headers, _ = answer(studio, "GET", path, headers=signed_in(studio))
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_no_static_script_or_page_asks_another_host_or_writes_markup() -> None:
    folder = Path(__file__).parents[1] / "flamingo_bark_assets/studio"
    files = [*folder.glob("static/*.js"), *folder.glob("static/*.css"), *folder.glob("templates/*.html")]
    assert len(files) > 5
    for file in files:
        text = file.read_text()
        assert not re.search(r"(?:src|href|url|import|from|fetch)[\s(=]*[\"']?(?:https?:)?//", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            file.name
        )
        assert not re.search(r"<[^>]* (?:style|on\w+)=|\|\s*safe\b", text), file.name


def test_the_keys_are_this_users_alone_and_outlive_a_start_while_links_do_not(tmp_path: Path) -> None:
    first = new_keys(tmp_path)
    link = first.new_link_token()
    second = new_keys(tmp_path)
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600
    assert second.script_token == first.script_token and second.session_of(first.new_session(0), 0)
    nonce, _, signature = link.partition(".")
    assert signature != second.sign("link", second.start, nonce)
    assert read_keys(tmp_path) == second


@pytest.mark.parametrize("text", ["", "{}", '{"secret": "ab", "start": "x"}', '{"secret": 1, "start": 2}', "\0" * 9000])
def test_a_damaged_file_of_keys_is_told_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / KEYS_FILE).write_text(text)
    with pytest.raises(ConfigurationError, match="delete it, and a new one is made"):
        read_keys(tmp_path)


def test_the_command_prints_a_link_that_works(studio: RunningStudio) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(studio.home), "STUDIO_PORT": str(urlsplit(studio.url).port)}
    command = [str(Path(sys.executable).parent / "flamingo-bark"), "studio", "--link"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()
    assert printed.startswith(studio.url)
    assert answer(studio, "GET", printed.removeprefix(studio.url))[0] == 303


def test_of_two_who_take_one_link_at_once_one_gets_in(studio: RunningStudio) -> None:
    path, got = studio.link.removeprefix(studio.url), []
    threads = [threading.Thread(target=lambda: got.append(answer(studio, "GET", path)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [303, *[401] * 7]


@pytest.mark.parametrize(
    "place", [("title",), ("edits", "mix", "caption"), ("edits", "prompts", "stem:drums"), ("a.b", '"')]
)
def test_the_name_of_a_place_is_read_back(place: tuple[str, ...]) -> None:
    assert parse_place(place_text(place)) == place


def test_tokens_of_one_kind_do_not_pass_for_another() -> None:
    keys = Keys("ab" * 32, "s")
    assert len({keys.sign("a", "b"), keys.sign("ab"), keys.sign("a\0b", ""), keys.script_token}) == 4
