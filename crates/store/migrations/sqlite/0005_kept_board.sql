-- What a start reads in the place of the whole log. It is written in parts, each in a transaction of its own, into the slot that is
-- not current, and becomes current with its last part. Whatever is erased takes it away: it has the words of before.

CREATE TABLE kept (
    sole      INTEGER PRIMARY KEY CHECK (sole = 1),
    slot      INTEGER,             -- the current one; none: nothing is kept
    erased_at INTEGER NOT NULL     -- how long the log was when something was erased last: of a shorter one nothing may be kept
) STRICT;
INSERT INTO kept (sole, slot, erased_at) VALUES (1, NULL, 0);

CREATE TABLE kept_part (
    slot  INTEGER NOT NULL,
    part  INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (slot, part)
) STRICT;
