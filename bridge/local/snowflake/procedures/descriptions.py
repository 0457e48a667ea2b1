"""DESCRIBE PROCEDURE and DESCRIBE SECRET, of whose columns people and Snowpark read some."""

from bridge.local.snowflake import answers
from bridge.local.snowflake.procedures.access import ISSUER, Secret
from bridge.local.snowflake.procedures.definitions import Procedure
from bridge.local.snowflake.sessions import Session


def of_procedure(session: Session, query_id: str, procedure: Procedure) -> answers.JsonObject:
    """Snowpark's session.call reads the second row, the type of the result."""
    listed = ", ".join(f"{parameter.name} {parameter.kind}" for parameter in procedure.parameters)
    secrets = ", ".join(f'"{name}":"{".".join(path)}"' for name, path in procedure.secrets)
    rows = [
        ("signature", f"({listed})"),
        ("returns", procedure.returns.kind),
        ("language", procedure.language),
        ("null handling", "RETURNS NULL ON NULL INPUT" if procedure.is_strict else "CALLED ON NULL INPUT"),
        ("volatility", "VOLATILE"),
        ("execute as", "OWNER" if procedure.runs_as_owner else "CALLER"),
        ("body", procedure.body),
        ("imports", "[]"),
        ("handler", procedure.handler),
        ("runtime_version", procedure.runtime),
        ("packages", str(list(procedure.packages))),
        ("secrets", f"{{{secrets}}}"),
        ("external_access_integrations", f"[{','.join(procedure.integrations)}]"),
        ("comment", procedure.comment),
    ]
    return answers.table(session, query_id, ["property", "value"], rows)


def of_secret(session: Session, query_id: str, secret: Secret) -> answers.JsonObject:
    """What a federated credential must trust; never the value."""
    database, schema, name = secret.path
    columns = {
        "name": name,
        "schema_name": schema,
        "database_name": database,
        "comment": secret.comment or None,
        "secret_type": secret.kind,
        "username": secret.values.get("USERNAME"),
        "workload_identity_federation_issuer": ISSUER if secret.is_identity else None,
        "workload_identity_federation_subject": secret.subject if secret.is_identity else None,
    }
    return answers.table(session, query_id, list(columns), [list(columns.values())])
