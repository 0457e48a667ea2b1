-- What to read of events and rules. Both views read all that there is: who asks, names a rule or an event in the one and
-- a correlation id in the other, and then only those rows are folded. RUNS has its limit because it is mostly asked for
-- everything.

-- PLACE puts the rows of one rule and one event into order, the greatest last, as text that sorts: outcomes after FIRED
-- after NOT_FIRED, then by time. An event may come again and be judged otherwise, because rules.yaml has changed or a
-- cool-down is over: what was done once stays done. As in RUNS, each column has its value in the greatest row in which
-- it is not NULL; a reason counts only in the row that also gives the status.
CREATE OR REPLACE VIEW RULE_DECISIONS
COPY GRANTS
COMMENT = 'One row for each rule and each event that it judged: what it did or why not, and what came of it'
AS
WITH PLACED AS (
    SELECT
        *,
        CASE
            WHEN STATUS IN ('DONE', 'FAILED') THEN '2'
            WHEN STATUS = 'FIRED' THEN '1'
            WHEN STATUS = 'NOT_FIRED' THEN '0'
        END
        || TO_VARCHAR(DATE_PART('EPOCH_MICROSECOND', OCCURRED_AT) + 2000000000000000000)
        || COALESCE(DECISION_ID, '') AS PLACE
    FROM RULE_ACTIONS
),
FOLDED AS (
    SELECT
        a.RULE,
        a.EVENT_ID,
        MAX(a.PLACE)                                                             AS LAST_PLACE,
        MAX_BY(a.EVENT_TYPE, IFF(a.EVENT_TYPE IS NULL, NULL, a.PLACE))           AS EVENT_TYPE,
        MAX_BY(a.ACTION, IFF(a.ACTION IS NULL, NULL, a.PLACE))                   AS ACTION,
        MAX_BY(a.STATUS, a.PLACE)                                                AS STATUS,
        MAX_BY(a.REASON, IFF(a.REASON IS NULL, NULL, a.PLACE))                   AS LAST_REASON,
        MAX(IFF(a.REASON IS NULL, NULL, a.PLACE))                                AS REASON_PLACE,
        MAX_BY(a.RUN_ID, IFF(a.RUN_ID IS NULL, NULL, a.PLACE))                   AS RUN_ID,
        MAX_BY(a.ACTION_ID, a.PLACE)                                             AS ACTION_ID,
        MAX_BY(a.CORRELATION_ID, IFF(a.CORRELATION_ID IS NULL, NULL, a.PLACE))   AS CORRELATION_ID,
        MAX_BY(a.PAYLOAD, IFF(a.PAYLOAD IS NULL, NULL, a.PLACE))                 AS PAYLOAD,
        MIN(IFF(a.STATUS = 'FIRED', a.OCCURRED_AT, NULL))                        AS FIRED_AT,
        MAX(IFF(a.STATUS = 'NOT_FIRED', a.OCCURRED_AT, NULL))                    AS NOT_FIRED_AT,
        MAX(IFF(a.STATUS IN ('DONE', 'FAILED'), a.OCCURRED_AT, NULL))            AS SETTLED_AT
    FROM PLACED a
    GROUP BY a.RULE, a.EVENT_ID
    HAVING COUNT(a.PLACE) > 0
)
SELECT
    RULE,
    EVENT_TYPE,
    EVENT_ID,
    ACTION,
    STATUS,
    IFF(REASON_PLACE = LAST_PLACE, LAST_REASON, NULL) AS REASON,
    RUN_ID,
    ACTION_ID,
    CORRELATION_ID,
    PAYLOAD,
    -- An outcome may be recorded before the row that says FIRED: then it is not known yet.
    IFF(STATUS = 'NOT_FIRED', NOT_FIRED_AT, FIRED_AT) AS DECIDED_AT,
    SETTLED_AT
FROM FOLDED;

-- Each part tells repeats by grouping, with CORRELATION_ID among the columns grouped by: a condition on it then goes down
-- through UNION ALL and GROUP BY to the tables, and only what belongs together is grouped. It could not pass a window
-- that is not partitioned by it, and the whole ledger would be sorted first.
-- Of a run, most facts and all notes carry no correlation id. Which runs belong to it say the few rows that do; their
-- facts are found by a join, whose small side Snowflake knows before it reads the large one, so that it skips what holds
-- none of these runs. MAX over the run's rows as a window would be computed for every run there is. A run that was asked
-- for under two correlation ids is told whole under each.
CREATE OR REPLACE VIEW TIMELINE
COPY GRANTS
COMMENT = 'Events, rules and runs that belong together. Name a CORRELATION_ID, or expect the whole ledger to be read'
AS
SELECT
    MIN(COALESCE(e.EVENT_TIME, e.RECORDED_AT)) AS OCCURRED_AT,
    'event'                                    AS KIND,
    e.EVENT_TYPE                               AS NAME,
    e.ID                                       AS ID,
    CAST(NULL AS VARCHAR)                      AS STATUS,
    MIN(e.SUBJECT)                             AS DETAIL,
    e.CORRELATION_ID                           AS CORRELATION_ID
FROM AML_EVENTS e
WHERE e.CORRELATION_ID IS NOT NULL
GROUP BY e.CORRELATION_ID, e.ID, e.DOOR, e.EVENT_TYPE
UNION ALL
SELECT
    MIN(a.OCCURRED_AT)                         AS OCCURRED_AT,
    'rule'                                     AS KIND,
    a.RULE                                     AS NAME,
    a.ACTION_ID                                AS ID,
    a.STATUS                                   AS STATUS,
    -- What the rule does, why not, and the first of the words for people, as far as there are any.
    a.ACTION
    || COALESCE(': ' || a.REASON, '')
    || COALESCE(': ' || MIN(COALESCE(
        a.PAYLOAD:message::VARCHAR, a.PAYLOAD:why[0]::VARCHAR, a.PAYLOAD:title::VARCHAR, a.PAYLOAD:planned:title::VARCHAR
    )), '')                                    AS DETAIL,
    a.CORRELATION_ID                           AS CORRELATION_ID
FROM RULE_ACTIONS a
WHERE a.CORRELATION_ID IS NOT NULL
GROUP BY a.CORRELATION_ID, a.DECISION_ID, a.RULE, a.ACTION_ID, a.STATUS, a.ACTION, a.REASON
UNION ALL
SELECT
    MIN(f.OCCURRED_AT)                         AS OCCURRED_AT,
    'run'                                      AS KIND,
    COALESCE(MIN(f.PIPELINE), r.PIPELINE)      AS NAME,
    f.RUN_ID                                   AS ID,
    f.STATUS                                   AS STATUS,
    MAX(COALESCE(f.ERROR_MESSAGE, f.PAYLOAD:message::VARCHAR, f.PAYLOAD:error::VARCHAR)) AS DETAIL,
    r.CORRELATION_ID                           AS CORRELATION_ID
FROM RUN_EVENTS f
INNER JOIN (
    SELECT
        q.RUN_ID,
        q.CORRELATION_ID,
        MIN(q.PIPELINE) AS PIPELINE
    FROM RUN_EVENTS q
    WHERE q.CORRELATION_ID IS NOT NULL
    GROUP BY q.RUN_ID, q.CORRELATION_ID
) r ON f.RUN_ID = r.RUN_ID
GROUP BY r.CORRELATION_ID, r.PIPELINE, f.RUN_ID, f.EVENT_ID, f.STATUS;
