-- Tells when runs have failed, or have not ended within six hours. Each look covers the time since the last one that
-- succeeded, by the time of recording, the first look 15 minutes. What is recorded while the alert is suspended is told when
-- it is resumed, as far as Snowflake remembers the last look; a row that was written as a look was taken may be missed.
-- What arrives is an event of the door snowflake, for a rule or for whoever else reads the topic; for mail, use a
-- notification integration of TYPE = EMAIL instead.
CREATE OR REPLACE ALERT RUNS_NEED_ATTENTION
  WAREHOUSE = <% warehouse %>
  SCHEDULE = '15 MINUTE'
  COMMENT = 'Runs that failed or do not end'
  IF (EXISTS (
    SELECT RUN_ID
    FROM RUN_EVENTS
    WHERE RECORDED_AT > COALESCE(
        SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME(), DATEADD('minute', -15, SNOWFLAKE.ALERT.SCHEDULED_TIME())
      )
      AND RECORDED_AT <= SNOWFLAKE.ALERT.SCHEDULED_TIME()
      AND STATUS = 'FAILED'
    UNION ALL
    SELECT RUN_ID
    FROM RUNS
    WHERE DATEADD('hour', 6, SUBMITTED_AT) > COALESCE(
        SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME(), DATEADD('minute', -15, SNOWFLAKE.ALERT.SCHEDULED_TIME())
      )
      AND DATEADD('hour', 6, SUBMITTED_AT) <= SNOWFLAKE.ALERT.SCHEDULED_TIME()
      AND STATUS NOT IN ('COMPLETED', 'FAILED', 'CANCELED')
  ))
  THEN CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(
    SNOWFLAKE.NOTIFICATION.APPLICATION_JSON('{"type": "runs_need_attention", "data": {"look_at": "RUNS"}}'),
    SNOWFLAKE.NOTIFICATION.INTEGRATION('<% prefix %>_EVENTS')
  );
ALTER ALERT RUNS_NEED_ATTENTION RESUME;
