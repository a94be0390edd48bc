"""Saved prefixes: found, whole or refused by name, within their limit, and shared.

The files are read by the safetensors package, their checksum by binascii; what kills,
fills and races is the system: SIGKILL, limits of file sizes, a disk of one megabyte,
processes.
"""

from __future__ import annotations

import binascii
import errno
import json
import logging
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from dsagent.engine import files
from dsagent.engine.files import replacing, sweep
from dsagent.engine.prefixfile import VERSION
from dsagent.engine.store import Store
from dsagent.errors import PrefixFileError
from tests.engine import store_writers as writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from torch import Tensor

ROOT = Path(__file__).parents[2]
IDS = [3, 1, 4, 1, 5, 9, 2, 6]
SMALL = {"ring": torch.arange(6.0).view(2, 3), "flags": torch.tensor([True, False])}
META = {"position": 8, "layers": [1, 2], "name": 'ü"\n\ud800'}

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "prefixes", model="a model")


@pytest.fixture
def path(store: Store) -> Path:
    """The file of a small prefix."""
    return store.save(IDS, SMALL, META)


def listing(store: Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def use(path: Path, when: int) -> None:
    """Let a file have been used at a time, in seconds since 1970."""
    os.utime(path, (when, when))


# What is saved is what is loaded


def every_dtype() -> dict[str, Tensor]:
    torch.manual_seed(0)
    data = torch.randint(0, 120, (6, 16), dtype=torch.uint8)
    dtypes = (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
        *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu),
    )
    tensors = {str(dtype): data.view(dtype) for dtype in dtypes}
    return {
        **tensors,
        "bool": data > 60,
        "scalar": torch.tensor(2.5),
        "transposed": data.float().T,
        "every other": data.short()[::2, ::2],
        "empty": torch.empty(0, 3),
        "odd": data.flatten()[:7],
    }


def test_a_prefix_comes_back_as_it_was_saved(store: Store) -> None:
    tensors = every_dtype()
    store.save(IDS, tensors, META)
    saved = store.load(IDS)
    assert saved is not None
    assert saved.ids == tuple(IDS)
    assert saved.meta == META
    assert saved.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        loaded = saved.tensors[name]
        assert (loaded.dtype, loaded.shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(
            loaded.reshape(-1).view(torch.uint8),
            tensor.reshape(-1).view(torch.uint8),
        ), name
        assert loaded.data_ptr() % tensor.itemsize == 0, name


def test_others_can_read_the_file(store: Store) -> None:
    tensors = every_dtype()
    path = store.save(IDS, tensors, META)
    with safe_open(path, "pt") as file:
        facts = file.metadata()
        assert {*file.keys()} == {*tensors, "__ids__", "__crc__"}
        assert file.get_tensor("__ids__").tolist() == IDS
        for name, tensor in tensors.items():
            assert torch.equal(file.get_tensor(name).double(), tensor.double()), name
    assert (facts["format"], facts["version"]) == ("dsagent prefix", str(VERSION))
    assert (facts["model"], facts["tokens"]) == ("a model", "8")
    assert json.loads(facts["meta"]) == META
    data = path.read_bytes()
    assert binascii.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")


@posix
def test_only_its_owner_can_read_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@posix
def test_loaded_tensors_are_the_file_and_outlive_it(store: Store) -> None:
    tensors = {"pool": torch.arange(1 << 18)}
    path = store.save(IDS, tensors)
    data = path.read_bytes()
    saved = store.load(IDS)
    assert saved is not None
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(path) in maps.read_text()
    saved.tensors["pool"][0] = -1
    assert path.read_bytes() == data
    store.save(IDS, {"pool": torch.zeros(3)})
    for entry in store.entries():
        store.delete(entry)
    assert saved.tensors["pool"].sum() == (1 << 18) * ((1 << 18) - 1) // 2 - 1


def test_saving_again_replaces(store: Store, path: Path) -> None:
    assert store.save(IDS, {"other": torch.ones(2)}, {"n": 1}) == path
    saved = store.load(IDS)
    assert saved is not None
    assert list(saved.tensors) == ["other"]
    assert saved.meta == {"n": 1}
    assert listing(store) == [path.name]


@pytest.mark.parametrize(
    ("ids", "tensors", "meta", "problem"),
    [
        ([], {}, {}, "at least one token"),
        ([1 << 31], {}, {}, "32 bit"),
        ([1], {"__ids__": torch.ones(1)}, {}, "__ids__"),
        ([1], {"x": torch.ones(1, dtype=torch.complex64)}, {}, "x is torch.complex64"),
        ([1], {}, {"x": {1, 2}}, "set"),
    ],
)
def test_what_cant_be_saved_isnt(
    store: Store,
    ids: list[int],
    tensors: dict[str, Tensor],
    meta: dict[str, object],
    problem: str,
) -> None:
    with pytest.raises((ValueError, TypeError), match=problem):
        store.save(ids, tensors, meta)
    assert not store.folder.exists()


# Finding


def test_the_longest_prefix_is_found(store: Store) -> None:
    """Against comparing with every saved prefix."""
    rng = random.Random(5)
    prefixes = {
        tuple(rng.randrange(2) for _ in range(rng.randint(1, 7))) for _ in range(30)
    }
    for prefix in prefixes:
        store.save(prefix, {})
    for _ in range(300):
        ids = [rng.randrange(2) for _ in range(rng.randint(0, 10))]
        fitting = [len(p) for p in prefixes if tuple(ids[: len(p)]) == p]
        entry = store.find(ids)
        assert (entry.length if entry else 0) == max(fitting, default=0), ids
        if entry:
            saved = store.load(ids[: entry.length])
            assert saved is not None
            assert saved.ids == tuple(ids[: entry.length])
            assert entry.nbytes == entry.path.stat().st_size


def test_what_isnt_there_is_absent(store: Store, tmp_path: Path) -> None:
    assert store.find(IDS) is None
    assert store.load(IDS) is None
    assert store.entries() == []
    assert list(tmp_path.iterdir()) == []
    store.save(IDS, SMALL)
    assert store.load(IDS[:-1]) is None
    assert store.load([*IDS, 1]) is None
    assert store.find(IDS[:-1]) is None


def test_one_deleted_meanwhile_is_absent(store: Store, path: Path) -> None:
    entry = store.find(IDS)
    assert entry is not None
    Store(store.folder, model="a model").delete(entry)
    assert store.load(IDS) is None
    store.delete(entry)
    assert store.entries() == []


def test_models_dont_see_each_other(store: Store, path: Path) -> None:
    for model in ("another model", "../../a model", "\0", "x" * 1000):
        other = Store(store.folder, model=model)
        assert other.find(IDS) is None
        assert other.load(IDS) is None
        assert other.entries() == []
        assert other.save(IDS, {}).parent == store.folder
        assert [entry.length for entry in other.entries()] == [8]
    assert [entry.path for entry in store.entries()] == [path]


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    store = Store(tmp_path / "file", model="m")
    with pytest.raises(PrefixFileError, match=r"saved as .*file.prefix-.*File exists"):
        store.save(IDS, SMALL)
    with pytest.raises(PrefixFileError, match=r"folder .*file of saved prefixes can't"):
        store.find(IDS)
    assert store.load(IDS) is None
    assert (tmp_path / "file").read_text() == "mine"


# Refused by name


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a file's header, and make the checksum fit again."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    change(header)
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + data[start:-4]
    path.write_bytes(data + binascii.crc32(data).to_bytes(4, "little"))


def fact(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda header: header["__metadata__"].update({name: value})


def place(name: str, key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda header: header[name].update({key: value})


def test_rewriting_alone_changes_nothing(store: Store, path: Path) -> None:
    rewrite(path, lambda header: None)
    assert store.load(IDS) is not None


FOREIGN = {
    "is no dsagent prefix but 'pt'": fact("format", "pt"),
    "has format version 0; this version of dsagent reads 1": fact("version", "0"),
    "has format version 2; this version of dsagent reads 1": fact("version", "2"),
    "is of the model 'b', not of 'a model'": fact("model", "b"),
}


@pytest.mark.parametrize("problem", FOREIGN)
def test_what_is_anothers_is_refused_and_left_alone(
    store: Store, path: Path, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(path, FOREIGN[problem])
    data = path.read_bytes()
    for look in (store.load, store.find):
        with caplog.at_level(logging.WARNING):
            assert look(IDS) is None
        assert f"{path} {problem}" in caplog.text
        caplog.clear()
    assert path.read_bytes() == data
    store.save(IDS, SMALL)
    assert store.load(IDS) is not None


def bare(header: dict[str, Any]) -> None:
    del header["__metadata__"]


def without_ids(header: dict[str, Any]) -> None:
    header["tokens"] = header.pop("__ids__")


def without_checksum(header: dict[str, Any]) -> None:
    del header["__crc__"]


def with_a_hole(header: dict[str, Any]) -> None:
    del header["ring"]


NO_HEADER = "its header isn't one of a saved prefix"
DAMAGED: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (bare, NO_HEADER),
    (fact("tokens_sha256", "0" * 64), "it is of other tokens"),
    (fact("meta", "[]"), "its meta is no object"),
    (fact("meta", "nonsense"), "Expecting value"),
    (without_ids, NO_HEADER),
    (place("__ids__", "dtype", "F32"), "its ids or its checksum"),
    (without_checksum, " bytes"),
    (place("__crc__", "shape", [2, 2]), "its ids or its checksum"),
    (place("ring", "dtype", "F7"), NO_HEADER),
    (place("ring", "shape", 6), NO_HEADER),
    (place("ring", "shape", [-2, -3]), "ring has the shape [-2, -3]"),
    (place("ring", "shape", [2.0, 3]), "ring has the shape [2.0, 3]"),
    (place("ring", "shape", [2, 1 << 70]), "ring is not where it must be"),
    (place("ring", "data_offsets", {}), NO_HEADER),
    (place("ring", "data_offsets", [0, 20]), "ring is not where it must be"),
    (place("ring", "data_offsets", [8, 32]), "ring is not where it must be"),
    (with_a_hole, "__ids__ is not where it must be"),
]


@pytest.mark.parametrize(("change", "problem"), DAMAGED)
@pytest.mark.parametrize("look", ["find", "load", "load unverified"])
def test_a_damaged_header_is_refused_and_deleted(
    store: Store,
    path: Path,
    change: Callable[[dict[str, Any]], object],
    problem: str,
    look: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rewrite(path, change)
    with caplog.at_level(logging.WARNING):
        if look == "find":
            assert store.find(IDS) is None
        else:
            assert store.load(IDS, verify=look == "load") is None
    assert f"{path} is damaged" in caplog.text
    assert problem in caplog.text
    assert not path.exists()


def test_other_tokens_under_the_right_hash_are_refused(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.save(IDS, {})
    data = path.read_bytes()
    stored = torch.tensor(IDS, dtype=torch.int32).numpy().tobytes()
    assert data.count(stored) == 1
    path.write_bytes(data.replace(stored, stored[::-1]))
    rewrite(path, lambda header: None)
    assert store.load(IDS) is None
    assert "its tokens are not those" in caplog.text
    assert not path.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\xff" * 100,
        (99_999_999).to_bytes(8, "little") + b"{}",
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"\xff\xff",
    ],
    ids=["empty", "short", "noise", "longer", "deep", "bare", "no text"],
)
def test_what_is_no_safetensors_file_is_refused(
    store: Store, path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for look in (store.load, store.find):
        path.write_bytes(data)
        assert look(IDS) is None
        assert not path.exists()
    assert caplog.text.count(f"{path} is damaged") == 2


def test_every_byte_counts(store: Store, path: Path) -> None:
    """Each byte changed, and the file cut off at each; then it is rebuilt."""
    data = path.read_bytes()
    logging.disable()
    try:
        for at in range(len(data)):
            for mask in (0x01, 0x80, 0xFF):
                changed = bytearray(data)
                changed[at] ^= mask
                path.write_bytes(changed)
                assert store.load(IDS) is None, (at, mask)
                store.load(IDS, verify=False)
            path.write_bytes(data[:at])
            assert store.find(IDS) is None, at
            assert store.load(IDS) is None, at
            assert not path.exists()
    finally:
        logging.disable(logging.NOTSET)
    path.write_bytes(data)
    assert store.load(IDS) is not None


def test_whatever_is_cut_out_or_put_in_is_noticed(store: Store, path: Path) -> None:
    whole = path.read_bytes()

    @settings(max_examples=300)
    @given(st.integers(0, len(whole)), st.integers(0, 40), st.binary(max_size=40))
    def check(start: int, count: int, put: bytes) -> None:
        changed = whole[:start] + put + whole[start + count :]
        path.write_bytes(changed)
        assert (store.load(IDS) is None) == (changed != whole)

    check()


def test_a_shorter_prefix_takes_a_damaged_ones_place(store: Store, path: Path) -> None:
    """Of two that are longer, one is cut off and one is another model's."""
    store.save([*IDS, 1], SMALL).write_bytes(b"cut off")
    rewrite(store.save([*IDS, 1, 2], SMALL), fact("model", "b"))
    entry = store.find([*IDS, 1, 2, 3])
    assert entry is not None
    assert entry.path == path


def test_the_good_file_that_replaced_a_damaged_one_stays(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process saves between reading a damaged file and deleting it."""
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    alone = files.alone

    @contextmanager
    def late(folder: Path) -> Iterator[None]:
        with alone(folder):
            with replacing(path) as file:
                file.write(good)
            yield

    monkeypatch.setattr("dsagent.engine.store.alone", late)
    assert store.load(IDS) is None
    assert store.load(IDS) is not None


@posix
def test_one_that_cant_be_read_is_left_alone(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    path.mkdir()
    assert store.load(IDS) is None
    assert f"{path} can't be read: Is a directory" in caplog.text
    assert store.find(IDS) is None
    assert path.is_dir()


# The limit


@pytest.mark.parametrize("seed", range(2))
def test_the_least_recently_used_go(tmp_path: Path, seed: int) -> None:
    """Against a list kept by hand; of two models that share a folder."""
    rng = random.Random(seed)
    folder = tmp_path / "prefixes"
    limit = 20_000
    stores = [Store(folder, model=model, limit=limit) for model in "ab"]
    kept: list[Path] = []  # last used last
    names: dict[tuple[int, int], Path] = {}
    for now in range(1, 150):
        model, length = rng.randrange(2), rng.randint(1, 12)
        store, ids = stores[model], [5] * length
        if rng.random() < 0.5:
            path = names.get((model, length))
            there = path is not None and path in kept
            assert (store.load(ids) is not None) == there
            if path is None or not there:
                continue
        else:
            tensor = torch.zeros(rng.randint(1, 1500), dtype=torch.int32)
            path = names[model, length] = store.save(ids, {"x": tensor})
        # What the system noted is the present, which is the same in all rounds.
        assert path.stat().st_mtime > 1_000_000_000
        use(path, now)
        kept = [one for one in kept if one != path] + [path]
        sizes = {one: one.stat().st_size for one in kept if one.exists()}
        while not kept[0].exists():
            del kept[0]
        assert {*kept} == {*folder.iterdir()}, now
        assert sum(sizes.values()) <= limit
    # Nothing went that could have stayed: one more of the largest would be too much.
    assert sum(path.stat().st_size for path in kept) > limit - 7000


def test_what_was_just_saved_stays_whatever_its_time(store: Store) -> None:
    limited = Store(store.folder, model="a model", limit=2_000)
    old = [limited.save([n], {"x": torch.zeros(200)}) for n in range(3)]
    assert [path.exists() for path in old] == [False, False, True]
    use(old[2], 32_000_000_000)  # the clock was wrong
    new = limited.save([4], {"x": torch.zeros(200)})
    assert listing(store) == [new.name]


def test_one_above_the_limit_is_refused_before_it_is_written(store: Store) -> None:
    size = store.save(IDS, SMALL).stat().st_size
    folder = store.folder / "new"
    with pytest.raises(PrefixFileError, match=rf"takes {size} bytes .* {size - 1};"):
        Store(folder, model="a model", limit=size - 1).save(IDS, SMALL)
    assert not folder.exists()
    Store(folder, model="a model", limit=size).save(IDS, SMALL)


def test_the_limit_is_what_may_be_there(store: Store) -> None:
    size = store.save([0], SMALL).stat().st_size
    for limit, left in ((2 * size, 2), (2 * size - 1, 1)):
        limited = Store(store.folder, model="a model", limit=limit)
        limited.save([1], SMALL)
        assert len(store.entries()) == left


def test_other_files_are_never_touched(store: Store, path: Path) -> None:
    name = path.name
    others = [
        *("notes.txt", "model.safetensors", name + ".bak", "x" + name, "prefix-1"),
        *(".hidden", f".{name}.", f".{name}", f".notes.{'0' * 16}", f"{name}.00ff"),
    ]
    for other in others:
        (store.folder / other).write_bytes(b"mine" * 1000)
    (store.folder / name.replace("-8-", "-9-")).mkdir()
    size = path.stat().st_size
    limited = Store(store.folder, model="a model", limit=size)
    assert [entry.path for entry in limited.entries()] == [path]
    new = limited.save([1, 2], SMALL, {})
    left = {*others, new.name, name.replace("-8-", "-9-")}
    assert {*listing(store)} == left
    assert (store.folder / "notes.txt").read_bytes() == b"mine" * 1000


def test_a_file_that_cant_be_deleted_is_passed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, while its tensors are in use."""
    oldest, older, newer = (store.save([n], {"x": torch.zeros(200)}) for n in range(3))
    for when, path in enumerate((oldest, older, newer)):
        use(path, when)
    unlink = Path.unlink

    def busy(path: Path, missing_ok: bool = False) -> None:
        if path == oldest:
            raise PermissionError(errno.EACCES, "in use")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", busy)
    limit = 3 * newer.stat().st_size
    new = Store(store.folder, model="a model", limit=limit).save(
        [9], {"x": torch.zeros(200)}
    )
    assert {*listing(store)} == {oldest.name, newer.name, new.name}
    entry = next(entry for entry in store.entries() if entry.path == oldest)
    with pytest.raises(PrefixFileError, match=f"{oldest} can't be deleted: in use"):
        store.delete(entry)


def test_two_that_make_room_at_once_leave_one(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one, each would keep its own and delete the other's."""
    limit = path.stat().st_size
    both = threading.Barrier(2)
    list_all = Store._all

    def slow(self: Store) -> object:
        entries = list_all(self)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # for the other to have listed them, too, if it can
        return entries

    monkeypatch.setattr(Store, "_all", slow)
    threads = [
        threading.Thread(
            target=Store(store.folder, model="a model", limit=limit).save,
            args=([n], SMALL),
        )
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(listing(store)) == 1


# A disk that is full


@contextmanager
def unsynced() -> Iterator[None]:
    """It is noticed late, as on network file systems."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        yield


@contextmanager
def unnamed() -> Iterator[None]:
    """The folder itself can't grow."""

    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", full)
        yield


@contextmanager
def short() -> Iterator[None]:
    """The system writes 3 MB of the 8, says so, and writes no more."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system of one megabyte."""
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(root)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"no disk can be mounted: {error}")
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted: {mounted.stderr.decode()}")
    try:
        yield root
    finally:
        subprocess.run(["umount", str(root)], check=True)


LARGE = {"x": torch.ones(2_000_000)}


def check_that_a_failed_save_leaves_what_was_there(
    store: Store, full: Callable[[], AbstractContextManager[None]], words: str
) -> None:
    data = store.save(IDS, SMALL, META).read_bytes()
    before = listing(store)
    for ids in ([1], IDS):
        with (
            full(),
            pytest.raises(
                PrefixFileError, match=f"can't be saved as .*: {words}.*; make"
            ),
        ):
            store.save(ids, LARGE)
        assert listing(store) == before
    assert (store.folder / before[0]).read_bytes() == data
    assert store.load(IDS) is not None


@posix
@pytest.mark.parametrize(
    ("full", "words"),
    [(unsynced, "No space"), (unnamed, "No space"), (short, "File too large")],
)
def test_a_full_disk_leaves_what_was_there(
    store: Store, full: Callable[[], AbstractContextManager[None]], words: str
) -> None:
    check_that_a_failed_save_leaves_what_was_there(store, full, words)
    store.save(IDS, LARGE)


@posix
def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    store = Store(small_disk / "prefixes", model="m")
    check_that_a_failed_save_leaves_what_was_there(store, nullcontext, "No space")
    store.save([1], {"x": torch.ones(100_000)})


# Several processes


@posix
def test_what_is_being_written_is_not_swept_away(store: Store, path: Path) -> None:
    other = store.folder / path.name.replace("-8-", "-9-")
    with replacing(other) as file:
        file.write(b"half")
        store.save([1], SMALL)
        store.save(IDS, SMALL)
        assert Path(file.name).read_bytes() == b""  # buffered, but there
        file.write(b" and half")
    assert other.read_bytes() == b"half and half"


@posix
def test_what_was_abandoned_is_swept_away(store: Store, path: Path) -> None:
    abandoned = store.folder / f".{path.name}.{'0' * 16}"
    abandoned.write_bytes(b"half")
    assert store.find(IDS) is not None
    assert [entry.path for entry in store.entries()] == [path]
    store.save(IDS, SMALL)
    assert listing(store) == [path.name]


@posix
def test_one_swept_away_before_it_was_locked_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    lock = files._lock
    swept: list[Path] = []

    def late(handle: int, *, wait: bool = True) -> None:
        if not swept:
            swept.extend(tmp_path.iterdir())
            sweep(tmp_path, re.compile("file"))
        lock(handle, wait=wait)

    monkeypatch.setattr(files, "_lock", late)
    with replacing(path) as file:
        assert len(swept) == 1
        assert [Path(file.name)] == list(tmp_path.iterdir()) != swept
        file.write(b"whole")
    assert path.read_bytes() == b"whole"


class Nursery:
    """A process that forks others, and what they say."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.store_writers", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout
        assert self.line() == "ready"

    def order(self, text: str) -> None:
        self._orders.write(f"{text}\n".encode())
        self._orders.flush()

    def line(self) -> str:
        """What is said next; waits for it."""
        text = b""
        # Byte by byte: nothing may be in a buffer when ``silent`` looks for more.
        while not text.endswith(b"\n"):
            more = os.read(self._answers.fileno(), 1)
            assert more, f"the writers ended after {text!r}"
            text += more
        return text.decode().removesuffix("\n")

    def silent(self, seconds: float) -> bool:
        """Whether nothing is said for a time."""
        return not select.select([self._answers], [], [], seconds)[0]

    def close(self) -> None:
        self._orders.close()
        self._answers.close()  # who is still saving ends when it says so
        assert self._process.wait(20) == 0


@pytest.fixture
def nursery(store: Store) -> Iterator[Nursery]:
    nursery = Nursery(store.folder)
    yield nursery
    nursery.close()


class Generations:
    """The newest generation that is known to be saved, of each length."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: dict[int, int] = {}
        for length in writers.LENGTHS:
            self._save(length, 0)
            self._newest[length] = 0

    def _save(self, length: int, generation: int) -> None:
        meta = {"generation": generation}
        self._store.save(writers.ids(length), writers.state(generation), meta)

    def heard(self, line: str) -> None:
        word, length, generation = line.split()
        assert word == "saved"
        self._newest[int(length)] = int(generation)

    def next(self) -> int:
        return max(self._newest.values()) + 1

    def check(self, first: int) -> bool:
        """After somebody was killed who saved generations from ``first`` on.

        Nothing is lost or half there; the store works on, and cleans up.

        Returns:
            Whether there was something to clean up.
        """
        for length, newest in self._newest.items():
            found = writers.generation_of(self._store, length)
            # The last one may have been finished and not told.
            assert found in (newest, max(newest + 1, first)), (length, found, newest)
            self._newest[length] = found
        left = len(listing(self._store)) - len(writers.LENGTHS)
        assert left in (0, 1)
        self._save(3, self._newest[3])
        assert len(listing(self._store)) == len(writers.LENGTHS)
        return left == 1


@posix
def test_killed_at_any_point_of_a_save(store: Store, nursery: Nursery) -> None:
    """Fifty points, before or after calls of functions, throughout three saves."""
    store = Store(store.folder, model="m")
    known = Generations(store)
    unfinished = 0
    for kill in range(50):
        first = known.next()
        nursery.order(f"generations {first} {13 + 30 * kill}")
        assert nursery.line().startswith("pid")
        while (line := nursery.line()) != "ended":
            known.heard(line)
        assert line == "ended"
        unfinished += known.check(first)
    assert unfinished >= 10


@posix
def test_killed_at_any_time(store: Store, nursery: Nursery) -> None:
    """From outside, and so in the middle of what the system does, too."""
    rng = random.Random(1)
    store = Store(store.folder, model="m")
    known = Generations(store)
    for _ in range(25):
        first = known.next()
        nursery.order(f"generations {first} 0")
        pid = int(nursery.line().removeprefix("pid "))
        end = time.monotonic() + rng.uniform(0, 0.05)
        while not nursery.silent(max(0, end - time.monotonic())):
            known.heard(nursery.line())
        os.kill(pid, signal.SIGKILL)
        while (line := nursery.line()) != "ended":
            known.heard(line)
        known.check(first)


@posix
def test_a_crowd_in_one_folder(store: Store, nursery: Nursery) -> None:
    """Three processes save, load, evict, delete and sweep at once."""
    nursery.order("crowd 1; crowd 2; crowd 3")
    said = [nursery.line() for _ in range(9)]
    assert sorted(line for line in said if "pid" not in line) == [
        *["done"] * 3,
        *["ended"] * 3,
    ]
    entries = Store(store.folder, model="m").entries()
    assert sorted(listing(store)) == sorted(entry.path.name for entry in entries)
    assert sum(entry.nbytes for entry in entries) <= writers.ROOM_FOR_THREE
    store = Store(store.folder, model="m")
    for entry in entries:
        assert writers.generation_of(store, entry.length) is not None
