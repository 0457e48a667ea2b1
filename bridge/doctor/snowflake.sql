-- What the doctor asks Snowflake, by name. It reads only; nothing is bound but by Snowflake's own variables.

-- name: context
SELECT
  CURRENT_ROLE() AS ROLE,
  CURRENT_WAREHOUSE() AS WAREHOUSE,
  CURRENT_DATABASE() AS DATABASE,
  CURRENT_SCHEMA() AS SCHEMA,
  CURRENT_TIMESTAMP() AS NOW;

-- name: remember_role
-- A role cannot be bound, and a name that is put into the text would have to be quoted.
SET ML_BRIDGE_DOCTOR_ROLE = CURRENT_ROLE();

-- name: grants
SHOW GRANTS TO ROLE IDENTIFIER($ML_BRIDGE_DOCTOR_ROLE);

-- name: columns
-- Of tables that the role may see, and the first that needs a warehouse.
SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE
FROM INFORMATION_SCHEMA.COLUMNS
WHERE TABLE_SCHEMA = CURRENT_SCHEMA();

-- name: views
SELECT TABLE_NAME
FROM INFORMATION_SCHEMA.VIEWS
WHERE TABLE_SCHEMA = CURRENT_SCHEMA();
