-- What executions came to in an hour or a day (UTC), by what is counted and a name ---------------------------

CREATE TABLE trend (
    grain varchar(32) NOT NULL,
    at timestamptz NOT NULL,
    measure TEXT NOT NULL,
    name TEXT NOT NULL,
    total BIGINT NOT NULL,
    CONSTRAINT pk_trend PRIMARY KEY (grain, measure, at, name),
    CONSTRAINT ck_trend_grain_known CHECK (grain IN ('hour', 'day')),
    CONSTRAINT ck_trend_total_not_negative CHECK (total >= 0)
);

-- What an execution was counted as: what changes about it later is counted instead.
CREATE TABLE trend_counted (
    execution_id UUID NOT NULL,
    at timestamptz NOT NULL,
    counted JSONB NOT NULL,
    CONSTRAINT pk_trend_counted PRIMARY KEY (execution_id),
    CONSTRAINT fk_trend_counted_execution_id FOREIGN KEY (execution_id) REFERENCES execution (id)
);

-- A length of time by quarters of a doubling: 40 is from 1024 ms on, 44 from 2048 ms on.
CREATE FUNCTION trend_length(took interval) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT floor(4 * log(2, greatest(extract(epoch FROM took) * 1000, 1)))::text
$$;

-- What an execution is counted as, by what is on record: nothing before its end, for a dry run, or where it was put
-- off.
CREATE FUNCTION trend_of(one uuid) RETURNS TABLE (measure text, name text, total bigint) LANGUAGE sql STABLE AS $$
    WITH ran AS (
        SELECT execution.*, CASE WHEN auto_approved THEN 'auto' ELSE 'human' END AS mode,
               approval.created_at AS filed_at, not_before, matched_playbook_id,
               btrim(coalesce(nullif(incident.signals ->> 'alertname', ''), details ->> 'alertname', '')) AS alert
        FROM execution JOIN approval ON approval.id = approval_id LEFT JOIN incident ON incident.id = incident_id
        WHERE execution.id = one AND settled_at IS NOT NULL AND NOT dry_run AND outcome <> 'postponed'
    ), own AS (
        SELECT ran.*,
               (SELECT verdict FROM evidence_snapshot WHERE execution_id = ran.id AND phase = 'after') AS verdict,
               (SELECT max(created_at) FROM signature
                WHERE signature.approval_id = ran.approval_id AND decision = 'approve' AND created_at <= started_at)
                 AS approved_at,
               (SELECT min(at) FROM journal_entry WHERE execution_id = ran.id AND answer = 'landed') AS effect_at
        FROM ran WHERE rolls_back IS NULL
    ), named AS (
        SELECT DISTINCT kind, left(said, 200) AS name, verdict FROM own, LATERAL (
            SELECT 'alert' AS kind, alert AS said
            UNION ALL SELECT 'playbook', matched_playbook_id
            UNION ALL SELECT 'target', target #>> '{}'
            FROM jsonb_path_query(report, '$.targets[0 to 49]') AS target WHERE outcome <> 'blocked'
        ) AS names WHERE said <> ''
    ), counted (measure, name, total) AS (
        SELECT 'rollback', outcome::text, 1 FROM ran WHERE rolls_back IS NOT NULL
        UNION ALL SELECT 'outcome', mode || ':' || outcome, 1 FROM own
        UNION ALL SELECT 'verdict', mode || ':' || verdict, 1 FROM own WHERE verdict IS NOT NULL
        UNION ALL SELECT 'to_effect', trend_length(effect_at - greatest(approved_at, not_before)), 1 FROM own
        WHERE effect_at IS NOT NULL AND approved_at IS NOT NULL
        UNION ALL SELECT 'people', trend_length(approved_at - filed_at), 1 FROM own
        WHERE mode = 'human' AND approved_at IS NOT NULL
        UNION ALL SELECT 'retry', mode, sum(attempts::text::bigint - 1)
        FROM own, jsonb_path_query(report, '$.steps[*].attempts ? (@ > 1)') AS attempts GROUP BY mode
        UNION ALL SELECT 'rule', left(coalesce(
            jsonb_path_query_first(report, '$.checks[*] ? (@.passed == false).name') #>> '{}', report ->> 'code', '?'
        ), 200), 1 FROM own WHERE outcome = 'blocked'
        UNION ALL SELECT kind, named.name, 1 FROM named
        UNION ALL SELECT kind || '_verified', named.name, 1 FROM named
        WHERE verdict IN ('effective', 'ineffective', 'worse')
        UNION ALL SELECT kind || '_effective', named.name, 1 FROM named WHERE verdict = 'effective'
    )
    SELECT counted.measure, counted.name, counted.total::bigint FROM counted
$$;

-- Count an execution as what it is. One transaction counts at a time: most count in the same rows, so the second waits
-- in any case, sees what the first has written, and neither holds a row that the other one wants.
CREATE FUNCTION trend_count(one uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    hour timestamptz;
    before jsonb;
    found jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock(4173, 0);
    SELECT date_trunc('hour', settled_at, 'UTC') INTO hour FROM execution WHERE id = one AND NOT dry_run;
    IF hour IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO trend_counted (execution_id, at, counted) VALUES (one, hour, '[]') ON CONFLICT DO NOTHING;
    SELECT counted INTO before FROM trend_counted WHERE execution_id = one;
    SELECT coalesce(jsonb_agg(jsonb_build_array(measure, name, total) ORDER BY measure, name), '[]') INTO found
    FROM trend_of(one);
    IF found = before THEN
        RETURN;
    END IF;
    UPDATE trend_counted SET counted = found WHERE execution_id = one;
    PERFORM trend_add(hour, found, before);
    PERFORM trend_take(hour, found, before);
END $$;

-- What is more, and what is less, than before.
CREATE FUNCTION trend_difference(hour timestamptz, found jsonb, before jsonb)
RETURNS TABLE (grain text, at timestamptz, measure text, name text, more bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT each.grain, date_trunc(each.grain, hour, 'UTC'), one ->> 0, one ->> 1,
           sum(times * (one ->> 2)::bigint)::bigint
    FROM (
        SELECT one, 1 AS times FROM jsonb_array_elements(found) AS one
        UNION ALL SELECT one, -1 FROM jsonb_array_elements(before) AS one
    ) AS counted, (VALUES ('day'), ('hour')) AS each (grain)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
$$;
CREATE FUNCTION trend_add(hour timestamptz, found jsonb, before jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO trend AS known (grain, at, measure, name, total)
    SELECT * FROM trend_difference(hour, found, before) WHERE more > 0
    ON CONFLICT ON CONSTRAINT pk_trend DO UPDATE SET total = known.total + excluded.total
$$;
CREATE FUNCTION trend_take(hour timestamptz, found jsonb, before jsonb) RETURNS void LANGUAGE sql AS $$
    UPDATE trend AS known SET total = known.total + less.more
    FROM trend_difference(hour, found, before) AS less
    WHERE less.more < 0 AND (known.grain, known.at, known.measure, known.name)
        = (less.grain, less.at, less.measure, less.name)
$$;

-- Counting is the last thing that a transaction does: the rows that all transactions count in are not held for long,
-- and nothing is waited for while they are. As the owner: who may settle need not be able to count.
CREATE FUNCTION execution_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM trend_count(NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER execution_counts AFTER UPDATE ON execution DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.outcome IS DISTINCT FROM OLD.outcome) EXECUTE FUNCTION execution_counts();
CREATE CONSTRAINT TRIGGER execution_made_settled_counts AFTER INSERT ON execution DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.outcome IS NOT NULL) EXECUTE FUNCTION execution_counts();

CREATE FUNCTION verdict_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM trend_count(NEW.execution_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER verdict_counts AFTER INSERT OR UPDATE ON evidence_snapshot DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.phase = 'after' AND NEW.verdict IS NOT NULL) EXECUTE FUNCTION verdict_counts();

-- An approval's incident is found later, or written later. Which executions it has is asked once nobody else counts:
-- one that ends at the same time is seen here, or sees the incident itself.
CREATE FUNCTION linked_incident_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4173, 0);
    PERFORM trend_count(id) FROM execution WHERE approval_id = NEW.id AND settled_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER linked_incident_counts AFTER UPDATE ON approval DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.incident_id IS DISTINCT FROM OLD.incident_id) EXECUTE FUNCTION linked_incident_counts();
CREATE FUNCTION written_incident_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4173, 0);
    PERFORM trend_count(execution.id) FROM approval JOIN execution ON approval_id = approval.id
    WHERE approval.incident_id = NEW.id AND settled_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER written_incident_counts AFTER INSERT ON incident DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION written_incident_counts();

-- Count all that ended since then anew; for the owner alone.
CREATE FUNCTION trend_count_all(since timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever counts at this moment is waited for, and waits.
    PERFORM pg_advisory_xact_lock(4173, 0);
    DELETE FROM trend;
    DELETE FROM trend_counted;
    INSERT INTO trend_counted (execution_id, at, counted)
    SELECT id, date_trunc('hour', settled_at, 'UTC'), (
        SELECT coalesce(jsonb_agg(jsonb_build_array(measure, name, total) ORDER BY measure, name), '[]')
        FROM trend_of(execution.id)
    )
    FROM execution WHERE settled_at >= since AND NOT dry_run;
    INSERT INTO trend (grain, at, measure, name, total)
    SELECT grain, date_trunc(grain, at, 'UTC'), one ->> 0, one ->> 1, sum((one ->> 2)::bigint)
    FROM trend_counted, jsonb_array_elements(counted) AS one, (VALUES ('day'), ('hour')) AS each (grain)
    GROUP BY 1, 2, 3, 4;
END $$;
REVOKE EXECUTE ON FUNCTION trend_count_all(timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION trend_count(uuid) FROM PUBLIC;
SELECT trend_count_all(clock_timestamp() - interval '31 days');
