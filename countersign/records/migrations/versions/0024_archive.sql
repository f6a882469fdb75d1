-- A file that holds rows of a closed month. `emptied_at`: when the tables had none of these rows any more.
CREATE TABLE archive_file (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    month DATE NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    approvals INTEGER NOT NULL,
    rows JSONB DEFAULT '{}'::jsonb NOT NULL,
    written_by TEXT NOT NULL,
    written_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    emptied_at timestamptz,
    CONSTRAINT pk_archive_file PRIMARY KEY (id),
    CONSTRAINT uq_archive_file_name UNIQUE (name),
    CONSTRAINT ck_archive_file_name_form CHECK (name ~ '^countersign-\d{4}-\d{2}-\d+\.jsonl\.gz$'),
    CONSTRAINT ck_archive_file_sha256_form CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_archive_file_month_first CHECK (extract(day FROM month) = 1),
    CONSTRAINT ck_archive_file_counts_range CHECK (bytes > 0 AND approvals >= 0)
);

CREATE FUNCTION archive_file_is_emptied_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.emptied_at IS NOT NULL OR NEW.emptied_at IS NULL
       OR to_jsonb(NEW) - 'emptied_at' IS DISTINCT FROM to_jsonb(OLD) - 'emptied_at' THEN
        RAISE EXCEPTION 'archive file % can only be emptied, once', OLD.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER archive_file_is_emptied_once BEFORE UPDATE ON archive_file
    FOR EACH ROW EXECUTE FUNCTION archive_file_is_emptied_once();
CREATE TRIGGER archive_file_kept BEFORE DELETE ON archive_file FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER archive_file_no_truncate BEFORE TRUNCATE ON archive_file
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A row leaves while a file that is on record is being emptied, which the transaction names, and never else. Who may
-- delete at all is granted: the owner alone.
CREATE FUNCTION refuse_unless_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM archive_file
        WHERE id = nullif(current_setting('countersign.archive_file', true), '')::bigint AND emptied_at IS NULL
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused, a row leaves only while the file that holds it is being emptied',
        TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

DROP TRIGGER timeline_event_append_only ON timeline_event;
CREATE TRIGGER timeline_event_append_only BEFORE UPDATE ON timeline_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP TRIGGER webhook_delivery_append_only ON webhook_delivery;
CREATE TRIGGER webhook_delivery_append_only BEFORE UPDATE ON webhook_delivery
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP TRIGGER operation_log_kept ON automation_operation_log;
DROP TRIGGER ledger_step_kept ON ledger_step;
DO $$
DECLARE
    moves text;
BEGIN
    FOREACH moves IN ARRAY ARRAY[
        'timeline_event', 'webhook_delivery', 'automation_operation_log', 'ledger_step', 'evidence_snapshot',
        'delivery', 'dead_letter'
    ] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_unless_archived()',
                       moves || '_leaves_for_a_file', moves);
    END LOOP;
END $$;

-- A verdict is counted when it is given; that its evidence moves changes no count, and need not wait for who counts.
DROP TRIGGER verdict_counts ON evidence_snapshot;
CREATE CONSTRAINT TRIGGER verdict_counts AFTER INSERT OR UPDATE OF verdict ON evidence_snapshot
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.phase = 'after' AND NEW.verdict IS NOT NULL) EXECUTE FUNCTION verdict_counts();
