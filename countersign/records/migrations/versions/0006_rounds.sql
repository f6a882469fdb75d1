-- What rounds of reconciliation came to, one row per part ---------------------------------------------------

CREATE TABLE reconciliation_part (
    part TEXT NOT NULL,
    looked_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    found INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    oldest_seconds double precision,
    problem TEXT,
    rounds_total BIGINT DEFAULT 0 NOT NULL,
    found_total BIGINT DEFAULT 0 NOT NULL,
    failed_total BIGINT DEFAULT 0 NOT NULL,
    problems_total BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_reconciliation_part PRIMARY KEY (part),
    CONSTRAINT ck_reconciliation_part_counts_range CHECK (found >= 0 AND failed BETWEEN 0 AND found)
);
