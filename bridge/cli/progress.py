"""Shows at a terminal that long work goes on; elsewhere nothing, because a log has no use for it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def working(words: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """What is given is called after each of the `total` parts; without a total it only shows that time passes."""
    if not sys.stderr.isatty():
        yield _nothing
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from bridge.cli.output import console, printable

    counted = (BarColumn(), MofNCompleteColumn()) if total is not None else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *counted, TimeElapsedColumn())
    # Results go on to standard output, also while that is a file.
    both = sys.stdout.isatty()
    with Progress(*columns, console=console(sys.stderr), transient=True, redirect_stdout=both) as progress:
        task = progress.add_task(printable(words), total=total)
        yield lambda: progress.advance(task)


def _nothing() -> None:
    """Nobody looks."""
