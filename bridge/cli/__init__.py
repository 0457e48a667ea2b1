"""The command line of those who write rules and pipelines, deploy the SQL, and look after runs."""
