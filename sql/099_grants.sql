-- Who may do what besides the doors, each of which grants its own functions to <% prefix %>_SUBMIT. Run last, because
-- CREATE OR REPLACE drops grants. Give people these roles, not grants of their own, and they stay.
-- Nobody here may read a secret or use an integration that holds one; submitters bring their own warehouse.
GRANT USAGE ON DATABASE <% database %> TO ROLE <% prefix %>_READ;
GRANT USAGE ON SCHEMA <% schema %> TO ROLE <% prefix %>_READ;
GRANT SELECT ON ALL VIEWS IN SCHEMA <% schema %> TO ROLE <% prefix %>_READ;

GRANT USAGE ON DATABASE <% database %> TO ROLE <% prefix %>_SUBMIT;
GRANT USAGE ON SCHEMA <% schema %> TO ROLE <% prefix %>_SUBMIT;

-- The app: adds rows and reads, and can neither change nor delete what is written.
GRANT USAGE ON DATABASE <% database %> TO ROLE <% prefix %>_WRITER;
GRANT USAGE ON SCHEMA <% schema %> TO ROLE <% prefix %>_WRITER;
GRANT SELECT, INSERT ON TABLE RUN_EVENTS TO ROLE <% prefix %>_WRITER;
GRANT SELECT, INSERT ON TABLE AML_EVENTS TO ROLE <% prefix %>_WRITER;
GRANT SELECT, INSERT ON TABLE DEAD_LETTERS TO ROLE <% prefix %>_WRITER;
GRANT SELECT, INSERT ON TABLE RULE_ACTIONS TO ROLE <% prefix %>_WRITER;
GRANT SELECT ON VIEW RUNS TO ROLE <% prefix %>_WRITER;
GRANT SELECT ON VIEW RUNS_ALL TO ROLE <% prefix %>_WRITER;
