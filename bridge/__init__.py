"""Starts Azure Machine Learning pipelines from Snowflake and reports their runs back as rows."""

__version__ = "0.1.0"
