-- What to read: one row a run, folded from its events, so that their order and repetition do not matter.

-- PLACE puts the events of one run into order, greatest last. MAX_BY skips rows whose second argument is NULL, so each
-- column folds by itself: its value in the greatest event in which it is not NULL. Notes (RANK 0) have no place: they change
-- no column. A run of which only notes are known has no row yet.
CREATE OR REPLACE VIEW RUNS_ALL
COMMENT = 'One row for each run, for ever'
AS
WITH PLACED AS (
    SELECT
        *,
        IFF(
            RANK = 0,
            NULL,
            ROW_NUMBER() OVER (
                PARTITION BY RUN_ID
                ORDER BY
                    IS_JOB_FACT ASC,
                    ATTEMPT ASC,
                    RANK ASC,
                    OCCURRED_AT ASC,
                    EVENT_ID ASC
            )
        ) AS PLACE
    FROM RUN_EVENTS
),
FOLDED AS (
    SELECT
        RUN_ID,
        MAX_BY(STATUS, PLACE)                                           AS STATUS,
        MAX_BY(PIPELINE, IFF(PIPELINE IS NULL, NULL, PLACE))            AS PIPELINE,
        GREATEST(MAX(ATTEMPT), 1)                                       AS ATTEMPT,
        MIN(IFF(STATUS = 'ACCEPTED', OCCURRED_AT, NULL))                AS ACCEPTED_AT,
        MIN(IFF(STATUS = 'SUBMITTED', OCCURRED_AT, NULL))               AS SUBMITTED_AT,
        MAX_BY(STARTED_AT, IFF(STARTED_AT IS NULL, NULL, PLACE))        AS STARTED_AT,
        MAX_BY(ENDED_AT, IFF(ENDED_AT IS NULL, NULL, PLACE))            AS ENDED_AT,
        MAX_BY(INPUTS, IFF(INPUTS IS NULL, NULL, PLACE))                AS INPUTS,
        MAX_BY(OUTPUTS, IFF(OUTPUTS IS NULL, NULL, PLACE))              AS OUTPUTS,
        MAX_BY(ERROR_CODE, IFF(ERROR_CODE IS NULL, NULL, PLACE))        AS ERROR_CODE,
        MAX_BY(ERROR_MESSAGE, IFF(ERROR_MESSAGE IS NULL, NULL, PLACE))  AS ERROR_MESSAGE,
        MAX_BY(STUDIO_URL, IFF(STUDIO_URL IS NULL, NULL, PLACE))        AS STUDIO_URL,
        MAX_BY(JOB_NAME, IFF(JOB_NAME IS NULL, NULL, PLACE))            AS JOB_NAME,
        MAX_BY(WORKSPACE, IFF(WORKSPACE IS NULL, NULL, PLACE))          AS WORKSPACE,
        MAX_BY(COMPONENT, IFF(COMPONENT IS NULL, NULL, PLACE))          AS COMPONENT,
        MAX_BY(SOURCE, IFF(SOURCE IS NULL, NULL, PLACE))                AS SOURCE,
        MAX_BY(PRINCIPAL, IFF(PRINCIPAL IS NULL, NULL, PLACE))          AS PRINCIPAL,
        MAX_BY(FINGERPRINT, IFF(FINGERPRINT IS NULL, NULL, PLACE))      AS FINGERPRINT,
        MAX_BY(QUERY_ID, IFF(QUERY_ID IS NULL, NULL, PLACE))            AS QUERY_ID,
        MAX_BY(QUERY_BATCH_ID, IFF(QUERY_BATCH_ID IS NULL, NULL, PLACE)) AS QUERY_BATCH_ID,
        MAX_BY(ROW_NUMBER, IFF(ROW_NUMBER IS NULL, NULL, PLACE))        AS ROW_NUMBER,
        MAX_BY(BATCH_ROWS, IFF(BATCH_ROWS IS NULL, NULL, PLACE))        AS BATCH_ROWS,
        MAX_BY(CORRELATION_ID, IFF(CORRELATION_ID IS NULL, NULL, PLACE)) AS CORRELATION_ID,
        MAX_BY(TRACE_ID, IFF(TRACE_ID IS NULL, NULL, PLACE))            AS TRACE_ID,
        MAX_BY(RERUN_OF, IFF(RERUN_OF IS NULL, NULL, PLACE))            AS RERUN_OF,
        COUNT(DISTINCT IFF(STATUS = 'CONFLICT', EVENT_ID, NULL))        AS CONFLICTS,
        MAX(RECORDED_AT)                                                AS LAST_RECORDED_AT
    FROM PLACED
    GROUP BY RUN_ID
    HAVING COUNT(PLACE) > 0
)
SELECT
    RUN_ID,
    STATUS,
    PIPELINE,
    ATTEMPT,
    ACCEPTED_AT,
    SUBMITTED_AT,
    STARTED_AT,
    ENDED_AT,
    DATEDIFF('second', SUBMITTED_AT, STARTED_AT) AS QUEUED_SECONDS,
    DATEDIFF('second', STARTED_AT, ENDED_AT)     AS RUN_SECONDS,
    INPUTS,
    OUTPUTS,
    ERROR_CODE,
    ERROR_MESSAGE,
    STUDIO_URL,
    JOB_NAME,
    WORKSPACE,
    COMPONENT,
    SOURCE,
    PRINCIPAL,
    FINGERPRINT,
    QUERY_ID,
    QUERY_BATCH_ID,
    ROW_NUMBER,
    BATCH_ROWS,
    CORRELATION_ID,
    TRACE_ID,
    RERUN_OF,
    CONFLICTS,
    LAST_RECORDED_AT
FROM FOLDED;

CREATE OR REPLACE VIEW RUNS
COMMENT = 'One row for each run that was recorded in the last 30 days'
AS
SELECT *
FROM RUNS_ALL
WHERE LAST_RECORDED_AT >= DATEADD('day', -30, CURRENT_TIMESTAMP());
