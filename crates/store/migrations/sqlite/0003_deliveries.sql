-- What is to reach somebody says what it is and which event decided it; what is owed is kept by stream, since not all that has
-- duties is an incident. The rows of before are carried over by `sqlite/upgrade.rs`: what they are is in the log.

CREATE TABLE delivery (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,   -- the order in which they came
    id            BLOB    NOT NULL UNIQUE,
    kind          INTEGER NOT NULL,   -- 0 page, 1 all-clear
    decided       INTEGER NOT NULL,   -- the place in the log of the event that is the intent
    incident      BLOB    NOT NULL,
    person        TEXT    NOT NULL,
    channel       TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    not_before_ms INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    under_way     INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_ready ON delivery (not_before_ms, seq) WHERE under_way = 0;

CREATE TABLE deadline (
    stream TEXT    PRIMARY KEY,
    due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deadline_due ON deadline (due_ms, stream);
