-- What rules need of the ledger. Only adds, so that an older app goes on working, and may run again.
-- RULE_ACTIONS has been there since the first version, and nothing was written into it before this one.

ALTER TABLE RULE_ACTIONS ADD COLUMN IF NOT EXISTS DECISION_ID VARCHAR;
ALTER TABLE RULE_ACTIONS ALTER COLUMN DECISION_ID
  COMMENT 'the same decision, or outcome, has the same id; rows may repeat';
ALTER TABLE RULE_ACTIONS ADD COLUMN IF NOT EXISTS EVENT_TYPE VARCHAR;
ALTER TABLE RULE_ACTIONS ADD COLUMN IF NOT EXISTS STATUS VARCHAR;
ALTER TABLE RULE_ACTIONS ALTER COLUMN STATUS
  COMMENT 'NOT_FIRED: REASON says why; FIRED: the action is asked for; then DONE or FAILED, in a row of its own';
ALTER TABLE RULE_ACTIONS ADD COLUMN IF NOT EXISTS CORRELATION_ID VARCHAR;
ALTER TABLE RULE_ACTIONS ALTER COLUMN CORRELATION_ID COMMENT 'of the event, and of all that the action leads to';
ALTER TABLE RULE_ACTIONS ALTER COLUMN ACTION_ID
  COMMENT 'two events on the same occasion have the same; the rule acts once for both';
ALTER TABLE RULE_ACTIONS ALTER COLUMN ACTION COMMENT 'submit, deploy, notify, publish or run_data_factory';
ALTER TABLE RULE_ACTIONS ALTER COLUMN REASON
  COMMENT 'why not: where, missing_field, loop_guard, cool_down, dry_run; or what went wrong, as a code';
ALTER TABLE RULE_ACTIONS ALTER COLUMN RUN_ID COMMENT 'the run that was started, or that the event is about';
ALTER TABLE RULE_ACTIONS ALTER COLUMN PAYLOAD COMMENT 'what the action is, and words for people';
COMMENT ON TABLE RULE_ACTIONS IS 'What each rule made of each event, and what came of it, row by row';

ALTER TABLE AML_EVENTS ADD COLUMN IF NOT EXISTS CORRELATION_ID VARCHAR;
ALTER TABLE AML_EVENTS ALTER COLUMN CORRELATION_ID
  COMMENT 'what the event belongs to: that of its run or model; else its own id. NULL in rows of older versions';
ALTER TABLE AML_EVENTS ALTER COLUMN DOOR
  COMMENT 'the subscription that delivered it: workspace, snowflake or custom; bridge: the app itself';
COMMENT ON TABLE AML_EVENTS IS 'Events as they came: those of our runs, of models and of drift, and what rules matched';
