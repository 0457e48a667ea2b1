"""The two files a user edits, pipelines.yaml and rules.yaml: read, checked whole, and published as JSON Schemas."""
