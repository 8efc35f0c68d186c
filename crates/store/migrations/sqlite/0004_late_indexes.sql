-- The indexes by stream and by incident are tables of their own, into which what is new goes some thousand at a time: see
-- `sqlite/tail.rs`. A reader looks into them and through the tail: the events from `event_indexed.place` on, and `signal_late`.

CREATE TABLE event_of (
    stream  TEXT    NOT NULL,
    version INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    PRIMARY KEY (stream, version)
) STRICT, WITHOUT ROWID;
INSERT INTO event_of (stream, version, place) SELECT stream, version, place FROM event ORDER BY stream, version;
DROP INDEX event_stream;

CREATE TABLE event_indexed (
    sole  INTEGER PRIMARY KEY CHECK (sole = 1),
    place INTEGER NOT NULL
) STRICT;
INSERT INTO event_indexed (sole, place) SELECT 1, coalesce(max(place) + 1, 0) FROM event;

-- Which signals an incident took. Whether it still has one is in `signal`.
CREATE TABLE signal_of (
    incident    BLOB    NOT NULL,
    observed_ms INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    PRIMARY KEY (incident, observed_ms, id)
) STRICT, WITHOUT ROWID;
INSERT INTO signal_of (incident, observed_ms, id)
    SELECT incident, observed_ms, id FROM signal WHERE incident IS NOT NULL ORDER BY incident, observed_ms, id;
DROP INDEX signal_incident;

CREATE TABLE signal_late (
    incident    BLOB    NOT NULL,
    observed_ms INTEGER NOT NULL,
    id          BLOB    NOT NULL
) STRICT;
