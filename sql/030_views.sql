-- What to read: one row a run, folded from its events, so that their order and repetition do not matter.
-- RUNS reads the last two months of RUN_EVENTS only, however long that has become: RUN_EVENTS is written in the order of
-- RECORDED_AT, so Snowflake skips what is older without reading it.

CREATE OR REPLACE VIEW RUNS_ALL
COPY GRANTS
COMMENT = 'One row for each run, for ever. Name a RUN_ID, or expect the whole ledger to be read'
AS
WITH EVENTS AS (
    SELECT * FROM RUN_EVENTS
),
<% runs_fold_sql %>;

-- 62 days: the 30 that are shown, the 31 that a run can live, and one to spare. A key that is sent again after two months
-- brings an old run back: RUNS shows what is new of it, only RUNS_ALL its early history as well.
CREATE OR REPLACE VIEW RUNS
COPY GRANTS
COMMENT = 'One row for each run of which something was recorded in the last 30 days'
AS
WITH EVENTS AS (
    SELECT *
    FROM RUN_EVENTS
    WHERE RECORDED_AT >= DATEADD('day', -62, CURRENT_TIMESTAMP())
),
<% runs_fold_sql %>
WHERE LAST_RECORDED_AT >= DATEADD('day', -30, CURRENT_TIMESTAMP());
