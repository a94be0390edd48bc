"""What a step costs: measured under a fake clock, interpolated by hand, kept."""

from __future__ import annotations

import json
import logging
import random
import threading
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.engine import profile_cache
from dsagent.engine.files import write_whole
from dsagent.engine.profile import StepProfile, measure
from dsagent.engine.profile_cache import cached, key_of
from tests.engine.models import FLASH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dsagent.engine.config import ModelConfig


class Machine:
    """A clock that only moves when work is done, and what work costs."""

    def __init__(self, step: Callable[[int, int], float]) -> None:
        self.now = 100.0
        self.step = step
        self.steps: list[tuple[int, int]] = []
        self.drafts: list[int] = []

    def run_step(self, requests: int, rows: int) -> float:
        self.steps.append((requests, rows))
        return self._spend(self.step(requests, rows))

    def run_draft(self, requests: int) -> float:
        self.drafts.append(requests)
        return self._spend(0.002 * (1 + requests))

    def _spend(self, seconds: float) -> float:
        self.now += seconds
        return seconds

    def measure(self, max_requests: int = 16, seconds: float = 1.5) -> StepProfile:
        return measure(
            self.run_step,
            self.run_draft,
            max_requests=max_requests,
            max_length=5,
            seconds=seconds,
            clock=lambda: self.now,
        )


def smooth(requests: int, rows: int) -> float:
    """Linear in requests and in rows per request, with a product: bilinear."""
    each = rows / requests
    return 0.001 + 0.0002 * requests + 0.0001 * each + 0.00005 * requests * each


def test_interpolation_by_hand() -> None:
    profile = StepProfile.of(
        {(2, 2): 10.0, (2, 4): 14.0, (2, 8): 20.0, (4, 4): 20.0, (4, 16): 50.0},
        {1: 3.0, 3: 7.0},
    )
    assert profile.target(2, 2) == 10.0
    assert profile.target(2, 3) == 12.0  # half way to 2 rows each
    assert profile.target(2, 6) == 17.0  # 3 each, half way from 2 to 4
    assert profile.target(2, 10) == 23.0  # on beyond the last: 1.5 a row
    assert profile.target(4, 8) == 30.0  # 2 each, a third of the way from 1 to 4
    # Half way between 2 requests (14 at 2 rows each) and 4 (30).
    assert profile.target(3, 6) == 22.0
    # Plain steps grow by 5 a request: 30 of 20, so everything grows by half.
    assert profile.target(6, 6) == 30.0
    assert profile.target(6, 12) == 45.0
    assert [profile.draft(n) for n in (1, 2, 3, 5)] == [3.0, 5.0, 7.0, 11.0]


def test_one_line_alone_counts_rows() -> None:
    profile = StepProfile.of({(1, 1): 10.0, (1, 3): 14.0, (4, 4): 99.0}, {1: 1.0})
    # A single point for 4 requests says nothing about rows, so it isn't used.
    assert profile.target(1, 2) == 12.0
    assert profile.target(4, 4) == 16.0
    assert profile.target(4, 5) == 18.0


def test_jitter_is_smoothed_to_the_closest_order() -> None:
    """By hand: 5, 4 become 4.5 twice; 9, 7, 8 become 8 three times."""
    seconds = [1.0, 5.0, 4.0, 9.0, 7.0, 8.0, 8.5]
    profile = StepProfile.of({(1, n): s for n, s in enumerate(seconds, 1)}, {1: 1.0})
    smoothed = [profile.target(1, n) for n in range(1, 8)]
    assert smoothed == [1.0, 4.5, 4.5, 8.0, 8.0, 8.0, 8.5]


@settings(max_examples=100)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.05, 0.2, 2.0]))
def test_more_rows_never_look_cheaper(seed: int, seconds: float) -> None:
    """Whatever was measured and however little of it, beyond the grid as well."""
    rng = random.Random(seed)
    machine = Machine(lambda requests, rows: rng.uniform(0.001, 0.02))
    profile = machine.measure(seconds=seconds)
    for requests in (1, 2, 3, 6, 11, 16, 24):
        costs = [profile.target(requests, requests + n) for n in range(8 * requests)]
        assert all(a <= b * (1 + 1e-12) for a, b in pairwise(costs))
        assert costs[0] > 0.0


def test_a_machine_that_is_bilinear_is_met_everywhere() -> None:
    machine = Machine(smooth)
    profile = machine.measure(seconds=60.0)
    for requests in range(1, 17):
        for rows in range(requests, 6 * requests + 1):
            expected = smooth(requests, rows)
            assert profile.target(requests, rows) == pytest.approx(expected)
        assert profile.draft(requests) == pytest.approx(0.002 * (1 + requests))


def test_the_fastest_of_five_counts() -> None:
    runs: dict[tuple[int, int], int] = {}

    def disturbed(requests: int, rows: int) -> float:
        runs[requests, rows] = runs.get((requests, rows), 0) + 1
        return smooth(requests, rows) * (1.0 if runs[requests, rows] == 3 else 3.0)

    profile = Machine(disturbed).measure(seconds=60.0)
    assert set(runs.values()) == {5}
    assert profile.target(4, 12) == pytest.approx(smooth(4, 12))


def test_measuring_ends_in_time_and_begins_with_what_matters() -> None:
    machine = Machine(lambda requests, rows: 0.010 * rows)
    start = machine.now
    machine.measure(seconds=0.5)
    assert machine.steps[:2] == [(1, 1), (1, 6)]
    assert machine.drafts[0] == 1
    # Everything of one request, then both ends of the largest batch.
    assert sorted(machine.steps[2:6]) == [(1, 2), (1, 3), (1, 4), (1, 5)]
    assert machine.steps[6] == (16, 16)
    # The time given, and at most one step and draft more: 96 rows.
    assert 0.5 <= machine.now - start <= 0.5 + 0.96 + 0.034


def test_a_slow_machine_takes_three_measurements() -> None:
    machine = Machine(lambda requests, rows: 10.0 + rows)
    profile = machine.measure(seconds=1.0)
    assert machine.steps == [(1, 1), (1, 6)]
    assert machine.drafts == [1]
    assert profile.target(1, 3) == pytest.approx(13.0)
    assert profile.target(4, 8) == pytest.approx(18.0)


def test_small_limits() -> None:
    machine = Machine(smooth)
    profile = machine.measure(max_requests=1, seconds=60.0)
    assert {requests for requests, _ in machine.steps} == {1}
    assert profile.target(1, 6) == pytest.approx(smooth(1, 6))
    machine = Machine(smooth)
    machine.measure(max_requests=6, seconds=60.0)
    assert {requests for requests, _ in machine.steps} == {1, 2, 4, 6}


def test_json_brings_the_same_profile_back() -> None:
    profile = Machine(smooth).measure()
    text = json.dumps(profile.to_json())
    assert StepProfile.from_json(json.loads(text)) == profile


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"steps": [], "drafts": [[1, 1.0]]},
        {"steps": [[1, [[1.0, 1.0]]]]},
        {"steps": [[1, []]], "drafts": [[1, 1.0]]},
        {"steps": [[1, [[1.0, 1.0]]]], "drafts": []},
        {"steps": [[1, [[1.0, "x"]]]], "drafts": [[1, 1.0]]},
        {"steps": [[1, [[1.0, 0.0]]]], "drafts": [[1, 1.0]]},
        {"steps": [[1, [[1.0, float("nan")]]]], "drafts": [[1, 1.0]]},
        {"steps": [[1, [[1.0, 2.0], [2.0, 1.0]]]], "drafts": [[1, 1.0]]},
        {"steps": [[2, [[1.0, 1.0]]], [1, [[1.0, 1.0]]]], "drafts": [[1, 1.0]]},
        {"steps": [["1", [[1.0, 1.0]]]], "drafts": [[1, 1.0]]},
    ],
)
def test_what_is_no_profile_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"not|out of order"):
        StepProfile.from_json(data)


# The cache.


PROFILE = StepProfile.of({(1, 1): 1.0, (1, 6): 2.0}, {1: 0.5})
OTHER = StepProfile.of({(1, 1): 7.0, (1, 6): 9.0}, {1: 0.5})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a test; it isn't there yet."""
    path = tmp_path / "not" / "yet"
    monkeypatch.setenv("DSAGENT_CACHE", str(path))
    return path


GOOD = b'{"steps": [[1, [[1.0, 1.0]]]], "drafts": [[1, 1.0]]}'


def never() -> StepProfile:
    raise AssertionError("measured, though the cache has it")


def test_a_profile_is_measured_once(folder: Path) -> None:
    assert cached("key", lambda: PROFILE) == PROFILE
    assert cached("key", never) == PROFILE
    assert cached("another", lambda: OTHER) == OTHER
    assert cached("key", never) == PROFILE
    assert sorted(path.name for path in folder.iterdir()) == [
        "profile-another.json",
        "profile-key.json",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"format": 0, "key": "key", "profile": {}}',
        b'{"format": 1, "key": "key", "profile": {}}',
        b'{"format": 1, "key": "other", "profile": ' + GOOD + b"}",
        b'{"format": 0, "key": "key", "profile": ' + GOOD + b"}",
        b'{"format": 1, "profile": ' + GOOD + b"}",
    ],
)
def test_a_file_of_no_use_is_replaced(folder: Path, content: bytes) -> None:
    """Cut off, foreign, older, or somebody else's."""
    folder.mkdir(parents=True)
    (folder / "profile-key.json").write_bytes(content)
    assert cached("key", lambda: PROFILE) == PROFILE
    assert cached("key", never) == PROFILE


def test_no_place_to_write_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file where the folder should be: not even root can write there."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DSAGENT_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.DEBUG, logger="dsagent"):
        assert cached("key", lambda: PROFILE) == PROFILE
        assert cached("key", lambda: OTHER) == OTHER
    assert "is not kept" in caplog.text
    assert all(record.levelno == logging.DEBUG for record in caplog.records)


def test_no_home_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(profile_cache, "folder", homeless)
    assert cached("key", lambda: PROFILE) == PROFILE


def test_processes_that_measure_at_once_leave_one_whole_file(folder: Path) -> None:
    barrier = threading.Barrier(8)
    results: list[StepProfile] = []

    def work(profile: StepProfile) -> None:
        def slow() -> StepProfile:
            barrier.wait(timeout=20)
            return profile

        results.append(cached("key", slow))

    threads = [
        threading.Thread(target=work, args=([PROFILE, OTHER][n % 2],)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert cached("key", never) in (PROFILE, OTHER)
    assert [path.name for path in folder.iterdir()] == ["profile-key.json"]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_whole(path, "old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "home/.cache/dsagent"),
        ("linux", {"XDG_CACHE_HOME": "{root}/xdg"}, "xdg/dsagent"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/dsagent"),
        ("darwin", {"XDG_CACHE_HOME": "{root}/xdg"}, "home/Library/Caches/dsagent"),
        ("win32", {"LOCALAPPDATA": "{root}/local"}, "local/dsagent"),
        ("win32", {}, "home/AppData/Local/dsagent"),
        ("linux", {"DSAGENT_CACHE": "{root}/mine"}, "mine"),
    ],
)
def test_the_folder_is_where_the_system_wants_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    environment: dict[str, str],
    expected: str,
) -> None:
    for name in ("DSAGENT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(root=tmp_path))
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    assert profile_cache.folder() == tmp_path / expected


def test_a_key_names_all_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(
        config: ModelConfig | None = None,
        *,
        device: str = "cpu",
        threads: int = 1,
        most: tuple[int, int] = (16, 5),
    ) -> str:
        return key_of(
            config or FLASH,
            device=device,
            threads=threads,
            max_requests=most[0],
            max_length=most[1],
        )

    first = key()
    assert first == key()
    keys = {
        first,
        key(replace(FLASH, index_topk=3)),
        key(device="cuda"),
        key(threads=2),
        key(most=(8, 5)),
        key(most=(16, 4)),
    }
    monkeypatch.setattr(profile_cache, "_processor", lambda: "another")
    keys.add(key())
    monkeypatch.setattr(profile_cache, "_version", lambda package: "0")
    keys.add(key())
    assert len(keys) == 8
