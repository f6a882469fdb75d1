-- Trust: what was observed, one row per execution and subject ----------------------------------------------

CREATE TABLE trust_observation (
    execution_id UUID NOT NULL,
    subject TEXT NOT NULL,
    effect double precision NOT NULL,
    weight double precision NOT NULL,
    basis TEXT NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_trust_observation PRIMARY KEY (execution_id, subject),
    CONSTRAINT fk_trust_observation_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id),
    CONSTRAINT ck_trust_observation_effect_range CHECK (effect BETWEEN 0 AND 1),
    CONSTRAINT ck_trust_observation_weight_range CHECK (weight > 0 AND weight <= 10)
);
CREATE INDEX ix_trust_observation_subject_at ON trust_observation (subject, at);

-- Playbooks ------------------------------------------------------------------------------------------------

ALTER TABLE playbook
    DROP CONSTRAINT ck_playbook_trust_positive,
    DROP CONSTRAINT ck_playbook_statistics_not_negative,
    DROP COLUMN trust_alpha,
    DROP COLUMN trust_beta,
    DROP COLUMN successes,
    DROP COLUMN failures,
    ADD COLUMN name TEXT NOT NULL,
    ADD COLUMN alert TEXT DEFAULT '' NOT NULL,
    ADD COLUMN version INTEGER DEFAULT 1 NOT NULL,
    ADD COLUMN people_only_since timestamptz,
    ADD COLUMN people_only_reason TEXT,
    ADD COLUMN restored_at timestamptz,
    ADD CONSTRAINT ck_playbook_name_form CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,118}[a-z0-9])?$'),
    ADD CONSTRAINT ck_playbook_version_positive CHECK (version >= 1),
    ADD CONSTRAINT ck_playbook_people_only_has_reason CHECK (
        (people_only_since IS NULL) = (people_only_reason IS NULL)
    );
CREATE UNIQUE INDEX uq_playbook_name ON playbook (name);

CREATE TABLE playbook_version (
    playbook_id UUID NOT NULL,
    version INTEGER NOT NULL,
    alert TEXT DEFAULT '' NOT NULL,
    symptom JSONB DEFAULT '{}'::jsonb NOT NULL,
    symptom_hash TEXT NOT NULL,
    steps JSONB DEFAULT '{}'::jsonb NOT NULL,
    steps_hash TEXT NOT NULL,
    origin varchar(32) NOT NULL,
    execution_id UUID,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_playbook_version PRIMARY KEY (playbook_id, version),
    CONSTRAINT fk_playbook_version_playbook_id FOREIGN KEY(playbook_id) REFERENCES playbook (id),
    CONSTRAINT fk_playbook_version_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id),
    CONSTRAINT ck_playbook_version_origin_known CHECK (origin IN ('extracted', 'merged', 'imported')),
    CONSTRAINT ck_playbook_version_version_positive CHECK (version >= 1)
);
CREATE UNIQUE INDEX uq_playbook_version_symptom_steps ON playbook_version (symptom_hash, steps_hash);
CREATE INDEX ix_playbook_version_steps_hash ON playbook_version (steps_hash);
CREATE INDEX ix_playbook_version_alert ON playbook_version (alert);

CREATE TABLE playbook_change (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    playbook_id UUID NOT NULL,
    what varchar(32) NOT NULL,
    by TEXT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_playbook_change PRIMARY KEY (seq),
    CONSTRAINT fk_playbook_change_playbook_id FOREIGN KEY(playbook_id) REFERENCES playbook (id),
    CONSTRAINT ck_playbook_change_what_known CHECK (what IN (
        'created', 'version_added', 'imported', 'approved', 'promoted', 'demoted', 'restored', 'deprecated'
    ))
);
CREATE INDEX ix_playbook_change_playbook_id_seq ON playbook_change (playbook_id, seq);

-- What a version says, and who changed what, stays as it was written.
CREATE TRIGGER playbook_version_append_only BEFORE UPDATE OR DELETE ON playbook_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER playbook_version_no_truncate BEFORE TRUNCATE ON playbook_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER playbook_change_append_only BEFORE UPDATE OR DELETE ON playbook_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER playbook_change_no_truncate BEFORE TRUNCATE ON playbook_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER playbook_kept BEFORE DELETE ON playbook FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- An observation is replaced only by one that says more: the heavier, or of two equally heavy ones the less
-- favourable. So the order in which they arrive does not matter.
CREATE FUNCTION trust_observation_gains() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.execution_id, NEW.subject) IS DISTINCT FROM (OLD.execution_id, OLD.subject)
       OR (NEW.weight, -NEW.effect) < (OLD.weight, -OLD.effect) THEN
        RAISE EXCEPTION 'observation of execution % can only be replaced by a heavier one', OLD.execution_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trust_observation_gains BEFORE UPDATE ON trust_observation
    FOR EACH ROW EXECUTE FUNCTION trust_observation_gains();
CREATE TRIGGER trust_observation_kept BEFORE DELETE ON trust_observation
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
