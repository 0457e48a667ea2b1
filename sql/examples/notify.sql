-- A run by Snowflake's own notification: for whoever has the integration and no external access. At least once, so the
-- envelope carries a key; there is no answer, the run is found in RUNS by its source.
CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(
  SNOWFLAKE.NOTIFICATION.APPLICATION_JSON(
    '{"type": "Bridge.SubmitRun", "key": "nightly-2026-11-02", "data": {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-02"}}}'
  ),
  SNOWFLAKE.NOTIFICATION.INTEGRATION('<% prefix %>_EVENTS')
);
SELECT RUN_ID, STATUS FROM RUNS WHERE SOURCE = 'event:snowflake' ORDER BY ACCEPTED_AT DESC;

-- A task that tells its failures to the same topic.
CREATE OR REPLACE TASK LOAD_CUSTOMERS
  WAREHOUSE = <% warehouse %>
  SCHEDULE = 'USING CRON 0 1 * * * UTC'
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
  ERROR_INTEGRATION = <% prefix %>_EVENTS
  COMMENT = 'Stands for a task of yours'
AS
  INSERT INTO CUSTOMERS (CUSTOMER_ID, CHANGED_AT) SELECT 1, CURRENT_TIMESTAMP();
