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
INSERT INTO AML_EVENTS (ID, EVENT_TYPE, SUBJECT, EVENT_TIME, DATA, TOPIC, DOOR, CORRELATION_ID)
SELECT
  f.value:id::VARCHAR,
  f.value:event_type::VARCHAR,
  f.value:subject::VARCHAR,
  TO_TIMESTAMP_TZ(f.value:event_time::VARCHAR),
  f.value:data,
  f.value:topic::VARCHAR,
  f.value:door::VARCHAR,
  f.value:correlation_id::VARCHAR
FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f;

-- name: insert_dead_letters
INSERT INTO DEAD_LETTERS (
  DEAD_LETTER_ID, QUEUE, BODY, BODY_SHA256, REASON, DESCRIPTION, RUN_ID, MESSAGE_ID, DOOR, OCCURRED_AT
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
  f.value:door::VARCHAR,
  TO_TIMESTAMP_TZ(f.value:occurred_at::VARCHAR)
FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f;

-- name: insert_rule_actions
INSERT INTO RULE_ACTIONS (
  DECISION_ID, ACTION_ID, RULE, EVENT_ID, EVENT_TYPE, ACTION, STATUS, REASON, RUN_ID, CORRELATION_ID, PAYLOAD,
  OCCURRED_AT
)
SELECT
  f.value:decision_id::VARCHAR,
  f.value:action_id::VARCHAR,
  f.value:rule::VARCHAR,
  f.value:event_id::VARCHAR,
  f.value:event_type::VARCHAR,
  f.value:action::VARCHAR,
  f.value:status::VARCHAR,
  f.value:reason::VARCHAR,
  f.value:run_id::VARCHAR,
  f.value:correlation_id::VARCHAR,
  f.value:payload,
  TO_TIMESTAMP_TZ(f.value:occurred_at::VARCHAR)
FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f;

-- name: one_run
SELECT * FROM RUNS_ALL WHERE RUN_ID = ?;

-- name: runs_by_id
-- As many binds as ids, here and wherever IN (?) stands. A list of constants goes down into the view, so that only these
-- runs are folded; of a join or a subquery nobody can say that, and without it the whole ledger would be. Tables are
-- asked the same way: there it spares a join.
SELECT * FROM RUNS_ALL
WHERE RUN_ID IN (?);

-- name: batch_rows
-- RUN_EVENTS says which rows the batch had: a run that an earlier batch had asked for shows that batch's id in RUNS_ALL.
-- What became of their runs is asked by runs_by_id. MIN: ACCEPTED comes before REJECTED. Of a batch that was sent again,
-- the first fingerprint: it is the one that made the job.
SELECT
  RUN_ID,
  ROW_NUMBER,
  MAX(BATCH_ROWS) AS BATCH_ROWS,
  MIN(OCCURRED_AT) AS REQUESTED_AT,
  MIN(STATUS) AS REQUEST_STATUS,
  MIN_BY(FINGERPRINT, IFF(FINGERPRINT IS NULL, NULL, OCCURRED_AT)) AS REQUEST_FINGERPRINT,
  IFF(MIN(STATUS) = 'REJECTED', MIN(ERROR_CODE), NULL) AS REQUEST_ERROR_CODE,
  IFF(MIN(STATUS) = 'REJECTED', MIN(ERROR_MESSAGE), NULL) AS REQUEST_ERROR_MESSAGE
FROM RUN_EVENTS
WHERE QUERY_BATCH_ID = ?
  AND NOT IS_JOB_FACT
  AND STATUS IN ('ACCEPTED', 'REJECTED')
  AND ROW_NUMBER IS NOT NULL
GROUP BY RUN_ID, ROW_NUMBER
ORDER BY ROW_NUMBER, RUN_ID;

-- name: dead_letters_by_id
-- Repeated letters once.
SELECT * FROM DEAD_LETTERS
WHERE DEAD_LETTER_ID IN (?)
QUALIFY ROW_NUMBER() OVER (PARTITION BY DEAD_LETTER_ID ORDER BY RECORDED_AT) = 1;

-- name: list_dead_letters
-- A NULL bind does not restrict. Repeated letters once, long bodies by their beginning.
SELECT l.* EXCLUDE (BODY), LEFT(l.BODY, 2000) AS BODY, LENGTH(l.BODY) AS BODY_CHARACTERS
FROM DEAD_LETTERS l
WHERE (? IS NULL OR l.QUEUE = ?)
  AND (? IS NULL OR l.RUN_ID = ?)
  AND (? IS NULL OR l.OCCURRED_AT >= TO_TIMESTAMP_TZ(?))
QUALIFY ROW_NUMBER() OVER (PARTITION BY l.DEAD_LETTER_ID ORDER BY l.RECORDED_AT) = 1
ORDER BY l.OCCURRED_AT DESC, l.DEAD_LETTER_ID
LIMIT ? OFFSET ?;

-- name: run_history
-- Repeated events once.
SELECT * FROM RUN_EVENTS
WHERE RUN_ID = ?
QUALIFY ROW_NUMBER() OVER (PARTITION BY EVENT_ID ORDER BY OCCURRED_AT) = 1
ORDER BY OCCURRED_AT, RANK;

-- name: list_runs
-- Which runs are on the page: the view computes these few columns only, of two months. A NULL bind does not restrict.
SELECT RUN_ID FROM RUNS
WHERE (? IS NULL OR STATUS = ?)
  AND (? IS NULL OR PIPELINE = ?)
  AND (? IS NULL OR QUERY_BATCH_ID = ?)
  AND (? IS NULL OR LAST_RECORDED_AT >= TO_TIMESTAMP_TZ(?))
ORDER BY COALESCE(ACCEPTED_AT, SUBMITTED_AT, LAST_RECORDED_AT) DESC, RUN_ID
LIMIT ? OFFSET ?;

-- name: runs_on_page
SELECT * FROM RUNS
WHERE RUN_ID IN (?);

-- name: ended_runs
SELECT DISTINCT RUN_ID
FROM RUN_EVENTS
WHERE RUN_ID IN (?)
  AND IS_JOB_FACT
  AND STATUS IN ('COMPLETED', 'FAILED', 'CANCELED');

-- name: fired
-- Which event was the first to fire each action.
SELECT ACTION_ID, EVENT_ID
FROM RULE_ACTIONS
WHERE ACTION_ID IN (?)
  AND STATUS = 'FIRED'
QUALIFY ROW_NUMBER() OVER (PARTITION BY ACTION_ID ORDER BY OCCURRED_AT, EVENT_ID) = 1;

-- name: aml_events_since
-- Repeated events once; the same id by another door is another event.
SELECT ID, EVENT_TYPE, SUBJECT, EVENT_TIME, DATA, TOPIC, DOOR, CORRELATION_ID
FROM AML_EVENTS
WHERE COALESCE(EVENT_TIME, RECORDED_AT) >= TO_TIMESTAMP_TZ(?)
QUALIFY ROW_NUMBER() OVER (PARTITION BY ID, DOOR ORDER BY RECORDED_AT) = 1
ORDER BY COALESCE(EVENT_TIME, RECORDED_AT), ID, DOOR
LIMIT ?;

-- part: looked_at
-- Runs that people look at: those that began since then, and all that have not ended. A NULL bind does not restrict. Of
-- the ids in one text, each is found as a part of it.
SELECT *, COALESCE(ACCEPTED_AT, SUBMITTED_AT, LAST_RECORDED_AT) AS BEGAN_AT
FROM RUNS
WHERE (
    COALESCE(ACCEPTED_AT, SUBMITTED_AT, LAST_RECORDED_AT) >= TO_TIMESTAMP_TZ(?)
    OR STATUS NOT IN ('COMPLETED', 'FAILED', 'CANCELED', 'REJECTED')
  )
  AND (? IS NULL OR PIPELINE = ?)
  AND (
    ? IS NULL
    OR CONTAINS(?, RUN_ID)
    OR CONTAINS(
      LOWER(
        RUN_ID || ' ' || COALESCE(PIPELINE, '') || ' ' || COALESCE(ERROR_CODE, '') || ' '
        || COALESCE(ERROR_MESSAGE, '') || ' ' || COALESCE(SOURCE, '') || ' ' || COALESCE(PRINCIPAL, '') || ' '
        || COALESCE(QUERY_ID, '') || ' ' || COALESCE(QUERY_BATCH_ID, '') || ' ' || COALESCE(CORRELATION_ID, '') || ' '
        || COALESCE(RERUN_OF, '')
      ),
      LOWER(?)
    )
  );

-- name: search_runs
-- A page of them, newest first, with the columns that it shows: what no one selects of the view is not computed.
SELECT
  f.RUN_ID, f.STATUS, f.PIPELINE, f.ATTEMPT, f.SOURCE, f.PRINCIPAL, f.RERUN_OF, f.RUN_SECONDS, f.STARTED_AT, f.ENDED_AT,
  f.ERROR_CODE, f.BEGAN_AT,
  LEFT(f.ERROR_MESSAGE, 500) AS ERROR_MESSAGE
FROM (
<% looked_at %>
) f
WHERE ? IS NULL
  OR f.STATUS = ?
  OR (? = 'ACTIVE' AND f.STATUS NOT IN ('COMPLETED', 'FAILED', 'CANCELED', 'REJECTED'))
ORDER BY f.BEGAN_AT DESC, f.RUN_ID
LIMIT ? OFFSET ?;

-- name: run_totals
-- All that the page counts, in one statement: those runs whatever their status, by time, by pipeline and together; dead
-- letters by queue; what rules did; and up to when the ledger is written. What was refused before its pipeline
-- was found counts without a name: callers may ask for any, a million of them too.
WITH FOUND AS (
  SELECT
    STATUS,
    IFF(
      STATUS = 'REJECTED' AND ERROR_CODE IN ('UNKNOWN_PIPELINE', 'BAD_ROW', 'BAD_KEY', 'BAD_EVENT'), NULL, PIPELINE
    ) AS PIPELINE_NAME,
    RUN_SECONDS,
    BEGAN_AT
  FROM (
<% looked_at %>
  )
)
SELECT
  k.KIND AS KIND,
  CASE k.KIND
    WHEN 'time' THEN TO_VARCHAR(CAST(FLOOR(DATE_PART('EPOCH_SECOND', f.BEGAN_AT) / ?) AS NUMBER(20, 0)))
    WHEN 'pipeline' THEN f.PIPELINE_NAME
  END AS NAME,
  f.STATUS AS STATUS,
  COUNT(*) AS AMOUNT,
  PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY f.RUN_SECONDS) AS MEDIAN_SECONDS,
  PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY f.RUN_SECONDS) AS SLOW_SECONDS,
  MAX(f.BEGAN_AT) AS LATEST_AT
FROM FOUND f
CROSS JOIN (SELECT 'time' AS KIND UNION ALL SELECT 'pipeline' UNION ALL SELECT 'all') k
GROUP BY 1, 2, 3
UNION ALL
SELECT 'dead_letter', QUEUE, NULL, COUNT(DISTINCT DEAD_LETTER_ID), NULL, NULL, MAX(OCCURRED_AT)
FROM DEAD_LETTERS
WHERE OCCURRED_AT >= TO_TIMESTAMP_TZ(?)
GROUP BY QUEUE
UNION ALL
SELECT 'rule', RULE, STATUS, COUNT(DISTINCT DECISION_ID), NULL, NULL, MAX(OCCURRED_AT)
FROM RULE_ACTIONS
WHERE OCCURRED_AT >= TO_TIMESTAMP_TZ(?)
  AND STATUS <> 'NOT_FIRED'
GROUP BY RULE, STATUS
UNION ALL
SELECT 'recorded', NULL, NULL, COUNT(*), NULL, NULL, MAX(RECORDED_AT)
FROM RUN_EVENTS;

-- name: run_surroundings
-- Dead letters of one run, and rules about it or about what it belongs to. That a rule's conditions did not hold is not
-- worth a line.
SELECT
  'dead_letter' AS KIND,
  DEAD_LETTER_ID AS ID,
  QUEUE AS NAME,
  REASON AS STATUS,
  MIN(DESCRIPTION) AS DETAIL,
  MIN(OCCURRED_AT) AS OCCURRED_AT
FROM DEAD_LETTERS
WHERE RUN_ID = ?
GROUP BY DEAD_LETTER_ID, QUEUE, REASON
UNION ALL
SELECT
  'rule',
  DECISION_ID,
  RULE,
  STATUS,
  ACTION || COALESCE(': ' || REASON, ''),
  MIN(OCCURRED_AT)
FROM RULE_ACTIONS
WHERE COALESCE(REASON, '') <> 'where'
  AND (
    RUN_ID = ?
    OR CORRELATION_ID IN (SELECT e.CORRELATION_ID FROM RUN_EVENTS e WHERE e.RUN_ID = ? AND e.CORRELATION_ID IS NOT NULL)
  )
GROUP BY DECISION_ID, RULE, STATUS, ACTION, REASON
ORDER BY OCCURRED_AT, ID
LIMIT 200;

-- name: list_decisions
-- How far each rule got with each event since then: outcomes before FIRED before NOT_FIRED, as RULE_DECISIONS has it. A
-- NULL bind does not restrict.
SELECT RULE, EVENT_ID, EVENT_TYPE, ACTION, STATUS, REASON, RUN_ID, ACTION_ID, CORRELATION_ID, PAYLOAD, OCCURRED_AT
FROM RULE_ACTIONS
WHERE OCCURRED_AT >= TO_TIMESTAMP_TZ(?)
  AND (? IS NULL OR RULE = ?)
  AND (? IS NULL OR STATUS <> ?)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY RULE, EVENT_ID
  ORDER BY
    CASE STATUS WHEN 'NOT_FIRED' THEN 0 WHEN 'FIRED' THEN 1 ELSE 2 END DESC,
    OCCURRED_AT DESC,
    DECISION_ID
) = 1
ORDER BY OCCURRED_AT DESC, RULE, EVENT_ID
LIMIT ? OFFSET ?;
