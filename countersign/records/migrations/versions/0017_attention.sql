-- Refused before anything was sent, and made worse: both hold a small part of what has ended.
CREATE INDEX ix_execution_blocked_settled_at ON execution (settled_at)
    WHERE outcome = 'blocked' AND NOT dry_run AND rolls_back IS NULL;
CREATE INDEX ix_evidence_snapshot_worse_taken_at ON evidence_snapshot (taken_at)
    WHERE verdict = 'worse' AND phase = 'after';

-- Pages hear of a step that was begun or has ended.
CREATE FUNCTION tell_of_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('countersign_changed', approval_id::text) FROM execution WHERE id = NEW.execution_id;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_step_tells_of_change AFTER UPDATE OF status ON ledger_step
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION tell_of_step();
