-- Starting runs from tasks, and the outbox: rows of RUN_REQUESTS, written in the transaction that they belong to, are
-- sent once it is committed, exactly once by their key.
-- Needs: 041_procedures. Costs: the tasks' warehouse for some seconds, when there is something to send and not before.
-- Example: CALL START_RUN_IN_TASK('churn-training', {'as_of': '2026-11-02'}); as the body of a task (examples/nightly.sql).
CREATE OR REPLACE PROCEDURE START_RUN_IN_TASK(pipeline VARCHAR, inputs OBJECT)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'start_run_in_task'
  COMMENT = 'Starts a run from the body of a task: one run a task graph run, its id is the return value of the task'
  EXECUTE AS OWNER
AS $$
<% tasks_py %>
$$;
GRANT USAGE ON PROCEDURE START_RUN_IN_TASK(VARCHAR, OBJECT) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE PROCEDURE SEND_RUN_REQUESTS()
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'send_run_requests'
  COMMENT = 'Starts the runs that RUN_REQUESTS asks for and that have no answer yet'
  EXECUTE AS OWNER
AS $$
<% tasks_py %>
$$;
GRANT USAGE ON PROCEDURE SEND_RUN_REQUESTS() TO ROLE <% prefix %>_SUBMIT;
-- To ask for a run is to start one; the requests of others are not theirs to read, nor any answer theirs to write.
GRANT INSERT ON TABLE RUN_REQUESTS TO ROLE <% prefix %>_SUBMIT;

-- Triggered, without a schedule: it costs nothing while nothing is asked for. The first task only takes note of the rows:
-- WHERE FALSE moves the stream on and inserts nothing. What could not be sent goes with the next rows, or after a retry.
CREATE STREAM IF NOT EXISTS RUN_REQUESTS_ADDED ON TABLE RUN_REQUESTS
  APPEND_ONLY = TRUE
  COMMENT = 'Rows of RUN_REQUESTS that the task TAKE_RUN_REQUESTS has not seen';
ALTER TASK IF EXISTS TAKE_RUN_REQUESTS SUSPEND;
CREATE OR REPLACE TASK TAKE_RUN_REQUESTS
  WAREHOUSE = <% warehouse %>
  TASK_AUTO_RETRY_ATTEMPTS = 2
  COMMENT = 'Sees that runs are asked for'
  WHEN SYSTEM$STREAM_HAS_DATA('RUN_REQUESTS_ADDED')
AS
  INSERT INTO RUN_REQUESTS (REQUEST_KEY, PIPELINE, INPUTS)
  SELECT REQUEST_KEY, PIPELINE, INPUTS FROM RUN_REQUESTS_ADDED WHERE FALSE;
CREATE OR REPLACE TASK ANSWER_RUN_REQUESTS
  WAREHOUSE = <% warehouse %>
  COMMENT = 'Starts the runs that are asked for'
  AFTER TAKE_RUN_REQUESTS
AS
  CALL SEND_RUN_REQUESTS();
ALTER TASK ANSWER_RUN_REQUESTS RESUME;
ALTER TASK TAKE_RUN_REQUESTS RESUME;
