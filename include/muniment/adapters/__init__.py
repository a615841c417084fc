"""The world outside: PostgreSQL, S3, KMS, Secrets Manager and the programs on this machine."""
