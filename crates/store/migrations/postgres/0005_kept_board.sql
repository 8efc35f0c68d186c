-- What a start reads in the place of the whole log. It is written in parts, each in a transaction of its own, into the slot that is
-- not current, and becomes current with its last part. Whatever is erased takes it away: it has the words of before.

CREATE TABLE kept (
    sole      boolean PRIMARY KEY CHECK (sole),
    slot      bigint,              -- the current one; none: nothing is kept
    erased_at bigint  NOT NULL     -- how long the log was when something was erased last: of a shorter one nothing may be kept
);
INSERT INTO kept (sole, slot, erased_at) VALUES (true, NULL, 0);

CREATE TABLE kept_part (
    slot  bigint NOT NULL,
    part  bigint NOT NULL,
    bytes bytea  NOT NULL,
    PRIMARY KEY (slot, part)
);
ALTER TABLE kept_part ALTER COLUMN bytes SET STORAGE EXTERNAL;   -- identifiers do not get smaller by packing
