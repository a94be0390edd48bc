"""A bar for work that takes a while: loading a model, reading a long prompt.

It shows how much is done, how fast it goes and how long the rest takes, where there is
somebody to see it: as a bar on a terminal, as a widget in a notebook, and not at all in
pipes and logs. It goes away when the work is done.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self, TextIO


class Bar:
    """A callable of (done, total); a context manager that takes the bar away.

    ::

        with Bar("loading") as bar:
            model = await Model.load("some/model", progress=bar)
        with Bar("reading", unit="tokens") as bar:
            prefix = await model.prefix(documents=documents, progress=bar)

    Speed and time left are those since the first call: what was done by then, out of a
    cache for one, says nothing about the rest.
    """

    def __init__(
        self, title: str, *, unit: str = "", out: TextIO | None = None
    ) -> None:
        """Prepare a bar; it appears with the first call.

        Args:
            title: What is being done.
            unit: Of what is counted.
            out: Where to draw; standard error by default.
        """
        self._title = title
        self._unit = unit
        self._out = out
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` is done. From any thread."""
        if self._bar is None:
            self._bar = self._drawn(done, total)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _drawn(self, done: int, total: int) -> Any:
        from tqdm.autonotebook import tqdm
        from tqdm.std import tqdm as terminal

        # None: not where the output is no terminal, which no notebook's is.
        hidden = None if tqdm is terminal else False
        return tqdm(
            total=total,
            initial=done,
            desc=self._title,
            unit=f" {self._unit}" if self._unit else "",
            file=self._out or sys.stderr,
            disable=hidden,
            leave=False,
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
