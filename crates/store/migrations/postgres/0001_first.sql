-- Instants are milliseconds since 1970, ids are 16 bytes.

-- Whoever writes holds this row. So places are given out in the order of commits, without holes.
CREATE TABLE log_head (
    sole boolean PRIMARY KEY CHECK (sole),
    size bigint  NOT NULL
) WITH (fillfactor = 10);   -- updated in place, over and over
INSERT INTO log_head (sole, size) VALUES (true, 0);

CREATE TABLE event (
    place   bigint PRIMARY KEY,
    stream  text   COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    at_ms   bigint NOT NULL,
    json    text,                 -- none after erasure, as is the salt
    salt    bytea,
    digest  bytea  NOT NULL,
    UNIQUE (stream, version)
);

CREATE TABLE checkpoint (
    sole boolean PRIMARY KEY CHECK (sole),
    note text    NOT NULL
);

CREATE TABLE outbox (
    seq           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- the order in which pages came
    page          bytea   NOT NULL UNIQUE,
    incident      bytea   NOT NULL,
    person        text    NOT NULL,
    channel       text    NOT NULL,
    address       text    NOT NULL,
    not_before_ms bigint  NOT NULL,
    attempts      bigint  NOT NULL,
    under_way     boolean NOT NULL,
    claim         bytea               -- by which call it was taken: a call whose answer was lost finds its pages by it
);
CREATE INDEX outbox_ready ON outbox (not_before_ms, seq) WHERE NOT under_way;
CREATE INDEX outbox_claim ON outbox (claim) WHERE under_way;

CREATE TABLE timer (
    incident bytea  PRIMARY KEY,
    due_ms   bigint NOT NULL
);
CREATE INDEX timer_due ON timer (due_ms, incident);

-- Where each signal is in the log, in the order of lists.
CREATE TABLE signal (
    id          bytea    NOT NULL,
    status      smallint NOT NULL,   -- 0 provisional, 1 confirmed, 2 retracted, 3 ended
    incident    bytea,
    observed_ms bigint   NOT NULL,
    place       bigint   NOT NULL,
    PRIMARY KEY (observed_ms, id)
);
CREATE INDEX signal_status   ON signal (status, observed_ms, id);
CREATE INDEX signal_incident ON signal (incident, observed_ms, id) WHERE incident IS NOT NULL;
-- What may be forgotten, without walking past all that incidents hold for ever.
CREATE INDEX signal_free     ON signal (status, observed_ms) WHERE incident IS NULL;

CREATE TABLE cursor (
    name text COLLATE "C" PRIMARY KEY,
    json text NOT NULL
);

CREATE TABLE snapshot (
    name  text COLLATE "C" PRIMARY KEY,
    bytes bytea NOT NULL
);
