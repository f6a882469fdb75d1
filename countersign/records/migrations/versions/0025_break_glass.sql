-- Who lifts which limits where, and for how long. The MACs' key is not in the database.
CREATE TABLE break_glass (
    id UUID NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT,
    operation TEXT,
    up_to VARCHAR(32) NOT NULL,
    lifts TEXT[] DEFAULT '{}'::text[] NOT NULL,
    minutes INTEGER NOT NULL,
    reason TEXT NOT NULL,
    begun_by TEXT NOT NULL,
    begun_key TEXT NOT NULL,
    begun_groups TEXT[] DEFAULT '{}'::text[] NOT NULL,
    begun_shown_by TEXT,
    begun_at timestamptz NOT NULL,
    confirm_until timestamptz NOT NULL,
    mac TEXT NOT NULL,
    confirmed_by TEXT,
    confirmed_key TEXT,
    confirmed_groups TEXT[],
    confirmed_at timestamptz,
    ends_at timestamptz,
    confirmed_mac TEXT,
    ended_at timestamptz,
    ended_by TEXT,
    end_reason TEXT,
    CONSTRAINT pk_break_glass PRIMARY KEY (id),
    CONSTRAINT ck_break_glass_up_to_known CHECK (up_to IN ('low', 'medium', 'high', 'critical')),
    CONSTRAINT ck_break_glass_reason_length CHECK (char_length(reason) <= 500),
    CONSTRAINT ck_break_glass_minutes_few CHECK (minutes BETWEEN 1 AND 60),
    CONSTRAINT ck_break_glass_lifts_something CHECK (cardinality(lifts) > 0),
    CONSTRAINT ck_break_glass_mac_form CHECK (mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_break_glass_confirmed_mac_form CHECK (confirmed_mac ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_break_glass_two_people CHECK (confirmed_key <> begun_key),
    CONSTRAINT ck_break_glass_confirmed_whole CHECK (
        num_nulls(confirmed_by, confirmed_key, confirmed_groups, confirmed_at, ends_at, confirmed_mac) IN (0, 6)),
    CONSTRAINT ck_break_glass_confirmed_in_time CHECK (confirmed_at <= confirm_until),
    CONSTRAINT ck_break_glass_ends_in_time CHECK (ends_at <= confirmed_at + make_interval(mins => minutes)),
    CONSTRAINT ck_break_glass_ended_whole CHECK (num_nulls(ended_at, ended_by, end_reason) IN (0, 3))
);
CREATE INDEX ix_break_glass_not_ended ON break_glass (begun_at) WHERE ended_at IS NULL;

-- Which limit an execution got past by it.
CREATE TABLE break_glass_use (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    break_glass_id UUID NOT NULL,
    approval_id UUID NOT NULL,
    execution_id UUID NOT NULL,
    lift TEXT NOT NULL,
    said TEXT NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_break_glass_use PRIMARY KEY (seq),
    CONSTRAINT fk_break_glass_use_break_glass_id FOREIGN KEY (break_glass_id) REFERENCES break_glass (id),
    CONSTRAINT fk_break_glass_use_approval_id FOREIGN KEY (approval_id) REFERENCES approval (id),
    CONSTRAINT fk_break_glass_use_execution_id FOREIGN KEY (execution_id) REFERENCES execution (id)
);
CREATE UNIQUE INDEX uq_break_glass_use_once ON break_glass_use (break_glass_id, execution_id, lift);
CREATE INDEX ix_break_glass_use_execution_id ON break_glass_use (execution_id);

-- Which channels were told of what.
CREATE TABLE break_glass_notice (
    break_glass_id UUID NOT NULL,
    news VARCHAR(32) NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    told TEXT[] DEFAULT '{}'::text[] NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_try_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    error TEXT DEFAULT '' NOT NULL,
    done_at timestamptz,
    CONSTRAINT pk_break_glass_notice PRIMARY KEY (break_glass_id, news),
    CONSTRAINT fk_break_glass_notice_break_glass_id FOREIGN KEY (break_glass_id) REFERENCES break_glass (id),
    CONSTRAINT ck_break_glass_notice_news_known CHECK (news IN ('begun', 'confirmed', 'ended')),
    CONSTRAINT ck_break_glass_notice_attempts_not_negative CHECK (attempts >= 0)
);
CREATE INDEX ix_break_glass_notice_open ON break_glass_notice (next_try_at) WHERE done_at IS NULL;

-- What was begun stays as it was begun; it is confirmed once, before it has ended, and what has ended stays ended.
CREATE FUNCTION break_glass_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moving text[] := '{confirmed_by,confirmed_key,confirmed_groups,confirmed_at,ends_at,confirmed_mac,ended_at,ended_by,end_reason}';
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR to_jsonb(NEW) - moving IS DISTINCT FROM to_jsonb(OLD) - moving
       OR (OLD.confirmed_at IS NOT NULL AND (NEW.confirmed_at, NEW.ends_at, NEW.confirmed_by, NEW.confirmed_mac)
           IS DISTINCT FROM (OLD.confirmed_at, OLD.ends_at, OLD.confirmed_by, OLD.confirmed_mac))
       OR (OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL AND NEW.ended_at IS NOT NULL) THEN
        RAISE EXCEPTION 'break-glass % cannot be changed: it is confirmed once, and ended once', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER break_glass_moves_on BEFORE UPDATE ON break_glass
    FOR EACH ROW EXECUTE FUNCTION break_glass_moves_on();
CREATE TRIGGER break_glass_kept BEFORE DELETE ON break_glass FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_glass_no_truncate BEFORE TRUNCATE ON break_glass
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_glass_use_append_only BEFORE UPDATE OR DELETE ON break_glass_use
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_glass_use_no_truncate BEFORE TRUNCATE ON break_glass_use
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_glass_notice_ends_once BEFORE UPDATE ON break_glass_notice
    FOR EACH ROW EXECUTE FUNCTION access_ends_once('done_at');

-- Whoever tells channels, and pages that are open, hear of it at once.
CREATE FUNCTION tell_of_break_glass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('countersign_break_glass', NEW.id::text);
    PERFORM pg_notify('countersign_changed', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER break_glass_tells AFTER INSERT OR UPDATE ON break_glass
    FOR EACH ROW EXECUTE FUNCTION tell_of_break_glass();
