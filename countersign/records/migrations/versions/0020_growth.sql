-- Knowledge: searched block by block, the newest first -------------------------------------------------------

-- A number beside words in one index.
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Blocks of 16,384 entries in the order in which they came. Within a block an index finds what is rare and what is
-- common alike; over all entries, what is common is most of them.
ALTER TABLE knowledge_entry
    ADD COLUMN seq BIGINT GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN block BIGINT GENERATED ALWAYS AS (seq / 16384) STORED;
DROP INDEX ix_knowledge_entry_search;
DROP INDEX ix_knowledge_entry_title_parts;
DROP INDEX ix_knowledge_entry_body_parts;
-- Without a list of what is to be put in: each block's look-up would read all of it.
CREATE INDEX ix_knowledge_entry_block_search ON knowledge_entry USING gin (block, search, tags) WITH (fastupdate = off);
CREATE INDEX ix_knowledge_entry_block_title_parts ON knowledge_entry USING gin (block, title gin_trgm_ops)
    WITH (fastupdate = off);
CREATE INDEX ix_knowledge_entry_block_body_parts ON knowledge_entry USING gin (block, body gin_trgm_ops)
    WITH (fastupdate = off);

-- Trust: what observations come to, by the half-lives that have passed ---------------------------------------

-- By which half-lives it is counted.
CREATE TABLE trust_half_life (
    seconds double precision NOT NULL,
    since timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_trust_half_life PRIMARY KEY (seconds),
    CONSTRAINT ck_trust_half_life_seconds_positive CHECK (seconds > 0)
);

-- What the observations of one half-life weighed at its beginning, in 2^-32: whole numbers, so that neither their
-- order nor taking one back changes a digit.
CREATE TABLE trust_tally (
    half_life_seconds double precision NOT NULL,
    subject TEXT NOT NULL,
    period BIGINT NOT NULL,
    effective BIGINT NOT NULL,
    weight BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT pk_trust_tally PRIMARY KEY (half_life_seconds, subject, period),
    CONSTRAINT ck_trust_tally_effective_range CHECK (effective BETWEEN 0 AND weight),
    CONSTRAINT ck_trust_tally_runs_not_negative CHECK (runs >= 0)
);

-- An observation's part of its tally. 0.3 of a whole half-life later weighs 2^0.3 times as much at the beginning.
CREATE FUNCTION trust_term(
    seen trust_observation, half_life double precision, OUT period bigint, OUT effective bigint, OUT weight bigint
) LANGUAGE sql STABLE AS $$
    SELECT floor(passed)::bigint, round(scaled * seen.effect)::bigint, round(scaled)::bigint
    FROM (SELECT extract(epoch FROM seen.at)::double precision / half_life AS passed) AS moment,
         LATERAL (SELECT seen.weight * power(2.0::double precision, passed - floor(passed) + 32) AS scaled) AS unit
$$;

CREATE FUNCTION trust_tally_add(seen trust_observation) RETURNS void LANGUAGE sql AS $$
    INSERT INTO trust_tally AS known (half_life_seconds, subject, period, effective, weight, runs, last_at)
    SELECT seconds, seen.subject, term.period, term.effective, term.weight, 1, seen.at
    FROM trust_half_life, trust_term(seen, seconds) AS term
    ORDER BY seconds
    ON CONFLICT ON CONSTRAINT pk_trust_tally DO UPDATE
    SET effective = known.effective + excluded.effective, weight = known.weight + excluded.weight,
        runs = known.runs + excluded.runs, last_at = greatest(known.last_at, excluded.last_at)
$$;

-- The transaction of the observation counts it. As the owner: who may observe need not be able to count.
CREATE FUNCTION trust_tally_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- The heavier one first: a tally of nothing but the lighter one would be below nothing.
    PERFORM trust_tally_add(NEW);
    IF TG_OP = 'UPDATE' THEN
        UPDATE trust_tally AS known
        SET effective = known.effective - term.effective, weight = known.weight - term.weight, runs = known.runs - 1
        FROM trust_half_life, trust_term(OLD, seconds) AS term
        WHERE known.half_life_seconds = seconds AND known.subject = OLD.subject AND known.period = term.period;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER trust_tally_follows AFTER INSERT OR UPDATE ON trust_observation
    FOR EACH ROW EXECUTE FUNCTION trust_tally_follows();

-- Count by another half-life from here on, and all that is on record; the three newest are kept.
CREATE FUNCTION trust_count_by(half_life double precision) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- Whoever is observing comes before, or is counted by it.
    LOCK TABLE trust_observation IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM trust_half_life WHERE seconds = half_life) THEN
        RETURN;
    END IF;
    INSERT INTO trust_half_life (seconds) VALUES (half_life);
    INSERT INTO trust_tally (half_life_seconds, subject, period, effective, weight, runs, last_at)
    SELECT half_life, subject, term.period, sum(term.effective), sum(term.weight), count(*), max(at)
    FROM trust_observation AS seen, trust_term(seen, half_life) AS term
    GROUP BY subject, term.period;
    DELETE FROM trust_half_life
    WHERE seconds NOT IN (SELECT seconds FROM trust_half_life ORDER BY since DESC LIMIT 3);
    DELETE FROM trust_tally WHERE half_life_seconds NOT IN (SELECT seconds FROM trust_half_life);
END $$;
REVOKE EXECUTE ON FUNCTION trust_count_by(double precision) FROM PUBLIC;

-- Dispositions: counted in the transaction of each -----------------------------------------------------------

CREATE TABLE disposition_tally (
    anomaly_key TEXT NOT NULL,
    kind varchar(32) NOT NULL,
    outcome varchar(32) NOT NULL,
    total BIGINT NOT NULL,
    CONSTRAINT pk_disposition_tally PRIMARY KEY (anomaly_key, kind, outcome),
    CONSTRAINT ck_disposition_tally_total_positive CHECK (total > 0)
);
CREATE FUNCTION disposition_tally_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO disposition_tally AS known (anomaly_key, kind, outcome, total)
    VALUES (NEW.anomaly_key, NEW.kind, NEW.outcome, 1)
    ON CONFLICT ON CONSTRAINT pk_disposition_tally DO UPDATE SET total = known.total + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER disposition_tally_follows AFTER INSERT ON disposition
    FOR EACH ROW EXECUTE FUNCTION disposition_tally_follows();
INSERT INTO disposition_tally (anomaly_key, kind, outcome, total)
SELECT anomaly_key, kind, outcome, count(*) FROM disposition GROUP BY anomaly_key, kind, outcome;

-- Similar requests -------------------------------------------------------------------------------------------

-- Of the same operation on the same target, and on the same kind of target, the newest first.
CREATE INDEX ix_approval_target_operation ON approval
    (md5(target::text), coalesce(parameters ->> 'operation', target ->> 'tool'), created_at DESC)
    WHERE target IS NOT NULL;
CREATE INDEX ix_approval_kind_operation ON approval
    ((target ->> 'kind'), coalesce(parameters ->> 'operation', target ->> 'tool'), created_at DESC)
    WHERE target IS NOT NULL;
