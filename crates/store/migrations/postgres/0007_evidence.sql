-- Bytes of evidence, once however often they are kept, and whose they are. They are there before an event names them; an erasure takes
-- away whose they are, and the bytes with the last.

CREATE TABLE evidence (
    digest bytea PRIMARY KEY,      -- SHA-256
    bytes  bytea NOT NULL
);

CREATE TABLE evidence_of (
    incident bytea NOT NULL,
    digest   bytea NOT NULL,
    PRIMARY KEY (incident, digest)
);
CREATE INDEX evidence_of_digest ON evidence_of (digest);
