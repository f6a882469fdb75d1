-- Who is told of what happens. No row holds a secret; the MACs' key is not in the database.
CREATE TABLE webhook (
    id UUID NOT NULL,
    url TEXT NOT NULL,
    events TEXT[] DEFAULT '{}'::text[] NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    rotated_at timestamptz,
    created_by TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    enabled BOOLEAN DEFAULT true NOT NULL,
    position BIGINT NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_try_at timestamptz,
    ended_at timestamptz,
    ended_by TEXT,
    mac TEXT NOT NULL,
    CONSTRAINT pk_webhook PRIMARY KEY (id),
    CONSTRAINT ck_webhook_url_length CHECK (char_length(url) <= 2000),
    CONSTRAINT ck_webhook_events_some CHECK (cardinality(events) > 0),
    CONSTRAINT ck_webhook_version_positive CHECK (version >= 1),
    CONSTRAINT ck_webhook_position_not_negative CHECK (position >= 0),
    CONSTRAINT ck_webhook_attempts_not_negative CHECK (attempts >= 0),
    CONSTRAINT ck_webhook_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_webhook_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

-- Every attempt to tell one of something.
CREATE TABLE webhook_delivery (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    webhook_id UUID NOT NULL,
    leaf BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    result VARCHAR(32) NOT NULL,
    http_status INTEGER,
    error TEXT DEFAULT '' NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_webhook_delivery PRIMARY KEY (seq),
    CONSTRAINT fk_webhook_delivery_webhook_id FOREIGN KEY (webhook_id) REFERENCES webhook (id),
    CONSTRAINT ck_webhook_delivery_result_known CHECK (result IN ('sent', 'failed', 'dead')),
    CONSTRAINT ck_webhook_delivery_error_length CHECK (char_length(error) <= 500),
    CONSTRAINT ck_webhook_delivery_attempt_positive CHECK (attempt >= 1)
);
CREATE INDEX ix_webhook_delivery_webhook_id_seq ON webhook_delivery (webhook_id, seq);

-- Whose signed requests are taken as whose.
CREATE TABLE webhook_source (
    id UUID NOT NULL,
    subject TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by TEXT,
    mac TEXT NOT NULL,
    CONSTRAINT pk_webhook_source PRIMARY KEY (id),
    CONSTRAINT ck_webhook_source_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_webhook_source_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

-- One that was removed stays so.
CREATE TRIGGER webhook_ends_once BEFORE UPDATE ON webhook
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('ended_at');
CREATE TRIGGER webhook_source_ends_once BEFORE UPDATE ON webhook_source
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('ended_at');
CREATE TRIGGER webhook_delivery_append_only BEFORE UPDATE OR DELETE ON webhook_delivery
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER webhook_delivery_no_truncate BEFORE TRUNCATE ON webhook_delivery
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
