-- Who gets in. No row holds what is shown to get in; the MACs' key is not in the database.
CREATE TABLE access_token (
    id UUID NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT DEFAULT '' NOT NULL,
    roles TEXT[] DEFAULT '{}'::text[] NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by TEXT,
    CONSTRAINT pk_access_token PRIMARY KEY (id),
    CONSTRAINT ck_access_token_hash_form CHECK (hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_access_token_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_access_token_kind_known CHECK (kind IN ('person', 'machine')),
    CONSTRAINT ck_access_token_label_length CHECK (char_length(label) <= 200),
    CONSTRAINT ck_access_token_expires_later CHECK (expires_at > created_at),
    CONSTRAINT ck_access_token_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX ix_access_token_subject_created_at ON access_token (subject, created_at);

CREATE TABLE login_code (
    id UUID NOT NULL,
    subject TEXT NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_login_code PRIMARY KEY (id),
    CONSTRAINT ck_login_code_hash_form CHECK (hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_login_code_mac_form CHECK (mac ~ '^[0-9a-f]{64}$')
);

CREATE TABLE web_session (
    id UUID NOT NULL,
    subject TEXT NOT NULL,
    groups TEXT[] DEFAULT '{}'::text[] NOT NULL,
    method TEXT NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_web_session PRIMARY KEY (id),
    CONSTRAINT ck_web_session_hash_form CHECK (hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_web_session_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_web_session_method_known CHECK (method IN ('code', 'oidc', 'passkey'))
);
CREATE INDEX ix_web_session_subject_created_at ON web_session (subject, created_at);

-- A token that was revoked, a code that was used, a session that has ended stays so.
CREATE FUNCTION access_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before timestamptz := (to_jsonb(OLD) ->> TG_ARGV[0])::timestamptz;
BEGIN
    IF before IS NOT NULL AND (to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz IS DISTINCT FROM before THEN
        RAISE EXCEPTION '% has ended and is not given back', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER access_token_ends_once BEFORE UPDATE ON access_token
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('revoked_at');
CREATE TRIGGER login_code_ends_once BEFORE UPDATE ON login_code
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('used_at');
CREATE TRIGGER web_session_ends_once BEFORE UPDATE ON web_session
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('ended_at');

-- What a request with an idempotency key was answered, written by the transaction that did what it asked.
CREATE TABLE answered_request (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    asked TEXT NOT NULL,
    status INTEGER NOT NULL,
    body JSONB,
    headers JSONB NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_answered_request PRIMARY KEY (subject, key),
    CONSTRAINT ck_answered_request_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    CONSTRAINT ck_answered_request_asked_form CHECK (asked ~ '^[0-9a-f]{64}$')
);
CREATE INDEX ix_answered_request_at ON answered_request (at);

-- An incident that was found after filing is nobody's signature's: who linked it stands beside it.
ALTER TABLE approval ADD COLUMN incident_linked_by text;
ALTER TABLE approval ADD CONSTRAINT ck_approval_linked_has_incident
    CHECK (incident_linked_by IS NULL OR incident_id IS NOT NULL);

-- Pages and whoever waits hear at once that something about an approval has changed.
CREATE FUNCTION tell_of_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about text := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    IF about IS NOT NULL THEN
        PERFORM pg_notify('countersign_changed', about);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER approval_tells_of_change AFTER INSERT OR UPDATE OF status, waiting_until, incident_id ON approval
    FOR EACH ROW EXECUTE FUNCTION tell_of_change('id');
CREATE TRIGGER timeline_event_tells_of_change AFTER INSERT ON timeline_event
    FOR EACH ROW EXECUTE FUNCTION tell_of_change('approval_id');
