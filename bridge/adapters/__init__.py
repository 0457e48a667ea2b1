"""The ports over the real SDKs, one SDK a file, each loaded on first use."""
