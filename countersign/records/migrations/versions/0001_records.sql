-- The tables as they were made first. Column types and names are those of countersign/records/tables.

CREATE TABLE approval (
    id UUID NOT NULL,
    action TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    risk_level varchar(32) NOT NULL,
    requested_by TEXT NOT NULL,
    required_signatures INTEGER NOT NULL,
    blast_radius JSONB DEFAULT '{}'::jsonb NOT NULL,
    incident_id TEXT,
    matched_playbook_id TEXT,
    expires_at timestamptz,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    target JSONB,
    parameters JSONB,
    idempotency_key TEXT,
    status varchar(32) DEFAULT 'pending' NOT NULL,
    rejection_reason TEXT,
    auto_approved BOOLEAN GENERATED ALWAYS AS (starts_with(lower(requested_by), 'auto_approve')) STORED,
    created_at timestamptz NOT NULL,
    updated_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_approval PRIMARY KEY (id),
    CONSTRAINT ck_approval_status_known CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'executing', 'executed', 'failed')),
    CONSTRAINT ck_approval_risk_level_known CHECK (risk_level IN ('low', 'medium', 'high', 'critical')),
    CONSTRAINT ck_approval_action_length CHECK (char_length(action) <= 20000),
    CONSTRAINT ck_approval_required_signatures_range CHECK (required_signatures BETWEEN 1 AND 20)
);
CREATE INDEX ix_approval_created_at_id ON approval (created_at DESC, id DESC);
CREATE INDEX ix_approval_incident_id ON approval (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX ix_approval_open_expires_at ON approval (expires_at) WHERE status IN ('pending', 'approved') AND expires_at IS NOT NULL;
CREATE INDEX ix_approval_status_created_at_id ON approval (status, created_at DESC, id DESC);
CREATE INDEX ix_approval_waiting_updated_at ON approval (updated_at) WHERE status = 'approved';
CREATE UNIQUE INDEX uq_approval_idempotency_key ON approval (idempotency_key);

CREATE TABLE control (
    name TEXT NOT NULL,
    is_on BOOLEAN NOT NULL,
    changed_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    changed_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_control PRIMARY KEY (name),
    CONSTRAINT ck_control_name_known CHECK (name IN ('kill_switch'))
);

CREATE TABLE control_change (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    is_on BOOLEAN NOT NULL,
    changed_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_control_change PRIMARY KEY (seq)
);

CREATE TABLE incident (
    id TEXT NOT NULL,
    title TEXT DEFAULT '' NOT NULL,
    signals JSONB DEFAULT '{}'::jsonb NOT NULL,
    alert_category TEXT DEFAULT '' NOT NULL,
    affected_services TEXT[] DEFAULT '{}'::text[] NOT NULL,
    status varchar(32) DEFAULT 'open' NOT NULL,
    execution_success BOOLEAN,
    effectiveness_score INTEGER,
    learning_notes TEXT,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    resolved_at timestamptz,
    CONSTRAINT pk_incident PRIMARY KEY (id),
    CONSTRAINT ck_incident_status_known CHECK (status IN ('open', 'investigating', 'mitigating', 'resolved', 'closed')),
    CONSTRAINT ck_incident_effectiveness_score_range CHECK (effectiveness_score BETWEEN 1 AND 5),
    CONSTRAINT ck_incident_resolved_has_time CHECK ((status IN ('resolved', 'closed')) = (resolved_at IS NOT NULL))
);
CREATE INDEX ix_incident_created_at ON incident (created_at);
CREATE INDEX ix_incident_unresolved_updated_at ON incident (updated_at) WHERE status IN ('open', 'investigating', 'mitigating');

CREATE TABLE playbook (
    id UUID NOT NULL,
    title TEXT NOT NULL,
    symptom JSONB DEFAULT '{}'::jsonb NOT NULL,
    symptom_hash TEXT NOT NULL,
    steps JSONB DEFAULT '{}'::jsonb NOT NULL,
    steps_hash TEXT NOT NULL,
    status varchar(32) DEFAULT 'draft' NOT NULL,
    trust_alpha DOUBLE PRECISION NOT NULL,
    trust_beta DOUBLE PRECISION NOT NULL,
    successes INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_playbook PRIMARY KEY (id),
    CONSTRAINT ck_playbook_status_known CHECK (status IN ('draft', 'approved', 'deprecated')),
    CONSTRAINT ck_playbook_trust_positive CHECK (trust_alpha > 0 AND trust_beta > 0),
    CONSTRAINT ck_playbook_statistics_not_negative CHECK (successes >= 0 AND failures >= 0)
);
CREATE INDEX ix_playbook_status_updated_at ON playbook (status, updated_at);
CREATE UNIQUE INDEX uq_playbook_symptom_steps ON playbook (symptom_hash, steps_hash);

CREATE TABLE execution (
    id UUID NOT NULL,
    approval_id UUID NOT NULL,
    dry_run BOOLEAN NOT NULL,
    fence BIGINT NOT NULL,
    worker TEXT NOT NULL,
    flow_run_id TEXT,
    lease_until timestamptz NOT NULL,
    started_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    plan JSONB,
    plan_hash TEXT,
    outcome varchar(32),
    settled_at timestamptz,
    error TEXT,
    stderr TEXT,
    report JSONB,
    CONSTRAINT pk_execution PRIMARY KEY (id),
    CONSTRAINT ck_execution_outcome_known CHECK (outcome IN ('success', 'failed', 'parse_failure', 'no_action', 'investigated', 'blocked', 'unknown', 'dry_run', 'cancelled')),
    CONSTRAINT ck_execution_error_length CHECK (char_length(error) <= 2000),
    CONSTRAINT ck_execution_stderr_length CHECK (char_length(stderr) <= 8000),
    CONSTRAINT ck_execution_fence_positive CHECK (fence >= 1),
    CONSTRAINT ck_execution_settled_has_outcome CHECK ((outcome IS NULL) = (settled_at IS NULL)),
    CONSTRAINT ck_execution_dry_run_outcome CHECK (outcome IS DISTINCT FROM 'dry_run' OR dry_run),
    CONSTRAINT ck_execution_plan_has_hash CHECK ((plan IS NULL) = (plan_hash IS NULL)),
    CONSTRAINT fk_execution_approval_id FOREIGN KEY(approval_id) REFERENCES approval (id)
);
CREATE INDEX ix_execution_approval_id_started_at ON execution (approval_id, started_at);
CREATE INDEX ix_execution_settled_at ON execution (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX ix_execution_unsettled_lease_until ON execution (lease_until) WHERE settled_at IS NULL;
CREATE UNIQUE INDEX uq_execution_effective ON execution (approval_id) WHERE NOT dry_run;

CREATE TABLE signature (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    approval_id UUID NOT NULL,
    signer TEXT NOT NULL,
    decision varchar(32) NOT NULL,
    comment TEXT DEFAULT '' NOT NULL,
    algorithm TEXT NOT NULL,
    key_id TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_signature PRIMARY KEY (seq),
    CONSTRAINT ck_signature_decision_known CHECK (decision IN ('approve', 'reject')),
    CONSTRAINT fk_signature_approval_id FOREIGN KEY(approval_id) REFERENCES approval (id)
);
CREATE UNIQUE INDEX uq_signature_approval_id_signer ON signature (approval_id, lower(signer));

CREATE TABLE timeline_event (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    approval_id UUID,
    incident_id TEXT,
    type TEXT NOT NULL,
    status varchar(32) NOT NULL,
    title TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    actor TEXT NOT NULL,
    actor_role TEXT NOT NULL,
    once_key TEXT,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_timeline_event PRIMARY KEY (seq),
    CONSTRAINT ck_timeline_event_status_known CHECK (status IN ('info', 'success', 'warning', 'error')),
    CONSTRAINT ck_timeline_event_about_something CHECK (approval_id IS NOT NULL OR incident_id IS NOT NULL),
    CONSTRAINT fk_timeline_event_approval_id FOREIGN KEY(approval_id) REFERENCES approval (id)
);
CREATE INDEX ix_timeline_event_approval_id_seq ON timeline_event (approval_id, seq);
CREATE INDEX ix_timeline_event_incident_id_seq ON timeline_event (incident_id, seq);
CREATE UNIQUE INDEX uq_timeline_event_once ON timeline_event (once_key);

CREATE TABLE automation_operation_log (
    id UUID NOT NULL,
    execution_id UUID NOT NULL,
    approval_id UUID NOT NULL,
    incident_id TEXT,
    operation_type TEXT NOT NULL,
    actor TEXT NOT NULL,
    status varchar(32) NOT NULL,
    target TEXT,
    namespace TEXT,
    input JSONB DEFAULT '{}'::jsonb NOT NULL,
    output JSONB DEFAULT '{}'::jsonb NOT NULL,
    error TEXT,
    stderr_feed_back TEXT,
    tags TEXT[] DEFAULT '{}'::text[] NOT NULL,
    attempts INTEGER NOT NULL,
    duration_ms BIGINT,
    opened_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    closed_at timestamptz,
    CONSTRAINT pk_automation_operation_log PRIMARY KEY (id),
    CONSTRAINT ck_automation_operation_log_status_known CHECK (status IN ('pending', 'success', 'failed', 'dry_run', 'rolled_back')),
    CONSTRAINT ck_automation_operation_log_error_length CHECK (char_length(error) <= 2000),
    CONSTRAINT ck_automation_operation_log_stderr_feed_back_length CHECK (char_length(stderr_feed_back) <= 8000),
    CONSTRAINT ck_automation_operation_log_closed_has_time CHECK ((status = 'pending') = (closed_at IS NULL)),
    CONSTRAINT fk_automation_operation_log_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id),
    CONSTRAINT fk_automation_operation_log_approval_id FOREIGN KEY(approval_id) REFERENCES approval (id)
);
CREATE INDEX ix_automation_operation_log_approval_id ON automation_operation_log (approval_id);
CREATE INDEX ix_automation_operation_log_opened_at ON automation_operation_log (opened_at);
CREATE INDEX ix_automation_operation_log_pending ON automation_operation_log (opened_at) WHERE status = 'pending';
CREATE UNIQUE INDEX uq_automation_operation_log_execution_id ON automation_operation_log (execution_id);

CREATE TABLE evidence_snapshot (
    id UUID NOT NULL,
    execution_id UUID NOT NULL,
    incident_id TEXT,
    phase varchar(32) NOT NULL,
    objects JSONB DEFAULT '{}'::jsonb NOT NULL,
    verdict varchar(32),
    verification JSONB,
    taken_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_evidence_snapshot PRIMARY KEY (id),
    CONSTRAINT ck_evidence_snapshot_phase_known CHECK (phase IN ('before', 'after')),
    CONSTRAINT ck_evidence_snapshot_verdict_known CHECK (verdict IN ('effective', 'ineffective', 'worse', 'unverifiable')),
    CONSTRAINT fk_evidence_snapshot_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_evidence_snapshot_execution_id_taken_at ON evidence_snapshot (execution_id, taken_at);
CREATE INDEX ix_evidence_snapshot_incident_id_taken_at ON evidence_snapshot (incident_id, taken_at);

CREATE TABLE host_gateway_audit (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    session_id TEXT NOT NULL,
    incident_id TEXT,
    agent TEXT NOT NULL,
    agent_role TEXT NOT NULL,
    approval_id UUID,
    execution_id UUID,
    project TEXT NOT NULL,
    host TEXT NOT NULL,
    tool TEXT NOT NULL,
    parameters JSONB DEFAULT '{}'::jsonb NOT NULL,
    purpose TEXT NOT NULL,
    decision TEXT NOT NULL,
    argv JSONB,
    allowed BOOLEAN NOT NULL,
    gate INTEGER,
    gate_code TEXT,
    exit_code INTEGER,
    duration_ms BIGINT,
    error TEXT,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_host_gateway_audit PRIMARY KEY (seq),
    CONSTRAINT ck_host_gateway_audit_refused_at_gate CHECK (allowed = (gate IS NULL)),
    CONSTRAINT ck_host_gateway_audit_gate_known CHECK (gate BETWEEN 1 AND 5),
    CONSTRAINT ck_host_gateway_audit_error_length CHECK (char_length(error) <= 2000),
    CONSTRAINT fk_host_gateway_audit_approval_id FOREIGN KEY(approval_id) REFERENCES approval (id),
    CONSTRAINT fk_host_gateway_audit_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_host_gateway_audit_approval_id ON host_gateway_audit (approval_id);
CREATE INDEX ix_host_gateway_audit_at ON host_gateway_audit (at);

CREATE TABLE journal_entry (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    execution_id UUID NOT NULL,
    fence BIGINT NOT NULL,
    kind varchar(32) NOT NULL,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    answer varchar(32),
    payload JSONB DEFAULT '{}'::jsonb NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_journal_entry PRIMARY KEY (seq),
    CONSTRAINT ck_journal_entry_kind_known CHECK (kind IN ('intent', 'answer')),
    CONSTRAINT ck_journal_entry_answer_known CHECK (answer IN ('landed', 'not_landed', 'unclear', 'refused', 'retry')),
    CONSTRAINT ck_journal_entry_answer_given CHECK ((kind = 'answer') = (answer IS NOT NULL)),
    CONSTRAINT ck_journal_entry_attempt_positive CHECK (attempt >= 1),
    CONSTRAINT fk_journal_entry_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_journal_entry_execution_id_seq ON journal_entry (execution_id, seq);

CREATE TABLE knowledge_entry (
    id UUID NOT NULL,
    execution_id UUID,
    incident_id TEXT,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    tags TEXT[] DEFAULT '{}'::text[] NOT NULL,
    path_type TEXT NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_knowledge_entry PRIMARY KEY (id),
    CONSTRAINT fk_knowledge_entry_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_knowledge_entry_created_at ON knowledge_entry (created_at);
CREATE INDEX ix_knowledge_entry_incident_id ON knowledge_entry (incident_id);
CREATE UNIQUE INDEX uq_knowledge_entry_execution_id ON knowledge_entry (execution_id);

CREATE TABLE ledger_step (
    id UUID NOT NULL,
    execution_id UUID NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    status varchar(32) DEFAULT 'pending' NOT NULL,
    reason TEXT,
    fence BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    due_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    result JSONB,
    error TEXT,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_ledger_step PRIMARY KEY (id),
    CONSTRAINT ck_ledger_step_status_known CHECK (status IN ('pending', 'running', 'done', 'skipped', 'dead')),
    CONSTRAINT ck_ledger_step_error_length CHECK (char_length(error) <= 2000),
    CONSTRAINT ck_ledger_step_attempts_range CHECK (attempts >= 0 AND max_attempts >= 1),
    CONSTRAINT ck_ledger_step_skipped_has_reason CHECK (status <> 'skipped' OR reason IS NOT NULL),
    CONSTRAINT fk_ledger_step_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_ledger_step_open_due_at ON ledger_step (due_at) WHERE status IN ('pending', 'running');
CREATE UNIQUE INDEX uq_ledger_step_execution_id_name ON ledger_step (execution_id, name);

CREATE TABLE target_hold (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    execution_id UUID NOT NULL,
    target_key TEXT NOT NULL,
    acquired_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    released_at timestamptz,
    CONSTRAINT pk_target_hold PRIMARY KEY (seq),
    CONSTRAINT fk_target_hold_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_target_hold_active_execution_id ON target_hold (execution_id) WHERE released_at IS NULL;
CREATE INDEX ix_target_hold_target_key_acquired_at ON target_hold (target_key, acquired_at);
CREATE UNIQUE INDEX uq_target_hold_active ON target_hold (target_key) WHERE released_at IS NULL;

CREATE TABLE dead_letter (
    id UUID NOT NULL,
    step_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    name TEXT NOT NULL,
    error TEXT NOT NULL,
    replays INTEGER NOT NULL,
    next_replay_at timestamptz,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    resolved_at timestamptz,
    CONSTRAINT pk_dead_letter PRIMARY KEY (id),
    CONSTRAINT ck_dead_letter_error_length CHECK (char_length(error) <= 2000),
    CONSTRAINT ck_dead_letter_replays_not_negative CHECK (replays >= 0),
    CONSTRAINT fk_dead_letter_step_id FOREIGN KEY(step_id) REFERENCES ledger_step (id),
    CONSTRAINT fk_dead_letter_execution_id FOREIGN KEY(execution_id) REFERENCES execution (id)
);
CREATE INDEX ix_dead_letter_open_next_at ON dead_letter (next_replay_at) WHERE resolved_at IS NULL;
CREATE UNIQUE INDEX uq_dead_letter_step_id ON dead_letter (step_id);

-- What rows may become ---------------------------------------------------------------------------------

-- Append-only: the journal, the timeline, signatures and audits say what happened; nobody edits that.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE ON journal_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_entry_no_truncate BEFORE TRUNCATE ON journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER timeline_event_append_only BEFORE UPDATE OR DELETE ON timeline_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER timeline_event_no_truncate BEFORE TRUNCATE ON timeline_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signature_append_only BEFORE UPDATE OR DELETE ON signature
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER signature_no_truncate BEFORE TRUNCATE ON signature
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER control_change_append_only BEFORE UPDATE OR DELETE ON control_change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER control_change_no_truncate BEFORE TRUNCATE ON control_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER host_gateway_audit_append_only BEFORE UPDATE OR DELETE ON host_gateway_audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER host_gateway_audit_no_truncate BEFORE TRUNCATE ON host_gateway_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Executions and the log keep their rows; the switch must exist, since its absence would read as "off".
CREATE TRIGGER execution_kept BEFORE DELETE ON execution FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER execution_no_truncate BEFORE TRUNCATE ON execution
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_kept BEFORE DELETE ON approval FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operation_log_kept BEFORE DELETE ON automation_operation_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operation_log_no_truncate BEFORE TRUNCATE ON automation_operation_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER control_kept BEFORE DELETE ON control FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER control_no_truncate BEFORE TRUNCATE ON control FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- An operation log row is closed once.
CREATE FUNCTION operation_log_closes_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'pending' THEN
        RAISE EXCEPTION 'operation log % is closed as %', OLD.id, OLD.status
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.status = 'pending' THEN
        RAISE EXCEPTION 'operation log % can only be closed', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.id, NEW.execution_id, NEW.approval_id, NEW.opened_at) IS DISTINCT FROM
       (OLD.id, OLD.execution_id, OLD.approval_id, OLD.opened_at) THEN
        RAISE EXCEPTION 'operation log % is about one execution', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER operation_log_closes_once BEFORE UPDATE ON automation_operation_log
    FOR EACH ROW EXECUTE FUNCTION operation_log_closes_once();

-- An execution's fence never falls, its plan is stored once, and a settled execution stays as it is. Only an
-- unknown outcome may later be found out to be a success or a failure.
CREATE FUNCTION execution_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.approval_id, NEW.dry_run, NEW.started_at) IS DISTINCT FROM
       (OLD.id, OLD.approval_id, OLD.dry_run, OLD.started_at) THEN
        RAISE EXCEPTION 'execution % is about one approval', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'execution %: the fence cannot fall from % to %', OLD.id, OLD.fence, NEW.fence
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.plan IS NOT NULL AND (NEW.plan, NEW.plan_hash) IS DISTINCT FROM (OLD.plan, OLD.plan_hash) THEN
        RAISE EXCEPTION 'execution % has its plan', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.settled_at IS NOT NULL AND
       NOT (OLD.outcome = 'unknown' AND NEW.outcome IN ('success', 'failed') AND NEW.fence = OLD.fence) THEN
        RAISE EXCEPTION 'execution % is settled as %', OLD.id, OLD.outcome
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER execution_moves_forward BEFORE UPDATE ON execution
    FOR EACH ROW EXECUTE FUNCTION execution_moves_forward();

-- The ways an approval can go. failed -> executed is the finding that an unknown outcome was a success. An
-- execution that is tried again stays executing: whoever claims next takes it over.
CREATE FUNCTION approval_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = OLD.status OR (OLD.status, NEW.status) IN (
        ('pending', 'approved'), ('pending', 'rejected'), ('pending', 'expired'), ('pending', 'cancelled'),
        ('approved', 'rejected'), ('approved', 'expired'), ('approved', 'cancelled'), ('approved', 'executing'),
        ('executing', 'executed'), ('executing', 'failed'), ('executing', 'cancelled'), ('failed', 'executed')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'approval % cannot go from % to %', OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER approval_moves_on BEFORE UPDATE OF status ON approval
    FOR EACH ROW EXECUTE FUNCTION approval_moves_on();

-- A hold is released once and never changes hands.
CREATE FUNCTION hold_is_released_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
       OR (NEW.execution_id, NEW.target_key) IS DISTINCT FROM (OLD.execution_id, OLD.target_key) THEN
        RAISE EXCEPTION 'target hold % can only be released, once', OLD.seq
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold_is_released_once BEFORE UPDATE ON target_hold
    FOR EACH ROW EXECUTE FUNCTION hold_is_released_once();

INSERT INTO control (name, is_on, changed_by, reason) VALUES ('kill_switch', false, 'migration', 'initial state');
