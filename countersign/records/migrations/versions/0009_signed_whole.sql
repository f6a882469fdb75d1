-- Nothing is started before this time.
ALTER TABLE approval ADD COLUMN not_before timestamptz;
ALTER TABLE approval ADD CONSTRAINT ck_approval_starts_before_it_expires CHECK (not_before < expires_at);

-- The form that was signed: the first one bound less of the request, so what stands under it is signed again.
ALTER TABLE signature ADD COLUMN form smallint NOT NULL DEFAULT 1;
ALTER TABLE signature ALTER COLUMN form DROP DEFAULT;
DROP INDEX uq_signature_approval_id_signer;
CREATE UNIQUE INDEX uq_signature_approval_id_signer ON signature (approval_id, lower(signer), form);

-- Nobody has begun these: they wait for signatures again, and say so.
ALTER TABLE approval DISABLE TRIGGER approval_moves_on;
WITH again AS (
    UPDATE approval SET status = 'pending', updated_at = clock_timestamp() WHERE status = 'approved'
    RETURNING id, incident_id
)
INSERT INTO timeline_event (approval_id, incident_id, type, status, title, description, actor, actor_role, at)
SELECT id, incident_id, 'sign_again', 'warning', 'Sign again',
       'Its signatures did not bind all of the request, as they do now: it has to be signed again.',
       'countersign', 'system', clock_timestamp()
FROM again;
ALTER TABLE approval ENABLE TRIGGER approval_moves_on;

-- Seals of plan and journal, with a key that is not in the database. What has none is not believed.
ALTER TABLE execution ADD COLUMN plan_mac text;
ALTER TABLE journal_entry ADD COLUMN mac text;
