-- Keeping the ledger small: whole runs that ended more than ledger_days ago are deleted. Without ledger_days nothing is:
-- the task is there, suspended.
-- Costs: the warehouse for a minute a day, once it is resumed.
CREATE OR REPLACE PROCEDURE PURGE_LEDGER(days NUMBER)
  RETURNS VARIANT
  LANGUAGE PYTHON
  RUNTIME_VERSION = '3.12'
  PACKAGES = ('snowflake-snowpark-python')
  HANDLER = 'purge_ledger'
  COMMENT = 'Deletes the runs that ended more than this many days ago; answers how many rows went'
  EXECUTE AS OWNER
AS $$
<% upkeep_py %>
$$;

CREATE OR REPLACE TASK PURGE_LEDGER_DAILY
  WAREHOUSE = <% warehouse %>
  SCHEDULE = 'USING CRON 30 4 * * * UTC'
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
  COMMENT = 'Deletes runs that ended long ago; resumed when ledger_days is set'
AS
  CALL PURGE_LEDGER(<% purge_days %>);
ALTER TASK PURGE_LEDGER_DAILY <% purge_state %>;
