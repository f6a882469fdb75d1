ALTER TABLE journal_entry DROP CONSTRAINT ck_journal_entry_answer_known;
ALTER TABLE journal_entry ADD CONSTRAINT ck_journal_entry_answer_known
    CHECK (answer IN ('landed', 'not_landed', 'unclear', 'refused', 'retry', 'not_sent'));

-- Until when a request of this execution may still take effect although its outcome says that it did not.
ALTER TABLE execution ADD COLUMN look_again_until timestamptz;
CREATE INDEX ix_execution_look_again_until ON execution (look_again_until) WHERE look_again_until IS NOT NULL;

-- An execution's fence never falls. Its plan may be made anew only while no request can have left. A settled
-- execution stays as it is, but for two findings: an unknown outcome was a success or a failure; and what ended
-- without its whole effect had more of it after all, or perhaps, seen while it was still looked at.
CREATE OR REPLACE FUNCTION execution_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.approval_id, NEW.dry_run, NEW.started_at) IS DISTINCT FROM
       (OLD.id, OLD.approval_id, OLD.dry_run, OLD.started_at) THEN
        RAISE EXCEPTION 'execution % is about one approval', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'execution %: the fence cannot fall from % to %', OLD.id, OLD.fence, NEW.fence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.plan IS NOT NULL AND (NEW.plan, NEW.plan_hash) IS DISTINCT FROM (OLD.plan, OLD.plan_hash) AND (
        NEW.plan IS NULL OR OLD.rolls_back IS NOT NULL OR
        (SELECT count(*) FILTER (WHERE kind = 'intent') > count(*) FILTER (WHERE answer = 'not_sent')
         FROM journal_entry WHERE execution_id = OLD.id)
    ) THEN
        RAISE EXCEPTION 'execution % has its plan', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.settled_at IS NOT NULL
       AND to_jsonb(NEW) - 'look_again_until' IS DISTINCT FROM to_jsonb(OLD) - 'look_again_until'
       AND NOT (NEW.fence = OLD.fence AND NEW.settled_at = OLD.settled_at AND (
           (OLD.outcome = 'unknown' AND NEW.outcome IN ('success', 'failed'))
           OR (OLD.look_again_until IS NOT NULL AND OLD.outcome IN ('failed', 'blocked', 'cancelled')
               AND NEW.outcome IN ('success', 'failed', 'unknown'))
       )) THEN
        RAISE EXCEPTION 'execution % is settled as %', OLD.id, OLD.outcome
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- The ways an approval can go. failed or cancelled -> executed is the finding that its action had its effect after
-- all, cancelled -> failed that it had a part of it. An execution that is tried again stays executing: whoever
-- claims next takes it over.
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
    RAISE EXCEPTION 'approval % cannot go from % to %', OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
