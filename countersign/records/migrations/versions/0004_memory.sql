-- Incidents ------------------------------------------------------------------------------------------------

ALTER TABLE incident
    ADD COLUMN group_key TEXT,
    ADD COLUMN alerts JSONB DEFAULT '{}'::jsonb NOT NULL,
    ADD COLUMN closing_note TEXT,
    ADD COLUMN version BIGINT DEFAULT 1 NOT NULL,
    ADD COLUMN reopened_at timestamptz,
    ADD CONSTRAINT ck_incident_version_positive CHECK (version >= 1);
CREATE INDEX ix_incident_group_key_created_at ON incident (group_key, created_at);
CREATE UNIQUE INDEX uq_incident_unresolved_group_key ON incident (group_key)
    WHERE status IN ('open', 'investigating', 'mitigating');

-- Every change has a version of its own, by which copies elsewhere are judged. Closed is final.
CREATE FUNCTION incident_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'incident % keeps its name', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.status = 'closed' AND NEW.status <> 'closed' THEN
        RAISE EXCEPTION 'incident % is closed', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER incident_moves_on BEFORE UPDATE ON incident FOR EACH ROW EXECUTE FUNCTION incident_moves_on();

-- Anomalies: who let executions happen, and repairs that nobody was asked about ------------------------------

CREATE TABLE disposition (
    execution_id UUID NOT NULL,
    anomaly_key TEXT NOT NULL,
    kind varchar(32) NOT NULL,
    outcome varchar(32) NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_disposition PRIMARY KEY (execution_id),
    CONSTRAINT fk_disposition_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id),
    CONSTRAINT ck_disposition_kind_known CHECK (kind IN ('human_approved', 'auto_approved')),
    CONSTRAINT ck_disposition_outcome_known CHECK (outcome IN (
        'success', 'failed', 'parse_failure', 'no_action', 'investigated', 'blocked', 'unknown', 'dry_run', 'cancelled'
    ))
);
CREATE INDEX ix_disposition_anomaly_key_kind_outcome ON disposition (anomaly_key, kind, outcome);

CREATE TABLE auto_repair (
    execution_id UUID NOT NULL,
    incident_id TEXT,
    playbook TEXT DEFAULT '' NOT NULL,
    trigger TEXT DEFAULT '' NOT NULL,
    step TEXT DEFAULT '' NOT NULL,
    status varchar(32) DEFAULT 'pending' NOT NULL,
    reason TEXT,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    due_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_auto_repair PRIMARY KEY (execution_id),
    CONSTRAINT fk_auto_repair_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id),
    CONSTRAINT ck_auto_repair_status_known CHECK (status IN ('pending', 'recorded', 'skipped')),
    CONSTRAINT ck_auto_repair_ended_has_time CHECK ((status = 'pending') = (ended_at IS NULL)),
    CONSTRAINT ck_auto_repair_skipped_has_reason CHECK (status <> 'skipped' OR reason IS NOT NULL),
    CONSTRAINT ck_auto_repair_recorded_has_incident CHECK (status <> 'recorded' OR incident_id IS NOT NULL)
);
CREATE UNIQUE INDEX uq_auto_repair_recorded ON auto_repair (incident_id, playbook, trigger, step)
    WHERE status = 'recorded';
CREATE INDEX ix_auto_repair_incident_id ON auto_repair (incident_id);
CREATE INDEX ix_auto_repair_pending_due_at ON auto_repair (due_at) WHERE status = 'pending' AND incident_id IS NOT NULL;

-- Knowledge ------------------------------------------------------------------------------------------------

-- Parts of words, and languages without spaces.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

ALTER TABLE knowledge_entry
    ADD CONSTRAINT ck_knowledge_entry_title_length CHECK (char_length(title) <= 300),
    ADD CONSTRAINT ck_knowledge_entry_body_length CHECK (char_length(body) <= 50000),
    ADD COLUMN search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english'::regconfig, title), 'A'::"char")
        || setweight(to_tsvector('english'::regconfig, body), 'C'::"char")
    ) STORED;
CREATE INDEX ix_knowledge_entry_search ON knowledge_entry USING gin (search);
CREATE INDEX ix_knowledge_entry_title_parts ON knowledge_entry USING gin (title gin_trgm_ops);
CREATE INDEX ix_knowledge_entry_body_parts ON knowledge_entry USING gin (body gin_trgm_ops);
