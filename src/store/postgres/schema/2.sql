-- Version 2, in the schema `popgate`.
--
-- The history is in the order of its numbers, and searched by an index of its own: see `history_index`.

-- For times and their order alone.
DROP INDEX history_by_time;
CREATE INDEX history_by_time ON history (time);
-- In the order of numbers.
DROP INDEX history_by_mailbox;
CREATE INDEX history_by_mailbox ON history (mailbox, number);

CREATE INDEX messages_corrected ON messages (corrected_at) WHERE corrected_at IS NOT NULL;

-- The chunks of the history that are indexed: so many rows, one after another.
CREATE TABLE history_chunks (
  chunk bigint PRIMARY KEY
);

-- Which rows of a chunk have a term.
CREATE TABLE history_terms (
  chunk  bigint NOT NULL,
  term   bigint NOT NULL,
  places bytea NOT NULL,
  PRIMARY KEY (chunk, term)
);

-- The rules that are terms.
CREATE TABLE history_rules (
  term bigint PRIMARY KEY,
  rule text NOT NULL
);
