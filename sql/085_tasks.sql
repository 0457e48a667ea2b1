-- Starting runs from tasks, and the outbox: rows of RUN_REQUESTS, written in the transaction that they belong to, are
-- sent once it is committed, exactly once by their key.
-- Needs: 041_procedures. Costs: the tasks' warehouse for some seconds, when there is something to send and not before.
-- Example: CALL START_RUN_IN_TASK('churn-training', {'as_of': '2026-11-02'}); as the body of a task (examples/nightly.sql).
-- It has the caller's rights, because an owner's may not set the return value of a task; hence it works in the schema of the
-- task, and its callers need usage of all three procedures: this one, the next and START_RUN_JSON.
CREATE OR REPLACE PROCEDURE START_RUN_IN_TASK_JSON(pipeline VARCHAR, inputs_json VARCHAR)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'run'
  COMMENT = 'What START_RUN_IN_TASK calls, with inputs as JSON text'
  EXECUTE AS CALLER
AS $$
<% tasks_py %>


def run(session, pipeline, inputs_json):
    return start_run_in_task(session, pipeline, inputs_json, "<% database %>.<% schema %>")
$$;
GRANT USAGE ON PROCEDURE START_RUN_IN_TASK_JSON(VARCHAR, VARCHAR) TO ROLE <% prefix %>_SUBMIT;

CREATE OR REPLACE PROCEDURE START_RUN_IN_TASK(pipeline VARCHAR, inputs OBJECT)
  RETURNS VARIANT
  LANGUAGE SQL
  COMMENT = 'Starts a run from the body of a task: one run a task graph run, its id is the return value of the task'
  EXECUTE AS CALLER
AS $$
DECLARE
  answer VARIANT;
BEGIN
  CALL <% database %>.<% schema %>.START_RUN_IN_TASK_JSON(:pipeline, TO_JSON(:inputs)) INTO :answer;
  RETURN answer;
END;
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
-- To ask for a run is to start one. They can read no request. A row that they write with an ANSWER is never sent.
GRANT INSERT ON TABLE RUN_REQUESTS TO ROLE <% prefix %>_SUBMIT;

-- Triggered, without a schedule: it costs nothing while nothing is asked for. The first task only takes note of the rows:
-- WHERE FALSE moves the stream on and inserts nothing. What could not be sent, after two retries of the graph, goes with the
-- next rows or with the sweep. 0 failures: a graph that Snowflake suspends after ten would never send anything again.
CREATE STREAM IF NOT EXISTS RUN_REQUESTS_ADDED ON TABLE RUN_REQUESTS
  APPEND_ONLY = TRUE
  COMMENT = 'Rows of RUN_REQUESTS that the task TAKE_RUN_REQUESTS has not seen';
ALTER TASK IF EXISTS TAKE_RUN_REQUESTS SUSPEND;
CREATE OR REPLACE TASK TAKE_RUN_REQUESTS
  WAREHOUSE = <% warehouse %>
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
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

-- No condition of a task can look into a table, so the sweep starts the warehouse each time, for a minute that is paid: every
-- six hours 2 credits a month, every hour 12, much of the default credit_quota. Hence a value and no fixed hour.
CREATE OR REPLACE TASK SWEEP_RUN_REQUESTS
  WAREHOUSE = <% warehouse %>
  SCHEDULE = '<% outbox_sweep_minutes %> MINUTE'
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
  COMMENT = 'Starts the runs that are asked for and could not be started when they were'
AS
  CALL SEND_RUN_REQUESTS();
ALTER TASK SWEEP_RUN_REQUESTS RESUME;
