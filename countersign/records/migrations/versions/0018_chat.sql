-- What is shown where. No row holds what a button carries; the MACs' key is not in the database.
CREATE TABLE chat_message (
    id UUID NOT NULL,
    purpose VARCHAR(32) NOT NULL,
    approval_id UUID NOT NULL,
    service VARCHAR(32) NOT NULL,
    workspace TEXT DEFAULT '' NOT NULL,
    chat TEXT NOT NULL,
    language TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    account TEXT,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    message TEXT,
    mark TEXT DEFAULT '' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_try_at timestamptz,
    error TEXT DEFAULT '' NOT NULL,
    closed_at timestamptz,
    mac TEXT NOT NULL,
    CONSTRAINT pk_chat_message PRIMARY KEY (id),
    CONSTRAINT fk_chat_message_approval_id FOREIGN KEY (approval_id) REFERENCES approval (id),
    CONSTRAINT ck_chat_message_purpose_known CHECK (purpose IN ('approval', 'reason')),
    CONSTRAINT ck_chat_message_service_known CHECK (service IN ('slack', 'discord', 'telegram')),
    CONSTRAINT ck_chat_message_error_length CHECK (char_length(error) <= 500),
    CONSTRAINT ck_chat_message_content_hash_form CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_chat_message_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_chat_message_reason_has_account CHECK ((purpose = 'reason') = (account IS NOT NULL)),
    CONSTRAINT ck_chat_message_attempts_not_negative CHECK (attempts >= 0),
    CONSTRAINT ck_chat_message_expires_later CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX uq_chat_message_approval ON chat_message (approval_id, service, chat) WHERE purpose = 'approval';
CREATE INDEX ix_chat_message_open ON chat_message (next_try_at) WHERE closed_at IS NULL;
CREATE INDEX ix_chat_message_place ON chat_message (service, chat, message) WHERE purpose = 'reason';

-- A click is taken once, however often its service tells it.
CREATE TABLE chat_click (
    service VARCHAR(32) NOT NULL,
    click_id TEXT NOT NULL,
    message_id UUID NOT NULL,
    workspace TEXT DEFAULT '' NOT NULL,
    account TEXT NOT NULL,
    choice VARCHAR(32) NOT NULL,
    comment TEXT DEFAULT '' NOT NULL,
    received_at timestamptz NOT NULL,
    mac TEXT NOT NULL,
    settled_at timestamptz,
    result VARCHAR(32),
    said TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_chat_click PRIMARY KEY (service, click_id),
    CONSTRAINT fk_chat_click_message_id FOREIGN KEY (message_id) REFERENCES chat_message (id),
    CONSTRAINT ck_chat_click_service_known CHECK (service IN ('slack', 'discord', 'telegram')),
    CONSTRAINT ck_chat_click_choice_known CHECK (choice IN ('approve', 'reject', 'ask')),
    CONSTRAINT ck_chat_click_result_known CHECK (result IN ('recorded', 'refused', 'asked')),
    CONSTRAINT ck_chat_click_click_id_length CHECK (char_length(click_id) <= 200),
    CONSTRAINT ck_chat_click_comment_length CHECK (char_length(comment) <= 4000),
    CONSTRAINT ck_chat_click_said_length CHECK (char_length(said) <= 500),
    CONSTRAINT ck_chat_click_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_chat_click_settled_with_result CHECK ((settled_at IS NULL) = (result IS NULL))
);
CREATE INDEX ix_chat_click_unsettled ON chat_click (received_at) WHERE settled_at IS NULL;
CREATE INDEX ix_chat_click_message_id ON chat_click (message_id);

-- What was closed, and what was settled, stays so.
CREATE TRIGGER chat_message_ends_once BEFORE UPDATE ON chat_message
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('closed_at');
CREATE TRIGGER chat_click_ends_once BEFORE UPDATE ON chat_click
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('settled_at');
