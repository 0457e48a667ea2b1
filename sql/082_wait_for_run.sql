-- Waiting for a run in SQL: for short ones. The warehouse runs, and is paid, as long as the call waits; for long runs let a
-- task start when the run has ended (examples/next_step.sql).
-- Example: CALL WAIT_FOR_RUN('r-…', 600);
CREATE OR REPLACE PROCEDURE WAIT_FOR_RUN(run_id VARCHAR, seconds NUMBER, fingerprint VARCHAR DEFAULT NULL)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'wait_for_run'
  COMMENT = 'The row of RUNS_ALL when the run has ended, or with timed_out: true when it has not in time'
  EXECUTE AS OWNER
AS $$
<% tasks_py %>
$$;
GRANT USAGE ON PROCEDURE WAIT_FOR_RUN(VARCHAR, NUMBER, VARCHAR) TO ROLE <% prefix %>_READ;
GRANT USAGE ON PROCEDURE WAIT_FOR_RUN(VARCHAR, NUMBER, VARCHAR) TO ROLE <% prefix %>_SUBMIT;
