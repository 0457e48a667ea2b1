-- A schedule that starts a run and keeps its id. The run's key is made of the task and its graph run, so that a retry of
-- the task, by TASK_AUTO_RETRY_ATTEMPTS or by EXECUTE TASK … RETRY LAST, finds the same run again.
-- TIMEZONE says whose yesterday it is; without it the account's session parameter would, which differs.
-- The second task waits for the run, whatever becomes of it: its own success says nothing of the run's, read RUNS. Leave it
-- out for long runs, because its warehouse waits with it, and see next_step.sql.
ALTER TASK IF EXISTS NIGHTLY_TRAINING SUSPEND;
CREATE OR REPLACE TASK NIGHTLY_TRAINING
  WAREHOUSE = <% warehouse %>
  SCHEDULE = 'USING CRON 0 2 * * * UTC'
  TIMEZONE = 'UTC'
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
  TASK_AUTO_RETRY_ATTEMPTS = 2
  COMMENT = 'Trains on yesterday; its return value is the run id'
AS
  CALL START_RUN_IN_TASK('churn-training', OBJECT_CONSTRUCT('as_of', TO_VARCHAR(DATEADD('day', -1, CURRENT_DATE()), 'YYYY-MM-DD')));

CREATE OR REPLACE TASK NIGHTLY_TRAINING_END
  WAREHOUSE = <% warehouse %>
  COMMENT = 'Waits half an hour for the run of the night'
  AFTER NIGHTLY_TRAINING
AS
  CALL WAIT_FOR_RUN(SYSTEM$GET_PREDECESSOR_RETURN_VALUE('NIGHTLY_TRAINING'), 1800);

ALTER TASK NIGHTLY_TRAINING_END RESUME;
ALTER TASK NIGHTLY_TRAINING RESUME;

-- Which run it was stands in the task's history:
-- SELECT SCHEDULED_TIME, STATE, RETURN_VALUE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'NIGHTLY_TRAINING'));
