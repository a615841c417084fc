"""A matter with rows in partitions, under names that have to be quoted."""

PARTITIONED = """
CREATE SCHEMA office;
CREATE TABLE office.matters (number text PRIMARY KEY);
CREATE TABLE office."My Logs: 100%" ("at" date, "No." int, matter text NOT NULL REFERENCES office.matters,
    "it's 50% off" text, PRIMARY KEY ("at", "No.")) PARTITION BY RANGE ("at");
CREATE TABLE office.logs_2025 PARTITION OF office."My Logs: 100%" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE office.logs_2026 PARTITION OF office."My Logs: 100%" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE office.seen ("at" date, "No." int, who text,
    PRIMARY KEY ("at", "No.", who), FOREIGN KEY ("at", "No.") REFERENCES office."My Logs: 100%");
"""
LOGGED = """
INSERT INTO office.matters VALUES ('M-1');
INSERT INTO office."My Logs: 100%" VALUES ('2025-12-31', 1, 'M-1', 'a'), ('2026-01-01', 1, 'M-1', 'b');
INSERT INTO office.seen VALUES ('2025-12-31', 1, 'x'), ('2026-01-01', 1, 'y');
"""
