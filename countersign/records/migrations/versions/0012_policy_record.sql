-- The policy's versions. Each names the one before it by number and hash, so that the numbers have no gap and the
-- chain no fork. The version in force is the activated one with the highest number, so there is one at most.
CREATE TABLE policy_version (
    number INTEGER NOT NULL,
    document TEXT NOT NULL,
    hash TEXT NOT NULL,
    previous INTEGER GENERATED ALWAYS AS (NULLIF(number - 1, 0)) STORED,
    previous_hash TEXT,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    proposed_at timestamptz NOT NULL,
    activated_at timestamptz,
    activated_by TEXT,
    CONSTRAINT pk_policy_version PRIMARY KEY (number),
    CONSTRAINT uq_policy_version_number_hash UNIQUE (number, hash),
    CONSTRAINT fk_policy_version_previous FOREIGN KEY (previous, previous_hash) REFERENCES policy_version (number, hash),
    CONSTRAINT ck_policy_version_number_positive CHECK (number >= 1),
    CONSTRAINT ck_policy_version_first_has_no_previous CHECK ((number = 1) = (previous_hash IS NULL)),
    CONSTRAINT ck_policy_version_hash_form CHECK (hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_policy_version_document_length CHECK (char_length(document) BETWEEN 1 AND 200000),
    CONSTRAINT ck_policy_version_author_length CHECK (char_length(author) BETWEEN 1 AND 200),
    CONSTRAINT ck_policy_version_reason_length CHECK (char_length(reason) BETWEEN 1 AND 2000),
    CONSTRAINT ck_policy_version_activated_by_somebody CHECK ((activated_at IS NULL) = (activated_by IS NULL))
);

CREATE TABLE policy_signature (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    administrator TEXT NOT NULL,
    key_id TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_policy_signature PRIMARY KEY (seq),
    CONSTRAINT uq_policy_signature_number_key_id UNIQUE (number, key_id),
    CONSTRAINT fk_policy_signature_version FOREIGN KEY (number, hash) REFERENCES policy_version (number, hash)
);

CREATE TRIGGER policy_signature_append_only BEFORE UPDATE OR DELETE ON policy_signature
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_signature_no_truncate BEFORE TRUNCATE ON policy_signature
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_version_kept BEFORE DELETE ON policy_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_version_no_truncate BEFORE TRUNCATE ON policy_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A version is activated once, and only while no later one is: what is wanted back is proposed anew. (`previous` is
-- generated, and not there yet before an update.)
CREATE FUNCTION policy_version_activates_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.activated_at IS NOT NULL
       OR to_jsonb(NEW) - '{activated_at,activated_by,previous}'::text[]
          IS DISTINCT FROM to_jsonb(OLD) - '{activated_at,activated_by,previous}'::text[]
       OR EXISTS (SELECT FROM policy_version WHERE number > OLD.number AND activated_at IS NOT NULL) THEN
        RAISE EXCEPTION 'version % of the policy cannot be changed, and is activated once, before any later one', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER policy_version_activates_once BEFORE UPDATE ON policy_version
    FOR EACH ROW EXECUTE FUNCTION policy_version_activates_once();

-- By which policy an execution was decided. No number: the policy was a mounted file.
ALTER TABLE execution ADD COLUMN policy_number INTEGER;
ALTER TABLE execution ADD COLUMN policy_hash TEXT;
ALTER TABLE execution ADD CONSTRAINT ck_execution_policy_has_hash CHECK (policy_number IS NULL OR policy_hash IS NOT NULL);
ALTER TABLE execution ADD CONSTRAINT fk_execution_policy
    FOREIGN KEY (policy_number, policy_hash) REFERENCES policy_version (number, hash);
