"""The steps of the churn pipelines: train a model, register it, score customers with it.

A logistic regression by gradient descent, in the standard library alone, so that it runs anywhere and can be read in
five minutes; MLflow is loaded by the steps that talk to the workspace's registry, pyarrow for Parquet files. Replace
`customers_of` by your data and `fit` by your model: inputs, files and registration stay.
"""

import argparse
import csv
import json
import logging
import math
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

LOG = logging.getLogger("churn")
FEATURES = ("tenure_months", "orders", "tickets", "discount")
SEGMENTS = ("new", "loyal")
#: Of a day, when not told how many.
ALL_CUSTOMERS = 2000
EPOCHS = 200
#: One of so many customers is kept out of the training, to see what the model is worth.
HOLD_OUT = 5
MODEL_FILE = "model.json"
Customer = Mapping[str, Any]


class Unusable(Exception):
    """What the step was given cannot be used; the text says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    given = _arguments(arguments)
    try:
        given.step(given)
    except Unusable as error:
        LOG.error("%s", error)  # noqa: TRY400 - its text says it all
        return 2
    return 0


# Steps


def train(given: argparse.Namespace) -> None:
    """Fit a model to one day's customers, and write it with what it is worth."""
    found = [each for each in _given_customers(given) if given.segment in {"all", each["segment"]}]
    if any("churned" not in each for each in found):
        raise Unusable("the customers have no column churned: there is nothing to learn from")
    tested = found[::HOLD_OUT]
    trained = [each for index, each in enumerate(found) if index % HOLD_OUT]
    if len({each["churned"] for each in trained}) < 2 or len({each["churned"] for each in tested}) < 2:
        raise Unusable(f"{len(found)} customers are too few, or all alike: give more rows")
    model = fit(trained, given.learning_rate)
    scored = [(score(model, each), int(each["churned"])) for each in tested]
    model |= {
        "metrics": {"auc": auc(scored), "churn_rate": sum(label for _, label in scored) / len(scored)},
        "as_of": given.as_of.isoformat(),
        "segment": given.segment,
        "rows": len(found),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / MODEL_FILE).write_text(json.dumps(model, indent=2), encoding="utf-8")
    LOG.info("a model of %d customers of %s, AUC %.3f", len(found), given.as_of, model["metrics"]["auc"])


def register(given: argparse.Namespace) -> None:
    """Keep the model in the workspace as MLflow's own format, so that an endpoint can serve it as it is."""
    model = _read(given.model)
    if given.dry:
        LOG.info("dry: %s would be registered", given.name)
        return
    import mlflow  # type: ignore[import-not-found]  # only the job's environment has it

    tags = {name: str(model[name]) for name in ("as_of", "segment", "rows")}
    if given.stage:
        tags["stage"] = given.stage
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        path = Path(folder) / "model"
        file = str(given.model / MODEL_FILE)
        mlflow.pyfunc.save_model(path=path, loader_module="churn", data_path=file, code_paths=[__file__])
        mlflow.log_artifacts(path, "model")
        mlflow.log_metrics(model["metrics"])
        version = mlflow.register_model(f"runs:/{run.info.run_id}/model", given.name, tags=tags)
    LOG.info("registered as %s:%s", given.name, version.version)


def predict(given: argparse.Namespace) -> None:
    """Score customers with a registered model, or one of a folder."""
    model = _read(_found(given.model))
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["CUSTOMER_ID", "CHURN"])
        writer.writerows([each["customer_id"], f"{score(model, each):.6f}"] for each in _given_customers(given))
    LOG.info("scores are in %s", given.output)


def fail(given: argparse.Namespace) -> None:
    """For trying out what a failure looks like."""
    raise Unusable(given.reason)


# Customers


def customers_of(day: date, rows: int) -> Iterator[Customer]:
    """Invented customers of one day, the same whenever it is asked for: who orders little and complains leaves."""
    chance = random.Random(day.toordinal())  # noqa: S311 - repeatable, and no secret
    for number in range(rows or ALL_CUSTOMERS):
        segment = chance.choice(SEGMENTS)
        found = {
            "tenure_months": chance.randint(0, 6) if segment == "new" else chance.randint(7, 120),
            "orders": chance.randint(0, 12),
            "tickets": chance.randint(0, 6),
            "discount": round(chance.random() / 2, 3),
        }
        tendency = 0.9 * found["tickets"] - 0.5 * found["orders"] - 0.02 * found["tenure_months"] + 0.5
        churned = int(chance.random() < _sigmoid(tendency))
        yield {"customer_id": f"{day:%Y%m%d}-{number}", "segment": segment, **found, "churned": churned}


def _given_customers(given: argparse.Namespace) -> Iterator[Customer]:
    if given.customers is None:
        yield from customers_of(given.as_of, given.rows)
        return
    paths = sorted(path for path in given.customers.rglob("*") if path.suffix in {".csv", ".parquet"})
    if not paths:
        raise Unusable(f"no .csv or .parquet file in {given.customers}")
    for path in paths:
        for line, row in enumerate(_rows(path), 1):
            yield _customer({name.lower(): value for name, value in row.items()}, f"{path.name}, row {line}")


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)
        return
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def _customer(row: Mapping[str, Any], where: str) -> Customer:
    missing = [name for name in ("customer_id", *FEATURES) if row.get(name) in (None, "")]
    if missing:
        raise Unusable(f"{where}: no {', '.join(missing)}")
    try:
        numbers = {name: float(row[name]) for name in FEATURES}
        label = {"churned": int(row["churned"])} if "churned" in row else {}
    except ValueError as error:
        raise Unusable(f"{where}: {error}") from error
    return {"customer_id": row["customer_id"], "segment": row.get("segment", "all"), **numbers, **label}


# The model


def fit(customers: Sequence[Customer], learning_rate: float) -> dict[str, Any]:
    """Weights of a logistic regression on standardised features."""
    means = [math.fsum(each[name] for each in customers) / len(customers) for name in FEATURES]
    scales = [
        math.sqrt(math.fsum((each[name] - mean) ** 2 for each in customers) / len(customers)) or 1.0
        for name, mean in zip(FEATURES, means, strict=True)
    ]
    model: dict[str, Any] = {"features": FEATURES, "means": means, "scales": scales, "bias": 0.0}
    model["weights"] = [0.0] * len(FEATURES)
    known = [(_standardised(model, each), each["churned"]) for each in customers]
    for _ in range(EPOCHS):
        errors = [(_sigmoid(_dot(model["weights"], values) + model["bias"]) - label, values) for values, label in known]
        for index in range(len(FEATURES)):
            gradient = math.fsum(error * values[index] for error, values in errors) / len(known)
            model["weights"][index] -= learning_rate * gradient
        model["bias"] -= learning_rate * math.fsum(error for error, _ in errors) / len(known)
    return model


def score(model: Mapping[str, Any], customer: Customer) -> float:
    """How likely the customer is to leave."""
    return _sigmoid(_dot(model["weights"], _standardised(model, customer)) + model["bias"])


def auc(scored: Sequence[tuple[float, int]]) -> float:
    """How often somebody who left has a higher score than somebody who stayed."""
    left = [value for value, label in scored if label]
    stayed = [value for value, label in scored if not label]
    wins = sum((one > other) + (one == other) / 2 for one in left for other in stayed)
    return wins / (len(left) * len(stayed))


def _standardised(model: Mapping[str, Any], customer: Customer) -> list[float]:
    parts = zip(model["features"], model["means"], model["scales"], strict=True)
    return [(float(customer[name]) - mean) / scale for name, mean, scale in parts]


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(one * other for one, other in zip(left, right, strict=True))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, value))))


def _read(folder: Path) -> dict[str, Any]:
    found = sorted(folder.rglob(MODEL_FILE))
    if not found:
        raise Unusable(f"no {MODEL_FILE} in {folder}: it is no model of the training step")
    model: dict[str, Any] = json.loads(found[0].read_text(encoding="utf-8"))
    return model


def _found(model: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    name, _, version = model.partition(":")
    if not name or not version.isdigit():
        raise Unusable(f'"{model[:200]}" is no registered model: give name:version, such as churn:4')
    import mlflow

    return Path(mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/{version}"))


class _Served:
    """What MLflow calls."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._model = model

    def predict(self, data: Any) -> list[float]:
        return [score(self._model, each) for each in data.to_dict("records")]


def _load_pyfunc(path: str) -> _Served:
    """MLflow's name for what loads a model: an endpoint needs no scoring script."""
    return _Served(json.loads(Path(path).read_text(encoding="utf-8")))


# The command line


def _boolean(text: str) -> bool:
    """As Azure ML writes one."""
    return {"true": True, "false": False}[text.lower()]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)

    def step(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        found = steps.add_parser(name, help=text)
        found.set_defaults(step=run)
        return found

    training = step("train", train, "fit a model")
    training.add_argument("--learning-rate", type=float, default=0.1)
    training.add_argument("--segment", choices=("all", *SEGMENTS), default="all")
    registering = step("register", register, "register a model")
    registering.add_argument("--model", type=Path, required=True, help="folder that train wrote")
    registering.add_argument("--name", default="churn")
    registering.add_argument("--stage", default="", help="a tag of the model, such as prod")
    registering.add_argument("--dry", type=_boolean, default=False)
    scoring = step("score", predict, "score customers")
    scoring.add_argument(
        "--model", required=True, help="a registered model, name:version, or a folder that train wrote"
    )
    step("fail", fail, "fail").add_argument("--reason", default="as asked")
    for each in (training, scoring):
        each.add_argument(
            "--customers", type=Path, help="folder with CSV or Parquet files; without it some are invented"
        )
        each.add_argument("--as-of", type=date.fromisoformat, default=date(2026, 1, 1), help="day of the invented ones")
        each.add_argument("--rows", type=int, default=0, help="how many are invented; 0: all of the day")
        each.add_argument("--output", type=Path, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
