-- One row for each run of EVENTS, which the view that includes this names before it. The same as fold() in
-- bridge/domain/events.py says in Python, and a test compares the two.
--
-- PLACE puts the facts of one run into order, the greatest last, as text that sorts: which kind, attempt, rank, time,
-- event id, and then what tells two requests apart. The added numbers give each part the same number of digits, and
-- CHR(1) comes before every character of an id. No window function: one pass, without a sort, and what a query does not
-- select is not computed. Notes (RANK 0) have no place: they change no column, and a run of which only notes are known
-- has no row yet.
--
-- MAX_BY skips rows whose second argument is NULL, so each column folds by itself: its value in the greatest fact in
-- which it is not NULL. Columns are qualified because an alias of the same name could otherwise be meant.
PLACED AS (
    SELECT
        *,
        IFF(
            RANK > 0,
            IFF(IS_JOB_FACT, '1', '0')
            || TO_VARCHAR(ATTEMPT + 20000000000)
            || TO_VARCHAR(RANK + 20000000000)
            || TO_VARCHAR(DATE_PART('EPOCH_MICROSECOND', OCCURRED_AT) + 2000000000000000000)
            || EVENT_ID || CHR(1)
            || COALESCE(CORRELATION_ID, '') || CHR(1)
            || COALESCE(QUERY_BATCH_ID, '') || CHR(1)
            || TO_VARCHAR(COALESCE(ROW_NUMBER, -1) + 20000000000)
            || COALESCE(QUERY_ID, ''),
            NULL
        ) AS PLACE
    FROM EVENTS
),
FOLDED AS (
    SELECT
        e.RUN_ID,
        MAX(e.PLACE)                                                             AS LAST_PLACE,
        MAX_BY(e.STATUS, e.PLACE)                                                AS STATUS,
        MAX_BY(e.PIPELINE, IFF(e.PIPELINE IS NULL, NULL, e.PLACE))               AS PIPELINE,
        GREATEST(MAX(IFF(e.RANK > 0, e.ATTEMPT, NULL)), 1)                       AS ATTEMPT,
        MIN(IFF(e.STATUS = 'ACCEPTED', e.OCCURRED_AT, NULL))                     AS ACCEPTED_AT,
        MIN(IFF(e.STATUS = 'SUBMITTED', e.OCCURRED_AT, NULL))                    AS SUBMITTED_AT,
        MAX_BY(e.STARTED_AT, IFF(e.STARTED_AT IS NULL, NULL, e.PLACE))           AS STARTED_AT,
        MAX_BY(e.ENDED_AT, IFF(e.ENDED_AT IS NULL, NULL, e.PLACE))               AS ENDED_AT,
        MAX_BY(e.INPUTS, IFF(e.INPUTS IS NULL, NULL, e.PLACE))                   AS INPUTS,
        MAX_BY(e.OUTPUTS, IFF(e.OUTPUTS IS NULL, NULL, e.PLACE))                 AS OUTPUTS,
        MAX_BY(e.ERROR_CODE, IFF(e.ERROR_CODE IS NULL, NULL, e.PLACE))           AS LAST_ERROR_CODE,
        MAX(IFF(e.ERROR_CODE IS NULL, NULL, e.PLACE))                            AS ERROR_CODE_PLACE,
        MAX_BY(e.ERROR_MESSAGE, IFF(e.ERROR_MESSAGE IS NULL, NULL, e.PLACE))     AS LAST_ERROR_MESSAGE,
        MAX(IFF(e.ERROR_MESSAGE IS NULL, NULL, e.PLACE))                         AS ERROR_MESSAGE_PLACE,
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
    -- An error belongs to its kind: a job shows its own errors only, and a run without a job that of its last fact.
    -- A completed run has none: it may have been asked to stop, and finished first.
    IFF(
        STATUS <> 'COMPLETED' AND (STARTSWITH(ERROR_CODE_PLACE, '1') OR ERROR_CODE_PLACE = LAST_PLACE),
        LAST_ERROR_CODE,
        NULL
    ) AS ERROR_CODE,
    IFF(
        STATUS <> 'COMPLETED' AND (STARTSWITH(ERROR_MESSAGE_PLACE, '1') OR ERROR_MESSAGE_PLACE = LAST_PLACE),
        LAST_ERROR_MESSAGE,
        NULL
    ) AS ERROR_MESSAGE,
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
FROM FOLDED
