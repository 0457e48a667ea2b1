"""The last step of an Azure ML pipeline: its predictions as files that LOAD_OUTPUTS loads into Snowflake.

LOAD_OUTPUTS looks in out/RUN_ID/ once the run has completed, and matches columns by their names. Each row gets a column
RUN_ID, because one table takes the predictions of all runs.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOG = logging.getLogger("write_predictions")
#: What the bridge names its runs, and Azure ML its jobs.
_RUN_ID = re.compile(r"r-[a-z2-7]{26}")


class Unusable(Exception):
    """There is nothing that could be loaded; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    given = _arguments(arguments)
    try:
        rows, files = write(given.predictions, given.output, given.run_id)
    except Unusable as error:
        return _failed(str(error))
    LOG.info("%d rows in %d files of %s/", rows, files, given.run_id)
    return 0


def write(predictions: Path, output: Path, run_id: str) -> tuple[int, int]:
    """Write every Parquet file of a folder to the run's own; how many rows and files there were.

    Raises:
        Unusable: no run, no files, or one that is not Parquet or has a column RUN_ID of its own.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not _RUN_ID.fullmatch(run_id):
        raise Unusable(f"not a run of the bridge: {run_id!r}. In Azure ML, AZUREML_ROOT_RUN_ID has its id")
    found = sorted(path for path in predictions.rglob("*.parquet") if path.is_file())
    if not found:
        raise Unusable(f"no .parquet file in {predictions}")
    folder = output / run_id
    folder.mkdir(parents=True, exist_ok=True)
    rows = 0
    for number, path in enumerate(found):
        try:
            source = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise Unusable(f"{path} is not a Parquet file: {error}") from error
        with source:
            rows += _write_file(source, folder / f"part-{number:05d}.parquet", run_id)
    return rows, len(found)


def _write_file(source: Any, target: Path, run_id: str) -> int:
    """One file, batch by batch, with the run's id in front."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = source.schema_arrow.remove_metadata()
    if any(name.upper() == "RUN_ID" for name in schema.names):
        raise Unusable("the predictions have a column RUN_ID already: leave it out, this step adds it")
    schema = schema.insert(0, pa.field("RUN_ID", pa.string()))
    rows = 0
    with pq.ParquetWriter(target, schema) as writer:
        for batch in source.iter_batches():
            ids = pa.array([run_id] * batch.num_rows, pa.string())
            writer.write_batch(pa.RecordBatch.from_arrays([ids, *batch.columns], schema=schema))
            rows += batch.num_rows
    return rows


def _failed(why: str) -> int:
    LOG.error("%s", why)
    return 2


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=Path, required=True, help="folder with Parquet files")
    parser.add_argument("--output", type=Path, required=True, help="the folder out/ of the stage EXCHANGE")
    run_id = os.environ.get("AZUREML_ROOT_RUN_ID", "")
    parser.add_argument("--run-id", default=run_id, help="without it, the pipeline job that this step belongs to")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
