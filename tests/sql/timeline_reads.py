"""How much of RUN_EVENTS a question to TIMELINE reads, by the benchmark's ledger; run by the emulators' Python."""

import json
import logging
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.ledger import SQL, Result, filled  # noqa: E402 - the repository's root is no package

EVENTS = 8000


def main() -> None:
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    with filled(EVENTS, SQL / "030_views.sql", None) as (ledger, count):
        ledger.run_script((SQL / "032_rules.sql").read_text(encoding="utf-8"))
        ((wanted,),) = ledger.ask(
            "SELECT CORRELATION_ID FROM RUN_EVENTS WHERE STATUS = 'ACCEPTED' LIMIT 1 OFFSET ?", [9]
        )
        ledger.counted = Result("timeline")
        found = ledger.ask("SELECT * FROM TIMELINE WHERE CORRELATION_ID = ? ORDER BY OCCURRED_AT", [wanted])
        read = ledger.counted
    sys.stdout.write(json.dumps({"all": count, "found": len(found), "scanned": read.scanned, "folded": read.folded}))


if __name__ == "__main__":
    main()
