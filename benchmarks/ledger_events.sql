-- DuckDB, not Snowflake: events of $runs runs, spread evenly over the year that ends now, in the order of RECORDED_AT.
-- Every 20th run fails; twenty rows make a batch; the last few runs have not ended yet.
INSERT INTO RUN_EVENTS BY NAME
WITH RUNS_MADE AS (
    SELECT
        i AS NUMBER,
        'r-' || substr(md5(i::VARCHAR), 1, 26) AS RUN_ID,
        sha256(i::VARCHAR) AS FINGERPRINT,
        md5((i // 20)::VARCHAR) AS QUERY_BATCH_ID,
        i % 20 AS ROW_NUMBER,
        i % 20 = 7 AS FAILS,
        now() - INTERVAL 365 DAY + to_microseconds((i * (365 * 86400e6 / $runs))::BIGINT) AS BEGAN_AT
    FROM range($runs) t(i)
),
STEPS AS (
    SELECT unnest([
        {'STATUS': 'ACCEPTED', 'RANK': 20, 'AFTER_SECONDS': 0},
        {'STATUS': 'SUBMITTING', 'RANK': 30, 'AFTER_SECONDS': 3},
        {'STATUS': 'SUBMITTED', 'RANK': 100, 'AFTER_SECONDS': 6},
        {'STATUS': 'QUEUED', 'RANK': 110, 'AFTER_SECONDS': 120},
        {'STATUS': 'PREPARING', 'RANK': 110, 'AFTER_SECONDS': 300},
        {'STATUS': 'RUNNING', 'RANK': 120, 'AFTER_SECONDS': 900},
        {'STATUS': 'FINALIZING', 'RANK': 130, 'AFTER_SECONDS': 4000},
        {'STATUS': 'COMPLETED', 'RANK': 150, 'AFTER_SECONDS': 4500}
    ], recursive := true)
),
MADE AS (
    SELECT
        *,
        RANK <= 100 AS TELLS_REQUEST,
        RANK = 150 AS ENDS,
        BEGAN_AT + to_seconds(AFTER_SECONDS) AS AT_TIME
    FROM RUNS_MADE, STEPS
)
SELECT
    substr(sha256(RUN_ID || STATUS), 1, 32) AS EVENT_ID,
    RUN_ID,
    RANK >= 100 AS IS_JOB_FACT,
    (RANK < 100)::INT AS ATTEMPT,
    IF(ENDS AND FAILS, 'FAILED', STATUS) AS STATUS,
    RANK,
    AT_TIME AS OCCURRED_AT,
    IF(TELLS_REQUEST, 'external_function', NULL) AS SOURCE,
    IF(TELLS_REQUEST, 'snowflake:ANALYST', NULL) AS PRINCIPAL,
    IF(TELLS_REQUEST, 'pipeline-' || (NUMBER % 40), NULL) AS PIPELINE,
    IF(TELLS_REQUEST, FINGERPRINT, NULL) AS FINGERPRINT,
    IF(TELLS_REQUEST, json_object('as_of', '2026-11-01', 'rows', NUMBER, 'mode', 'full'), NULL) AS INPUTS,
    IF(RANK >= 100, RUN_ID, NULL) AS JOB_NAME,
    IF(TELLS_REQUEST, 'ws-production', NULL) AS WORKSPACE,
    IF(TELLS_REQUEST, 'azureml:churn:3', NULL) AS COMPONENT,
    IF(RANK = 100, 'https://ml.azure.com/runs/' || RUN_ID || '?wsid=/resourcegroups/rg/workspaces/ws', NULL)
        AS STUDIO_URL,
    IF(TELLS_REQUEST, QUERY_BATCH_ID, NULL) AS QUERY_ID,
    IF(TELLS_REQUEST, QUERY_BATCH_ID, NULL) AS QUERY_BATCH_ID,
    IF(TELLS_REQUEST, ROW_NUMBER, NULL) AS ROW_NUMBER,
    IF(TELLS_REQUEST, 20, NULL) AS BATCH_ROWS,
    IF(TELLS_REQUEST, QUERY_BATCH_ID, NULL) AS CORRELATION_ID,
    IF(TELLS_REQUEST, FINGERPRINT[:32], NULL) AS TRACE_ID,
    IF(RANK >= 120, BEGAN_AT + to_seconds(880), NULL) AS STARTED_AT,
    IF(ENDS, BEGAN_AT + to_seconds(4490), NULL) AS ENDED_AT,
    IF(ENDS AND FAILS, 'UserError', NULL) AS ERROR_CODE,
    IF(ENDS AND FAILS, 'Execution failed. User process exited with status code 1. See std_log.txt', NULL)
        AS ERROR_MESSAGE,
    IF(ENDS AND NOT FAILS, json_object('model', 'azureml:churn:' || NUMBER), NULL) AS OUTPUTS,
    AT_TIME + INTERVAL 30 SECOND AS RECORDED_AT
FROM MADE
WHERE AT_TIME + INTERVAL 30 SECOND < now()
ORDER BY AT_TIME
