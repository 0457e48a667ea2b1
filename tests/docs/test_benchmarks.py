"""The README's figures are those of the run that docs/benchmarks.md shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_has_the_figures_of_the_run_that_is_shown() -> None:
    lines = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    rows = {cells[0]: cells for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}
    (text,) = re.findall(
        r"^`make bench`, on 2 cores.*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    def figure(measure: str, column: int) -> float:
        return float(rows[measure][column].replace(",", ""))

    accept, burst = "accept: rows a second, batches of 500", "burst of 50, Azure ML takes 150 ms"
    for said in (
        f"to the PUT {figure('request to PUT, idle, Azure ML takes 0 ms', 2):.0f} ms",
        f"{figure(accept, 2):,.0f} rows a second accepted",
        f"({figure(accept, 1):.0%} of what azure-servicebus",
        f"submitted at {figure(burst, 2):.0f} a second",
        f"({figure(burst, 1):.0%} of bare PUTs",
        f"for each row: {figure(burst, 4):.0f})",
        f"recorded at {figure('record: rows a second', 1):.0%} of",
        f"first job {figure('start: execute, first PUT', 1):.1f} times",
        f"in {figure('memory: http, after its first call', 2):.0f} MiB",
    ):
        assert said in text
