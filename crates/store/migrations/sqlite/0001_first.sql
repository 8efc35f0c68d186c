-- Instants are milliseconds since 1970, ids are 16 bytes.

CREATE TABLE event (
    place   INTEGER PRIMARY KEY,
    stream  TEXT    NOT NULL,
    version INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    json    TEXT,                 -- none after erasure, as is the salt
    salt    BLOB,
    digest  BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_stream ON event (stream, version);

CREATE TABLE checkpoint (
    sole INTEGER PRIMARY KEY CHECK (sole = 1),
    note TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,   -- the order in which pages came
    page          BLOB    NOT NULL UNIQUE,
    incident      BLOB    NOT NULL,
    person        TEXT    NOT NULL,
    channel       TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    not_before_ms INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    under_way     INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_ready ON outbox (not_before_ms, seq) WHERE under_way = 0;

CREATE TABLE timer (
    incident BLOB    PRIMARY KEY,
    due_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_ms, incident);

-- Where each signal is in the log. In the order of lists, which is nearly the order in which they come. Ids are in none: an
-- index by id alone would touch nearly a page for each signal of a storm.
CREATE TABLE signal (
    observed_ms INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    status      INTEGER NOT NULL,   -- 0 provisional, 1 confirmed, 2 retracted, 3 ended
    incident    BLOB,
    place       INTEGER NOT NULL,
    PRIMARY KEY (observed_ms, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX signal_status   ON signal (status, observed_ms, id);
CREATE INDEX signal_incident ON signal (incident, observed_ms, id) WHERE incident IS NOT NULL;
-- What may be forgotten, without walking past all that incidents hold for ever.
CREATE INDEX signal_free     ON signal (status, observed_ms) WHERE incident IS NULL;

CREATE TABLE cursor (
    name TEXT PRIMARY KEY,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot (
    name  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
