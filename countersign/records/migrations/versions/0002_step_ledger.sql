-- What has to happen after an execution ------------------------------------------------------------------

ALTER TABLE execution ADD COLUMN rolls_back UUID;
ALTER TABLE execution ADD CONSTRAINT fk_execution_rolls_back FOREIGN KEY(rolls_back) REFERENCES execution (id);
DROP INDEX uq_execution_effective;
CREATE UNIQUE INDEX uq_execution_effective ON execution (approval_id) WHERE NOT dry_run AND rolls_back IS NULL;
CREATE UNIQUE INDEX uq_execution_rolls_back ON execution (rolls_back) WHERE rolls_back IS NOT NULL;

ALTER TABLE ledger_step
    ALTER COLUMN name TYPE varchar(32),
    ADD COLUMN after TEXT[] DEFAULT '{}'::text[] NOT NULL,
    ADD COLUMN runner TEXT,
    ADD COLUMN started_at timestamptz,
    ADD CONSTRAINT ck_ledger_step_name_known CHECK (name IN (
        'notify', 'reply_on_card', 'verify', 'learn', 'roll_back', 'deposit_knowledge', 'extract_playbook',
        'record_disposition', 'resolve_incident', 'close_log'
    )),
    ADD CONSTRAINT ck_ledger_step_ended_has_time CHECK (
        (status IN ('done', 'skipped', 'dead')) = (ended_at IS NOT NULL)
    );

ALTER TABLE dead_letter
    ALTER COLUMN name TYPE varchar(32),
    ADD COLUMN payload JSONB DEFAULT '{}'::jsonb NOT NULL;

DROP INDEX ix_evidence_snapshot_execution_id_taken_at;
CREATE UNIQUE INDEX uq_evidence_snapshot_execution_id_phase ON evidence_snapshot (execution_id, phase);

-- A step's fence never falls. Done and skipped are final; a dead step can only be tried again.
CREATE FUNCTION ledger_step_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.execution_id, NEW.name) IS DISTINCT FROM (OLD.id, OLD.execution_id, OLD.name) THEN
        RAISE EXCEPTION 'ledger step % is about one execution', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'ledger step %: the fence cannot fall from % to %', OLD.id, OLD.fence, NEW.fence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (OLD.status, NEW.status) IN (
        ('pending', 'pending'), ('pending', 'running'), ('running', 'running'), ('running', 'pending'),
        ('running', 'done'), ('running', 'skipped'), ('running', 'dead'), ('dead', 'pending')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'ledger step % cannot go from % to %', OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_step_moves_on BEFORE UPDATE ON ledger_step
    FOR EACH ROW EXECUTE FUNCTION ledger_step_moves_on();
CREATE TRIGGER ledger_step_kept BEFORE DELETE ON ledger_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_step_no_truncate BEFORE TRUNCATE ON ledger_step
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
