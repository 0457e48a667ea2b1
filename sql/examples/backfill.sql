-- One run for each day of a range. The day is in the key, so that the statements may be repeated, with a wider range too:
-- days that have a run keep it.

-- By external function: one statement, many rows a request, the answers kept.
CREATE TABLE IF NOT EXISTS BACKFILL (
  AS_OF VARCHAR NOT NULL,
  ANSWER VARIANT
)
COMMENT = 'Answers of the backfill';
INSERT INTO BACKFILL (AS_OF, ANSWER)
SELECT AS_OF, SUBMIT_RUN('churn-training', OBJECT_CONSTRUCT_KEEP_NULL('as_of', AS_OF), 'backfill-' || AS_OF)
FROM (
  SELECT TO_VARCHAR(DATEADD('day', ROW_NUMBER() OVER (ORDER BY SEQ4()) - 1, '2026-10-01'::DATE), 'YYYY-MM-DD') AS AS_OF
  FROM TABLE(GENERATOR(ROWCOUNT => 31))
);
SELECT AS_OF, ANSWER:status::VARCHAR AS STATUS, ANSWER:error:message::VARCHAR AS ERROR FROM BACKFILL ORDER BY AS_OF;

-- By the outbox: without API Management, and sent by the tasks, within half a minute.
INSERT INTO RUN_REQUESTS (REQUEST_KEY, PIPELINE, INPUTS)
SELECT 'backfill-' || AS_OF, 'churn-training', OBJECT_CONSTRUCT_KEEP_NULL('as_of', AS_OF)
FROM (
  SELECT TO_VARCHAR(DATEADD('day', ROW_NUMBER() OVER (ORDER BY SEQ4()) - 1, '2026-11-01'::DATE), 'YYYY-MM-DD') AS AS_OF
  FROM TABLE(GENERATOR(ROWCOUNT => 30))
);
SELECT REQUEST_KEY, ANSWER:status::VARCHAR AS STATUS, ANSWERED_AT FROM RUN_REQUESTS ORDER BY REQUESTED_AT;
