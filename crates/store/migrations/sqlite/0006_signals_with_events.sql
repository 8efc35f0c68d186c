-- A new signal is written in the row of its event, and goes into its own table and indexes with the others of the tail, some
-- thousand at a time: see `sqlite/tail.rs`. What these columns say counts only from `event_indexed.place` on.

ALTER TABLE event ADD COLUMN signal_id          BLOB;      -- none: no signal came with it
ALTER TABLE event ADD COLUMN signal_observed_ms INTEGER;
ALTER TABLE event ADD COLUMN signal_status      INTEGER;
ALTER TABLE event ADD COLUMN signal_incident    BLOB;

-- Those that came late until now are in `signal` already.
INSERT OR IGNORE INTO signal_of (incident, observed_ms, id)
    SELECT incident, observed_ms, id FROM signal_late ORDER BY incident, observed_ms, id;
DROP TABLE signal_late;
