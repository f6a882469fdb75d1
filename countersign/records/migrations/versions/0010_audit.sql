-- One row for everything that was decided, meant, done or refused. `hash` is over exactly what is stored here and
-- over the hash of the row before it in its chain, which is an approval's id or a subject ("policy", "control").
CREATE TABLE audit_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain TEXT NOT NULL,
    position BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    about TEXT DEFAULT '' NOT NULL,
    details JSON NOT NULL,
    at timestamptz NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_event PRIMARY KEY (id),
    -- Two rows cannot follow the same one.
    CONSTRAINT uq_audit_event_chain_position UNIQUE (chain, position),
    CONSTRAINT ck_audit_event_form CHECK (event ~ '^[a-z_]+:[a-z_]+:[a-z_]+$'),
    CONSTRAINT ck_audit_event_chain_named CHECK (chain <> ''),
    CONSTRAINT ck_audit_event_position_positive CHECK (position >= 1),
    CONSTRAINT ck_audit_event_hash_length CHECK (octet_length(hash) = 32 AND octet_length(previous) = 32)
);
-- What a record of another table is compared with.
CREATE INDEX ix_audit_event_about ON audit_event (about) WHERE about <> '';

-- The tree's leaves in their order, and the roots of its complete subtrees of 256^level leaves.
CREATE TABLE audit_leaf (
    leaf_index BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_leaf PRIMARY KEY (leaf_index),
    CONSTRAINT uq_audit_leaf_event_id UNIQUE (event_id),
    CONSTRAINT ck_audit_leaf_index_not_negative CHECK (leaf_index >= 0)
);
CREATE TABLE audit_tile (
    level INTEGER NOT NULL,
    tile_index BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_audit_tile PRIMARY KEY (level, tile_index),
    CONSTRAINT ck_audit_tile_level_positive CHECK (level >= 1)
);

-- The tree's signed heads. No transaction that may still commit can have a row up to `settled`, which is an event's id.
CREATE TABLE audit_checkpoint (
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note TEXT NOT NULL,
    settled BIGINT NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_audit_checkpoint PRIMARY KEY (size),
    CONSTRAINT ck_audit_checkpoint_size_positive CHECK (size >= 1)
);

CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_leaf_append_only BEFORE UPDATE OR DELETE ON audit_leaf
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_leaf_no_truncate BEFORE TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_tile_append_only BEFORE UPDATE OR DELETE ON audit_tile
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_tile_no_truncate BEFORE TRUNCATE ON audit_tile
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The bytes that are hashed: every field with its length before it, so that no two rows have the same bytes.
CREATE FUNCTION audit_field(content text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT convert_to(octet_length(convert_to(content, 'UTF8')) || ':' || content || ',', 'UTF8')
$$;

-- Append a row to its chain, in the caller's transaction, and return its id. A function, so that it can be called by
-- the statement whose row it tells of. It runs as its owner, so that who may call it need not be able to write a row
-- with another hash, time or place.
--
-- In READ COMMITTED every statement in here sees what has been committed. Who comes second to a place waits for the
-- first's transaction, then finds it taken and looks again: rows of a chain have rising ids and times. The
-- transaction gets its number before the row gets its id: the sealer relies on that.
CREATE FUNCTION audit_append(for_chain text, for_event text, for_actor text, for_about text, with_details jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    found_position bigint;
    found_hash bytea;
    moment timestamptz;
    made bigint;
BEGIN
    PERFORM pg_current_xact_id();
    LOOP
        SELECT position, hash INTO found_position, found_hash
        FROM audit_event WHERE chain = for_chain ORDER BY position DESC LIMIT 1;
        IF NOT FOUND THEN
            found_position := 0;
            found_hash := decode(repeat('00', 32), 'hex');
        END IF;
        moment := clock_timestamp();
        INSERT INTO audit_event (chain, position, event, actor, about, details, at, previous, hash)
        VALUES (for_chain, found_position + 1, for_event, for_actor, coalesce(for_about, ''), with_details::text::json,
            moment, found_hash, sha256(
                -- RFC 9162, 2.1.1: a leaf's hash begins with a zero byte.
                '\x00'::bytea || audit_field('countersign-audit-1') || audit_field(for_chain)
                || audit_field((found_position + 1)::text) || audit_field(for_event) || audit_field(for_actor)
                || audit_field(coalesce(for_about, '')) || audit_field(with_details::text)
                || audit_field(((extract(epoch FROM moment) * 1000000)::bigint)::text)
                || audit_field(encode(found_hash, 'hex'))
            ))
        ON CONFLICT ON CONSTRAINT uq_audit_event_chain_position DO NOTHING
        RETURNING id INTO made;
        IF FOUND THEN
            RETURN made;
        END IF;
    END LOOP;
END $$;

-- What runs as its owner finds its own tables, whatever the caller has made: without a place in the path, a caller's
-- temporary tables would come first. Who may append is granted.
DO $$ BEGIN
    EXECUTE format(
        'ALTER FUNCTION audit_append(text, text, text, text, jsonb) SET search_path = pg_catalog, %I, pg_temp',
        current_schema()
    );
END $$;
REVOKE EXECUTE ON FUNCTION audit_append(text, text, text, text, jsonb) FROM PUBLIC;

-- Records from before the audit are known by name alone; what happens to them from now on is audited like the rest.
DO $$ BEGIN
    PERFORM audit_append(id::text, 'audit:record:adopted', 'migration', 'approval:' || id, '{}')
        FROM (SELECT id FROM approval ORDER BY created_at, id) AS old;
    PERFORM audit_append(approval_id::text, 'audit:record:adopted', 'migration', 'signature:' || seq, '{}')
        FROM (SELECT * FROM signature ORDER BY seq) AS old;
    PERFORM audit_append(approval_id::text, 'audit:record:adopted', 'migration', name || ':' || id, '{}')
        FROM (SELECT * FROM execution ORDER BY started_at, id) AS old
        CROSS JOIN unnest(ARRAY['execution', 'owner', 'plan', 'outcome']) AS name;
    PERFORM audit_append(approval_id::text, 'audit:record:adopted', 'migration', 'journal_entry:' || seq, '{}')
        FROM (SELECT entry.seq, execution.approval_id FROM journal_entry AS entry
              JOIN execution ON execution.id = entry.execution_id ORDER BY entry.seq) AS old;
    PERFORM audit_append('control', 'audit:record:adopted', 'migration', 'control_change:' || seq, '{}')
        FROM (SELECT * FROM control_change ORDER BY seq) AS old;
    PERFORM audit_append(coalesce(approval_id::text, 'gateway'), 'audit:record:adopted', 'migration',
                         'gateway_call:' || seq, '{}')
        FROM (SELECT * FROM host_gateway_audit ORDER BY seq) AS old;
    PERFORM audit_append(id::text, 'audit:record:adopted', 'migration', 'status:' || id, '{}')
        FROM approval WHERE status IN ('cancelled', 'expired');
END $$;
