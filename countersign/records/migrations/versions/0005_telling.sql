-- Messages: what each channel was told about an execution -----------------------------------------------------

CREATE TABLE delivery (
    id UUID NOT NULL,
    execution_id UUID NOT NULL,
    channel TEXT NOT NULL,
    status varchar(32) DEFAULT 'pending' NOT NULL,
    fence BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    not_before timestamptz,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    tried_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    sent_at timestamptz,
    CONSTRAINT pk_delivery PRIMARY KEY (id),
    CONSTRAINT fk_delivery_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id),
    CONSTRAINT ck_delivery_status_known CHECK (status IN ('pending', 'sent', 'failed')),
    CONSTRAINT ck_delivery_error_length CHECK (char_length(error) <= 2000),
    CONSTRAINT ck_delivery_attempts_positive CHECK (attempts >= 1),
    CONSTRAINT ck_delivery_sent_has_time CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT ck_delivery_failed_has_error CHECK (status <> 'failed' OR error IS NOT NULL)
);
CREATE UNIQUE INDEX uq_delivery_execution_id_channel ON delivery (execution_id, channel);
