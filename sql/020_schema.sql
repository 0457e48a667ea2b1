-- The schema of everything that is not account-wide; here the owner role takes over.
USE ROLE <% owner_role %>;
USE DATABASE <% database %>;
CREATE SCHEMA IF NOT EXISTS <% schema %> COMMENT = 'The bridge to Azure ML: its ledger and its doors';
USE SCHEMA <% schema %>;
USE WAREHOUSE <% warehouse %>;
