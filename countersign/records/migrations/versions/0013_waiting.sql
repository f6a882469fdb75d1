-- How an approval is started, and what becomes of it when something passing stands in the way: chosen and signed.
ALTER TABLE approval ADD COLUMN start varchar(32) DEFAULT 'when_approved' NOT NULL;
ALTER TABLE approval ADD CONSTRAINT ck_approval_start_known CHECK (start IN ('when_approved', 'by_hand'));
ALTER TABLE approval ADD COLUMN when_blocked varchar(32) DEFAULT 'end' NOT NULL;
ALTER TABLE approval ADD CONSTRAINT ck_approval_when_blocked_known CHECK (when_blocked IN ('end', 'wait'));

-- What it waits for after a run that could not begin, and until when nobody tries again.
ALTER TABLE approval ADD COLUMN tries integer DEFAULT 0 NOT NULL;
ALTER TABLE approval ADD CONSTRAINT ck_approval_tries_positive CHECK (tries >= 0);
ALTER TABLE approval ADD COLUMN waiting_until timestamptz;
ALTER TABLE approval ADD COLUMN waiting_reason text;
ALTER TABLE approval ADD CONSTRAINT ck_approval_waiting_has_reason
    CHECK ((waiting_until IS NULL) = (waiting_reason IS NULL));

-- An execution that was put off ended before anything was sent, so another one may follow it.
ALTER TABLE execution DROP CONSTRAINT ck_execution_outcome_known;
ALTER TABLE execution ADD CONSTRAINT ck_execution_outcome_known CHECK (outcome IN (
    'success', 'failed', 'parse_failure', 'no_action', 'investigated', 'blocked', 'unknown', 'dry_run', 'cancelled',
    'postponed'
));
ALTER TABLE execution ADD CONSTRAINT ck_execution_postponed_is_approved
    CHECK (outcome IS DISTINCT FROM 'postponed' OR (NOT dry_run AND rolls_back IS NULL));
DROP INDEX uq_execution_effective;
CREATE UNIQUE INDEX uq_execution_effective ON execution (approval_id)
    WHERE NOT dry_run AND rolls_back IS NULL AND outcome IS DISTINCT FROM 'postponed';

-- Nothing of it may have been sent: every intent says that it was kept back.
CREATE FUNCTION postponed_sent_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FILTER (WHERE kind = 'intent') > count(*) FILTER (WHERE answer = 'not_sent')
        FROM journal_entry WHERE execution_id = NEW.id) THEN
        RAISE EXCEPTION 'execution % may have sent something and cannot be postponed', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER postponed_sent_nothing BEFORE UPDATE OF outcome ON execution
    FOR EACH ROW WHEN (NEW.outcome = 'postponed') EXECUTE FUNCTION postponed_sent_nothing();

-- The ways an approval can go. executing -> approved gives the claim back: its last execution was postponed. failed or
-- cancelled -> executed is the finding that its action had its effect after all, cancelled -> failed that it had a
-- part of it.
CREATE OR REPLACE FUNCTION approval_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = OLD.status OR (OLD.status, NEW.status) IN (
        ('pending', 'approved'), ('pending', 'rejected'), ('pending', 'expired'), ('pending', 'cancelled'),
        ('approved', 'rejected'), ('approved', 'expired'), ('approved', 'cancelled'), ('approved', 'executing'),
        ('executing', 'executed'), ('executing', 'failed'), ('executing', 'cancelled'), ('failed', 'executed'),
        ('cancelled', 'executed'), ('cancelled', 'failed')
    ) THEN
        RETURN NEW;
    END IF;
    IF (OLD.status, NEW.status) = ('executing', 'approved') AND NOT EXISTS (
        SELECT FROM execution WHERE approval_id = NEW.id AND NOT dry_run AND rolls_back IS NULL
           AND outcome IS DISTINCT FROM 'postponed'
    ) AND EXISTS (SELECT FROM execution WHERE approval_id = NEW.id AND outcome = 'postponed') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'approval % cannot go from % to %', OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Who starts runs hears at once that there is one to start.
CREATE FUNCTION tell_of_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('countersign_approved', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_of_approved AFTER UPDATE OF status ON approval
    FOR EACH ROW WHEN (NEW.status = 'approved' AND NEW.start = 'when_approved') EXECUTE FUNCTION tell_of_approved();

-- The end of an id is its random part, and what people read out.
CREATE INDEX ix_approval_end_of_id ON approval (right(id::text, 8));
