"""Step profiles, kept in the user's cache folder.

A file is named by a hash of all a profile depends on: the processor and how much of it
is used, the versions of torch and of this package, the model's configuration and what
was measured. Nothing has to be told when one of these changes, and old files are never
read.

A cache is a convenience: a file that can't be read or used is measured anew and
replaced, and one that can't be written is done without. Two processes that measure at
once both write, each a whole file, and the later one stays.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dsagent.engine.files import write_whole
from dsagent.engine.profile import StepProfile

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.engine.config import ModelConfig

logger = logging.getLogger(__name__)

_FORMAT: Final = 1
"""Changes when the same file would mean something else."""


def cached(key: str, measure: Callable[[], StepProfile]) -> StepProfile:
    """The profile kept under ``key``, or what ``measure`` returns, kept from now on."""
    try:
        path = folder() / f"profile-{key}.json"
    except RuntimeError as error:
        logger.debug("step profiles are not kept: %s", error)
        return measure()
    profile = _read(path, key)
    if profile is None:
        profile = measure()
        _write(path, key, profile)
    return profile


def key_of(
    config: ModelConfig,
    *,
    device: str,
    threads: int,
    max_requests: int,
    max_length: int,
) -> str:
    """The name of a profile: everything its numbers depend on, hashed.

    Args:
        config: of the model.
        device: what it runs on, named as exactly as torch can ("cpu" will do for one).
        threads: torch's.
        max_requests, max_length: as of ``profile.measure``.
    """
    facts = {
        "format": _FORMAT,
        "versions": [_version("dsagent"), _version("torch")],
        "processor": [platform.machine(), _processor(), os.cpu_count()],
        "device": device,
        "threads": threads,
        "measured": [max_requests, max_length],
        "model": asdict(config),
    }
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def folder() -> Path:
    """Where this package keeps what it can make again, by each system's custom.

    ``DSAGENT_CACHE`` overrides it.

    Raises:
        RuntimeError: the user has no home folder.
    """
    if chosen := os.environ.get("DSAGENT_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        # The XDG specification has relative paths ignored.
        xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = xdg if xdg.is_absolute() else Path.home() / ".cache"
    return base / "dsagent"


def _read(path: Path, key: str) -> StepProfile | None:
    """The profile in ``path``, or None if there is none to be used."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        match data:
            case {"format": found, "key": name, "profile": profile} if (
                found == _FORMAT and name == key
            ):
                return StepProfile.from_json(profile)
        raise ValueError("it was written for something else")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        logger.debug("the step profile %s is not used: %s", path, error)
        return None


def _write(path: Path, key: str, profile: StepProfile) -> None:
    data = {"format": _FORMAT, "key": key, "profile": profile.to_json()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(data))
    except OSError as error:
        logger.debug("the step profile %s is not kept: %s", path, error)


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()


def _version(package: str) -> str:
    """The installed version; a source tree that isn't installed has none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
