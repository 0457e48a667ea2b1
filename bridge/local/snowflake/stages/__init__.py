"""Stages as folders, so that the hand-over of data between Snowflake and Azure ML runs on a laptop.

Every stage is a folder of one temporary directory, which ends with the emulator. An external stage is the folder of
its URL: two stages with overlapping URLs see the same files, and its files outlive the stage, as in a real container.

As on Snowflake, and easily missed:

* A path is a prefix: `@s/in/r-1` also means `in/r-10/…`; `@s/in/r-1/` does not.
* OVERWRITE = TRUE replaces files of the same name and no others: what a larger unload left behind stays.
* A query without rows unloads no file at all. Without HEADER = TRUE the columns are `_COL_0`, `_COL_1`, …
* TIMESTAMP_TZ and TIMESTAMP_LTZ cannot be unloaded to Parquet.
* MATCH_BY_COLUMN_NAME puts NULL, not the default, into a column that the file lacks.
* A timestamp of a file does not go into a DATE column, nor a number into a BOOLEAN one.
* A file is loaded once into a table, until it is written again: writing the same bytes again makes it a new file.

What it does not do
-------------------
* Only named stages and Parquet. No user or table stages, no PUT and GET, no URL in place of a stage, no directory
  tables, no SELECT and INFER_SCHEMA on staged files, no loading by a query, no PARTITION BY, no VALIDATION_MODE.
* Storage integrations are not looked at, and load metadata does not end after 64 days.
* A temporary stage stays until it is dropped, and creating a stage does not commit the session's transaction.
* Whole numbers are unloaded as INT64 where Snowflake makes DECIMALs of them, and files are not cut by their true size.
* VALIDATE, COPY_HISTORY and LOAD_HISTORY know nothing of these loads.
* The numbers of the errors 1030 (files already exist), 100080 (file too large) and 100152 (not Parquet) are guesses.
"""
