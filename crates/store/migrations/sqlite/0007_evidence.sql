-- Bytes of evidence, once however often they are kept, and whose they are. They are there before an event names them; an erasure takes
-- away whose they are, and the bytes with the last.

CREATE TABLE evidence (
    digest BLOB PRIMARY KEY,       -- SHA-256
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE evidence_of (
    incident BLOB NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (incident, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_of_digest ON evidence_of (digest);
