-- Incidents ------------------------------------------------------------------------------------------------

ALTER TABLE incident ADD COLUMN unlisted_alerts INTEGER DEFAULT 0 NOT NULL;
-- Alerts that come without a group's key are found by their fingerprints.
CREATE INDEX ix_incident_alert_keys ON incident USING gin (jsonb_path_query_array(alerts, '$.keyvalue().key'))
    WHERE starts_with(group_key, 'labels:');

-- Repairs that nobody was asked about: without a playbook, each approval's is its own.
DROP INDEX uq_auto_repair_recorded;
CREATE UNIQUE INDEX uq_auto_repair_recorded ON auto_repair (incident_id, playbook, trigger, step)
    WHERE status = 'recorded' AND playbook <> '';

-- Knowledge ------------------------------------------------------------------------------------------------

ALTER TABLE knowledge_entry
    ADD COLUMN entry_type TEXT DEFAULT 'note' NOT NULL,
    ADD COLUMN category TEXT DEFAULT '' NOT NULL,
    ADD COLUMN source TEXT DEFAULT 'person' NOT NULL,
    ADD COLUMN author TEXT DEFAULT '' NOT NULL;
-- What executions left has its category among its tags: mode, outcome, category, "execution".
UPDATE knowledge_entry AS entry
SET entry_type = 'case', source = 'execution', author = approval.requested_by,
    category = CASE WHEN entry.tags[3] IN ('uncategorised', 'execution') THEN '' ELSE coalesce(entry.tags[3], '') END
FROM execution JOIN approval ON approval.id = execution.approval_id
WHERE execution.id = entry.execution_id;
CREATE INDEX ix_knowledge_entry_category_created_at ON knowledge_entry (category, created_at);
CREATE INDEX ix_knowledge_entry_author_created_at ON knowledge_entry (author, created_at);

-- Metrics --------------------------------------------------------------------------------------------------

CREATE TABLE resolution_total (
    result varchar(32) NOT NULL,
    total BIGINT DEFAULT 0 NOT NULL,
    last_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_resolution_total PRIMARY KEY (result),
    CONSTRAINT ck_resolution_total_result_known CHECK (result IN ('hit', 'suggestion', 'miss', 'error'))
);
