-- Door: a run on data of Snowflake's. EXPORT_AND_SUBMIT unloads a table or a query as Parquet files to in/RUN_ID/ and
-- starts a run with their path as its input data; what the run writes to out/RUN_ID/ is loaded when it has completed.
-- Needs: 041_procedures; a storage account that Azure ML has as a datastore; once, the consent of an Entra administrator
-- (DESCRIBE INTEGRATION <% prefix %>_STORAGE shows AZURE_CONSENT_URL) and the role Storage Blob Data Contributor on the
-- container for the application that this makes; the table <% predictions_table %>, with the columns that runs write. If
-- that is not the owner role's: GRANT USAGE ON DATABASE …, USAGE ON SCHEMA … and INSERT ON TABLE … TO ROLE <% owner_role %>.
-- Costs: the caller's warehouse for the unload, the bridge's for the load; storage until files are deleted (a life cycle
-- rule of the storage account).
-- EXPORT_AND_SUBMIT runs with the caller's rights and in the caller's schema: it reads what the caller may read, no more.
-- For that the caller needs the stage, its integration (REMOVE asks for it) and HAND_OVERS: the role <% prefix %>_EXPORT has
-- them, which is more than it sounds: all who have it can read, write and delete each other's files, and what is in out/ is
-- loaded as it is. Give it to few. Azure ML writes out/.
-- Example: CALL EXPORT_AND_SUBMIT('SALES.PUBLIC.CUSTOMERS', 'churn-scoring', {'model': 'churn:4'}, 'customers-2026-11-02');

CREATE STORAGE INTEGRATION IF NOT EXISTS <% prefix %>_STORAGE
  TYPE = EXTERNAL_STAGE
  STORAGE_PROVIDER = 'AZURE'
  ENABLED = TRUE
  AZURE_TENANT_ID = '<% tenant_id %>'
  STORAGE_ALLOWED_LOCATIONS = ('<% exchange_url %>/')
  COMMENT = 'The bridge: files handed to runs and back';
-- Another exchange_url needs DROP STAGE EXCHANGE first, which deletes no file; another tenant_id needs that and DROP
-- INTEGRATION <% prefix %>_STORAGE, and the consent once more.
ALTER STORAGE INTEGRATION <% prefix %>_STORAGE SET STORAGE_ALLOWED_LOCATIONS = ('<% exchange_url %>/');
CREATE STAGE IF NOT EXISTS EXCHANGE
  URL = '<% exchange_url %>/'
  STORAGE_INTEGRATION = <% prefix %>_STORAGE
  FILE_FORMAT = (TYPE = PARQUET)
  COMMENT = 'Files handed to runs (in/) and back (out/)';
GRANT USAGE ON STAGE EXCHANGE TO ROLE <% prefix %>_EXPORT;
GRANT USAGE ON INTEGRATION <% prefix %>_STORAGE TO ROLE <% prefix %>_EXPORT;
GRANT SELECT, INSERT, DELETE ON TABLE HAND_OVERS TO ROLE <% prefix %>_EXPORT;

CREATE OR REPLACE PROCEDURE EXPORT_AND_SUBMIT_JSON(
  source VARCHAR, pipeline VARCHAR, inputs_json VARCHAR, idempotency_key VARCHAR DEFAULT NULL
)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'run'
  COMMENT = 'What EXPORT_AND_SUBMIT calls, with inputs as JSON text'
  EXECUTE AS CALLER
AS $$
<% hand_over_py %>


def run(session, source, pipeline, inputs_json, idempotency_key):
    return export_and_submit(
        session,
        source,
        pipeline,
        inputs_json,
        idempotency_key,
        bridge_name="<% bridge_name %>",
        datastore_path="<% datastore_path %>",
        home="<% database %>.<% schema %>",
    )
$$;
GRANT USAGE ON PROCEDURE EXPORT_AND_SUBMIT_JSON(VARCHAR, VARCHAR, VARCHAR, VARCHAR) TO ROLE <% prefix %>_EXPORT;

CREATE OR REPLACE PROCEDURE EXPORT_AND_SUBMIT(source VARCHAR, pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE SQL
  COMMENT = 'Unloads a table or a query as files and starts a run on them'
  EXECUTE AS CALLER
AS $$
DECLARE
  answer VARIANT;
BEGIN
  CALL <% database %>.<% schema %>.EXPORT_AND_SUBMIT_JSON(:source, :pipeline, TO_JSON(:inputs), :idempotency_key) INTO :answer;
  RETURN answer;
END;
$$;
GRANT USAGE ON PROCEDURE EXPORT_AND_SUBMIT(VARCHAR, VARCHAR, OBJECT, VARCHAR) TO ROLE <% prefix %>_EXPORT;

CREATE OR REPLACE PROCEDURE LOAD_OUTPUTS()
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'run'
  COMMENT = 'Loads the files of runs that have completed; each file once'
  EXECUTE AS OWNER
AS $$
<% hand_over_py %>


def run(session):
    return load_outputs(session, "<% predictions_table %>")
$$;

-- Triggered by what is recorded, at most every five minutes. The first task only moves the stream on (WHERE FALSE).
CREATE STREAM IF NOT EXISTS RUNS_TO_LOAD ON TABLE RUN_EVENTS
  APPEND_ONLY = TRUE
  COMMENT = 'What happened to runs and the task SEE_ENDED_RUNS has not seen';
ALTER TASK IF EXISTS SEE_ENDED_RUNS SUSPEND;
CREATE OR REPLACE TASK SEE_ENDED_RUNS
  WAREHOUSE = <% warehouse %>
  USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS = 300
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
  COMMENT = 'Sees that something happened to runs'
  WHEN SYSTEM$STREAM_HAS_DATA('RUNS_TO_LOAD')
AS
  INSERT INTO HAND_OVERS (RUN_ID, PIPELINE) SELECT RUN_ID, PIPELINE FROM RUNS_TO_LOAD WHERE FALSE;
CREATE OR REPLACE TASK LOAD_ENDED_RUNS
  WAREHOUSE = <% warehouse %>
  COMMENT = 'Loads the files of runs that have completed'
  AFTER SEE_ENDED_RUNS
AS
  CALL LOAD_OUTPUTS();
ALTER TASK LOAD_ENDED_RUNS RESUME;
ALTER TASK SEE_ENDED_RUNS RESUME;
