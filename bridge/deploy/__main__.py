"""`python -m bridge.deploy`: the scripts of `sql/` to a Snowflake account, and the policy for API Management.

Exit codes: 0 done; 1 Snowflake refused a statement, which is named; 2 the command, the values or a key is wrong, and
nothing was sent; 3 the Snowflake CLI is missing.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.deploy import scripts, secrets, snow
from bridge.deploy.apim import policy
from bridge.deploy.rendering import CannotRender, Rendered, Renderer
from bridge.deploy.values import InvalidValues, Values, load

DONE, REFUSED, WRONG, NO_SNOW = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    try:
        values = load(options.values)
        if options.what == "apim-policy":
            sys.stdout.write(policy(values, keyless=options.keyless))
            return DONE
        return _sql(options, values, secrets.from_environment(os.environ))
    except (InvalidValues, CannotRender, scripts.UnknownScript) as error:
        _say(str(error))
        return WRONG
    except snow.SnowMissing as error:
        _say(str(error))
        return NO_SNOW
    except snow.ScriptFailed as error:
        _say(f"stopped at {error}\nEverything before it is done; mend it and run the command again.")
        return REFUSED


def _sql(options: argparse.Namespace, values: Values, keys: Mapping[str, str]) -> int:
    if options.verb == "deploy":
        chosen = scripts.named(options.only, values, keys) if options.only else scripts.to_deploy(values, keys)
        chosen = scripts.with_context(chosen)
        _say_of_keys(values, keys)
    else:
        chosen = scripts.to_tear_down(values, with_ledger=options.with_ledger)
    if options.dry_run:
        _say("to send this by hand: snow sql --stdin --enable-templating NONE, with each *** replaced")
        # A key that was written into the values file by mistake is not shown either.
        sys.stdout.write(secrets.masked(snow.text_of(_rendered(chosen, Renderer(values))), keys))
        return DONE
    rendered = _rendered(chosen, Renderer(values, keys))
    snow.run(rendered, connection=options.connection, secrets=keys, say=_say)
    _say(f"{options.verb}: done, {len(rendered)} scripts")
    return DONE


def _rendered(names: Sequence[str], renderer: Renderer) -> list[Rendered]:
    return [renderer.render(name) for name in names]


def _say_of_keys(values: Values, keys: Mapping[str, str]) -> None:
    for key in secrets.KEYS:
        if key.door in values.doors and key.template not in keys:
            _say(f"sql/{key.script}: left out, {key.variable} is not set: the secret stays as it is (it must exist)")


def _say(text: str) -> None:
    """To people; standard output is for what may be piped."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bridge.deploy", description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None
    )
    what = parser.add_subparsers(dest="what", required=True)
    values = argparse.ArgumentParser(add_help=False)
    values.add_argument("--values", type=Path, required=True, help="YAML file; see sql/values.example.yaml")
    apim = what.add_parser("apim-policy", parents=[values], help="print the policy of the API in API Management")
    apim.add_argument("--keyless", action="store_true", help="for an app with AUTH_MODE=entra")
    verbs = what.add_parser("sql", help="what is in Snowflake").add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False, parents=[values])
    common.add_argument("--connection", help="of the Snowflake CLI's configuration; default: its default")
    common.add_argument("--dry-run", action="store_true", help="print what would be sent, keys as ***")
    deploy = verbs.add_parser("deploy", parents=[common], help="make or renew everything that the values ask for")
    deploy.add_argument("--only", nargs="+", metavar="SCRIPT", help="a script's name or number, examples as well")
    teardown = verbs.add_parser("teardown", parents=[common], help="remove the doors; the ledger stays readable")
    teardown.add_argument(
        "--with-ledger",
        action="store_true",
        help="remove the ledger too, and what 010_account.sql made but the database",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
