-- What runs as its owner names where it looks (PostgreSQL's "Writing SECURITY DEFINER Functions Safely"): without a
-- place in the path, a caller's temporary tables would come first, and their triggers would run as the owner.
DO $$
DECLARE
    counts text;
BEGIN
    FOREACH counts IN ARRAY ARRAY[
        'trust_tally_follows()', 'trust_count_by(double precision)', 'disposition_tally_follows()',
        'execution_counts()', 'verdict_counts()', 'linked_incident_counts()', 'written_incident_counts()'
    ] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', counts, current_schema());
    END LOOP;
END $$;
