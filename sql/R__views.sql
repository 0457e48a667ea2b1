-- What to read: one row a run, folded from its events, so that their order and repetition do not matter.

-- PLACE puts the events of one run into order, greatest last. MAX_BY skips rows whose second argument is NULL, so each
-- column folds by itself: its value in the greatest event in which it is not NULL. Notes (RANK 0) have no place: they
-- change no column, and a run of which only notes are known has no row yet. The columns are qualified because an alias
-- of the same name could otherwise be meant. An error belongs to its kind: what went wrong before there was a job is not
-- shown of the job.
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
                    EVENT_ID ASC,
                    COALESCE(CORRELATION_ID, '') ASC,
                    COALESCE(QUERY_BATCH_ID, '') ASC,
                    COALESCE(ROW_NUMBER, -1) ASC,
                    COALESCE(QUERY_ID, '') ASC
            )
        ) AS PLACE
    FROM RUN_EVENTS
),
FOLDED AS (
    SELECT
        e.RUN_ID,
        MAX_BY(e.STATUS, e.PLACE)                                                AS STATUS,
        MAX_BY(e.PIPELINE, IFF(e.PIPELINE IS NULL, NULL, e.PLACE))               AS PIPELINE,
        GREATEST(MAX(e.ATTEMPT), 1)                                              AS ATTEMPT,
        MIN(IFF(e.STATUS = 'ACCEPTED', e.OCCURRED_AT, NULL))                     AS ACCEPTED_AT,
        MIN(IFF(e.STATUS = 'SUBMITTED', e.OCCURRED_AT, NULL))                    AS SUBMITTED_AT,
        MAX_BY(e.STARTED_AT, IFF(e.STARTED_AT IS NULL, NULL, e.PLACE))           AS STARTED_AT,
        MAX_BY(e.ENDED_AT, IFF(e.ENDED_AT IS NULL, NULL, e.PLACE))               AS ENDED_AT,
        MAX_BY(e.INPUTS, IFF(e.INPUTS IS NULL, NULL, e.PLACE))                   AS INPUTS,
        MAX_BY(e.OUTPUTS, IFF(e.OUTPUTS IS NULL, NULL, e.PLACE))                 AS OUTPUTS,
        IFF(
            COUNT_IF(e.IS_JOB_FACT) > 0,
            MAX_BY(e.ERROR_CODE, IFF(e.IS_JOB_FACT AND e.ERROR_CODE IS NOT NULL, e.PLACE, NULL)),
            NULLIF(MAX_BY(COALESCE(e.ERROR_CODE, ''), e.PLACE), '')
        ) AS ERROR_CODE,
        IFF(
            COUNT_IF(e.IS_JOB_FACT) > 0,
            MAX_BY(e.ERROR_MESSAGE, IFF(e.IS_JOB_FACT AND e.ERROR_MESSAGE IS NOT NULL, e.PLACE, NULL)),
            NULLIF(MAX_BY(COALESCE(e.ERROR_MESSAGE, ''), e.PLACE), '')
        ) AS ERROR_MESSAGE,
        MAX_BY(e.STUDIO_URL, IFF(e.STUDIO_URL IS NULL, NULL, e.PLACE))           AS STUDIO_URL,
        MAX_BY(e.JOB_NAME, IFF(e.JOB_NAME IS NULL, NULL, e.PLACE))               AS JOB_NAME,
        MAX_BY(e.WORKSPACE, IFF(e.WORKSPACE IS NULL, NULL, e.PLACE))             AS WORKSPACE,
        MAX_BY(e.COMPONENT, IFF(e.COMPONENT IS NULL, NULL, e.PLACE))             AS COMPONENT,
        MAX_BY(e.SOURCE, IFF(e.SOURCE IS NULL, NULL, e.PLACE))                   AS SOURCE,
        MAX_BY(e.PRINCIPAL, IFF(e.PRINCIPAL IS NULL, NULL, e.PLACE))             AS PRINCIPAL,
        MAX_BY(e.FINGERPRINT, IFF(e.FINGERPRINT IS NULL, NULL, e.PLACE))         AS FINGERPRINT,
        MAX_BY(e.QUERY_ID, IFF(e.QUERY_ID IS NULL, NULL, e.PLACE))               AS QUERY_ID,
        MAX_BY(e.QUERY_BATCH_ID, IFF(e.QUERY_BATCH_ID IS NULL, NULL, e.PLACE))   AS QUERY_BATCH_ID,
        MAX_BY(e.ROW_NUMBER, IFF(e.ROW_NUMBER IS NULL, NULL, e.PLACE))           AS ROW_NUMBER,
        MAX_BY(e.BATCH_ROWS, IFF(e.BATCH_ROWS IS NULL, NULL, e.PLACE))           AS BATCH_ROWS,
        MAX_BY(e.CORRELATION_ID, IFF(e.CORRELATION_ID IS NULL, NULL, e.PLACE))   AS CORRELATION_ID,
        MAX_BY(e.TRACE_ID, IFF(e.TRACE_ID IS NULL, NULL, e.PLACE))               AS TRACE_ID,
        MAX_BY(e.RERUN_OF, IFF(e.RERUN_OF IS NULL, NULL, e.PLACE))               AS RERUN_OF,
        COUNT(DISTINCT IFF(e.STATUS = 'CONFLICT', e.EVENT_ID, NULL))             AS CONFLICTS,
        MAX(e.RECORDED_AT)                                                       AS LAST_RECORDED_AT
    FROM PLACED e
    GROUP BY e.RUN_ID
    HAVING COUNT(e.PLACE) > 0
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
    IFF(STATUS = 'COMPLETED', NULL, ERROR_CODE) AS ERROR_CODE,
    IFF(STATUS = 'COMPLETED', NULL, ERROR_MESSAGE) AS ERROR_MESSAGE,
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
