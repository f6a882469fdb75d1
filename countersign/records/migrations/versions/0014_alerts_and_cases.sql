-- Incidents ------------------------------------------------------------------------------------------------

ALTER TABLE incident ADD COLUMN unlisted_alerts INTEGER DEFAULT 0 NOT NULL;
-- Alerts that come without a group's key are found by their fingerprints.
CREATE INDEX ix_incident_alert_keys ON incident USING gin (jsonb_path_query_array(alerts, '$.keyvalue().key'))
    WHERE starts_with(group_key, 'labels:');
