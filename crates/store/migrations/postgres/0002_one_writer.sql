-- How often a program began to write here. Whoever writes compares it with the number that it was given: see `postgres/lease.rs`.
ALTER TABLE log_head ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
