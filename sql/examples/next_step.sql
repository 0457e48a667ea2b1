-- The next step starts when a run has ended: no warehouse waits. The stream sees the row COMPLETED, the first task writes
-- the follow-up into RUN_REQUESTS and moves the stream on in one transaction, the second sends it.
-- Rows of RUN_EVENTS may repeat, also days apart: DISTINCT tells repeats of one look, the key tells the others, because the
-- same key is the same run.
CREATE STREAM IF NOT EXISTS ENDED_RUNS ON TABLE RUN_EVENTS
  APPEND_ONLY = TRUE
  COMMENT = 'What happened to runs and SCORE_AFTER_TRAINING has not seen; one stream a reader';

ALTER TASK IF EXISTS SCORE_AFTER_TRAINING SUSPEND;
CREATE OR REPLACE TASK SCORE_AFTER_TRAINING
  WAREHOUSE = <% warehouse %>
  SUSPEND_TASK_AFTER_NUM_FAILURES = 0
  COMMENT = 'Asks for a scoring run for each training run that is complete'
  WHEN SYSTEM$STREAM_HAS_DATA('ENDED_RUNS')
AS
  INSERT INTO RUN_REQUESTS (REQUEST_KEY, PIPELINE, INPUTS)
  SELECT 'after-' || RUN_ID, 'churn-scoring', OBJECT_CONSTRUCT('model', 'churn:4', 'table', 'CUSTOMERS')
  FROM (
    SELECT DISTINCT RUN_ID
    FROM ENDED_RUNS
    WHERE IS_JOB_FACT AND STATUS = 'COMPLETED' AND PIPELINE = 'churn-training'
  ) AS e
  WHERE NOT EXISTS (SELECT 1 FROM RUN_REQUESTS AS q WHERE q.REQUEST_KEY = 'after-' || e.RUN_ID);

CREATE OR REPLACE TASK SCORE_AFTER_TRAINING_SEND
  WAREHOUSE = <% warehouse %>
  COMMENT = 'Sends what SCORE_AFTER_TRAINING asks for'
  AFTER SCORE_AFTER_TRAINING
AS
  CALL SEND_RUN_REQUESTS();

ALTER TASK SCORE_AFTER_TRAINING_SEND RESUME;
ALTER TASK SCORE_AFTER_TRAINING RESUME;
