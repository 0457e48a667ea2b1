-- Door: procedures that call the app over HTTPS with an identity of their own, no key anywhere.
-- Needs: 040_access.sql, the secret ML_BRIDGE_IDENTITY trusted by the Entra application client_id; the app with
-- AUTH_MODE=entra, app_id as its ENTRA_AUDIENCE and client_id among its ALLOWED_CLIENT_IDS.
-- Costs: the caller's warehouse for the second or two of a call, the first one on a warehouse that has just started up to
-- half a minute, because it installs the packages; one call a run (for many rows: external functions).
-- They run as their owner, so that callers need no right on secret or integration.
-- Example: CALL START_RUN('churn-training', {'as_of': '2026-11-02'}, 'nightly-2026-11-02');

-- START_RUN_JSON takes its inputs as JSON text, because of an OBJECT Python would get numbers with a fraction as text.
CREATE OR REPLACE PROCEDURE START_RUN_JSON(pipeline VARCHAR, inputs_json VARCHAR, idempotency_key VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python', 'requests')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_ACCESS)
  SECRETS = ('bridge_identity' = ML_BRIDGE_IDENTITY)
  COMMENT = 'What START_RUN calls, with inputs as JSON text'
  EXECUTE AS OWNER
AS $$
<% doors_py %>


def run(session, pipeline, inputs_json, idempotency_key):
    door = HttpDoor(
        "https://<% app_host %>/api",
        FederatedIdentity("bridge_identity", "<% tenant_id %>", "<% client_id %>", "api://<% app_id %>/.default"),
    )
    return start_run(door, pipeline, inputs_json, idempotency_key)
$$;
-- Granted, because START_RUN_IN_TASK and EXPORT_AND_SUBMIT call it with their caller's rights.
GRANT USAGE ON PROCEDURE START_RUN_JSON(VARCHAR, VARCHAR, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE PROCEDURE START_RUN(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE SQL
  COMMENT = 'Starts one Azure ML pipeline run; answers at once with its id'
  EXECUTE AS OWNER
AS $$
DECLARE
  answer VARIANT;
BEGIN
  CALL START_RUN_JSON(:pipeline, TO_JSON(:inputs), :idempotency_key) INTO :answer;
  RETURN answer;
END;
$$;
GRANT USAGE ON PROCEDURE START_RUN(VARCHAR, OBJECT, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE PROCEDURE CANCEL_RUN(run_id VARCHAR)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python', 'requests')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_ACCESS)
  SECRETS = ('bridge_identity' = ML_BRIDGE_IDENTITY)
  COMMENT = 'Cancels a run; its row in RUNS tells when that is done'
  EXECUTE AS OWNER
AS $$
<% doors_py %>


def run(session, run_id):
    door = HttpDoor(
        "https://<% app_host %>/api",
        FederatedIdentity("bridge_identity", "<% tenant_id %>", "<% client_id %>", "api://<% app_id %>/.default"),
    )
    return cancel_run(door, run_id)
$$;
GRANT USAGE ON PROCEDURE CANCEL_RUN(VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE PROCEDURE RERUN(run_id VARCHAR, idempotency_key VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python', 'requests')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_ACCESS)
  SECRETS = ('bridge_identity' = ML_BRIDGE_IDENTITY)
  COMMENT = 'Starts a new run with the inputs of an old one'
  EXECUTE AS OWNER
AS $$
<% doors_py %>


def run(session, run_id, idempotency_key):
    door = HttpDoor(
        "https://<% app_host %>/api",
        FederatedIdentity("bridge_identity", "<% tenant_id %>", "<% client_id %>", "api://<% app_id %>/.default"),
    )
    return rerun(door, run_id, idempotency_key)
$$;
GRANT USAGE ON PROCEDURE RERUN(VARCHAR, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE PROCEDURE REPLAY(dead_letter_id VARCHAR)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python', 'requests')
  HANDLER = 'run'
  EXTERNAL_ACCESS_INTEGRATIONS = (<% prefix %>_ACCESS)
  SECRETS = ('bridge_identity' = ML_BRIDGE_IDENTITY)
  COMMENT = 'Sends a message of DEAD_LETTERS once more'
  EXECUTE AS OWNER
AS $$
<% doors_py %>


def run(session, dead_letter_id):
    door = HttpDoor(
        "https://<% app_host %>/api",
        FederatedIdentity("bridge_identity", "<% tenant_id %>", "<% client_id %>", "api://<% app_id %>/.default"),
    )
    return replay(door, dead_letter_id)
$$;
GRANT USAGE ON PROCEDURE REPLAY(VARCHAR) TO ROLE <% prefix %>_SUBMIT;
