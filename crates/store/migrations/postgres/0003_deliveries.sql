-- What is to reach somebody says what it is and which event decided it; what is owed is kept by stream, since not all that has
-- duties is an incident. The rows of before are carried over by `postgres/upgrade.rs`: what they are is in the log.

CREATE TABLE delivery (
    seq           bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- the order in which they came
    id            bytea    NOT NULL UNIQUE,
    kind          smallint NOT NULL,   -- 0 page, 1 all-clear
    decided       bigint   NOT NULL,   -- the place in the log of the event that is the intent
    incident      bytea    NOT NULL,
    person        text     NOT NULL,
    channel       text     NOT NULL,
    address       text     NOT NULL,
    not_before_ms bigint   NOT NULL,
    attempts      bigint   NOT NULL,
    under_way     boolean  NOT NULL,
    claim         bytea               -- by which call it was taken: a call whose answer was lost finds its deliveries by it
);
CREATE INDEX delivery_ready ON delivery (not_before_ms, seq) WHERE NOT under_way;
CREATE INDEX delivery_claim ON delivery (claim) WHERE under_way;

CREATE TABLE deadline (
    stream text COLLATE "C" PRIMARY KEY,
    due_ms bigint NOT NULL
);
CREATE INDEX deadline_due ON deadline (due_ms, stream);
