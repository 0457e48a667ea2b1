-- Every statement that the app sends to Snowflake, by name. Values are always bound, never part of the text.

-- name: insert_run_events
-- Any number of rows with one bind, a JSON array: one statement costs the same for one row and for a thousand.
INSERT INTO RUN_EVENTS (
  EVENT_ID, RUN_ID, IS_JOB_FACT, ATTEMPT, STATUS, RANK, OCCURRED_AT, SOURCE, PRINCIPAL, PIPELINE, FINGERPRINT, INPUTS,
  JOB_NAME, WORKSPACE, COMPONENT, STUDIO_URL, QUERY_ID, QUERY_BATCH_ID, ROW_NUMBER, BATCH_ROWS, CORRELATION_ID,
  TRACE_ID, RERUN_OF, STARTED_AT, ENDED_AT, ERROR_CODE, ERROR_MESSAGE, OUTPUTS, PAYLOAD
)
SELECT
  f.value:event_id::VARCHAR,
  f.value:run_id::VARCHAR,
  f.value:is_job_fact::BOOLEAN,
  f.value:attempt::NUMBER(10, 0),
  f.value:status::VARCHAR,
  f.value:rank::NUMBER(10, 0),
  TO_TIMESTAMP_TZ(f.value:occurred_at::VARCHAR),
  f.value:source::VARCHAR,
  f.value:principal::VARCHAR,
  f.value:pipeline::VARCHAR,
  f.value:fingerprint::VARCHAR,
  f.value:inputs,
  f.value:job_name::VARCHAR,
  f.value:workspace::VARCHAR,
  f.value:component::VARCHAR,
  f.value:studio_url::VARCHAR,
  f.value:query_id::VARCHAR,
  f.value:query_batch_id::VARCHAR,
  f.value:row_number::NUMBER(10, 0),
  f.value:batch_rows::NUMBER(10, 0),
  f.value:correlation_id::VARCHAR,
  f.value:trace_id::VARCHAR,
  f.value:rerun_of::VARCHAR,
  TO_TIMESTAMP_TZ(f.value:started_at::VARCHAR),
  TO_TIMESTAMP_TZ(f.value:ended_at::VARCHAR),
  f.value:error_code::VARCHAR,
  f.value:error_message::VARCHAR,
  f.value:outputs,
  f.value:payload
FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f;

-- name: insert_aml_events
INSERT INTO AML_EVENTS (ID, EVENT_TYPE, SUBJECT, EVENT_TIME, DATA, TOPIC, DOOR)
SELECT
  f.value:id::VARCHAR,
  f.value:event_type::VARCHAR,
  f.value:subject::VARCHAR,
  TO_TIMESTAMP_TZ(f.value:event_time::VARCHAR),
  f.value:data,
  f.value:topic::VARCHAR,
  f.value:door::VARCHAR
FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f;

-- name: insert_dead_letters
INSERT INTO DEAD_LETTERS (
  DEAD_LETTER_ID, QUEUE, BODY, BODY_SHA256, REASON, DESCRIPTION, RUN_ID, MESSAGE_ID, OCCURRED_AT
)
SELECT
  f.value:dead_letter_id::VARCHAR,
  f.value:queue::VARCHAR,
  f.value:body::VARCHAR,
  f.value:body_sha256::VARCHAR,
  f.value:reason::VARCHAR,
  f.value:description::VARCHAR,
  f.value:run_id::VARCHAR,
  f.value:message_id::VARCHAR,
  TO_TIMESTAMP_TZ(f.value:occurred_at::VARCHAR)
FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f;

-- name: one_run
SELECT * FROM RUNS_ALL WHERE RUN_ID = ?;

-- name: run_history
-- Repeated events once.
SELECT * FROM RUN_EVENTS
WHERE RUN_ID = ?
QUALIFY ROW_NUMBER() OVER (PARTITION BY EVENT_ID ORDER BY OCCURRED_AT) = 1
ORDER BY OCCURRED_AT, RANK;

-- name: list_runs
-- A NULL bind does not restrict.
SELECT * FROM RUNS
WHERE (? IS NULL OR STATUS = ?)
  AND (? IS NULL OR PIPELINE = ?)
  AND (? IS NULL OR QUERY_BATCH_ID = ?)
  AND (? IS NULL OR LAST_RECORDED_AT >= TO_TIMESTAMP_TZ(?))
ORDER BY COALESCE(ACCEPTED_AT, SUBMITTED_AT, LAST_RECORDED_AT) DESC, RUN_ID
LIMIT ? OFFSET ?;

-- name: ended_runs
-- The run ids are one JSON array.
SELECT DISTINCT RUN_ID
FROM RUN_EVENTS
WHERE RUN_ID IN (SELECT f.value::VARCHAR FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f)
  AND IS_JOB_FACT
  AND STATUS IN ('COMPLETED', 'FAILED', 'CANCELED');
