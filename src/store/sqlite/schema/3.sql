-- Version 3.
--
-- The history is in the order of its numbers, and searched by an index of its own: see `history_index`.

-- For times and their order alone.
DROP INDEX history_by_time;
CREATE INDEX history_by_time ON history (time);
-- In the order of numbers.
DROP INDEX history_by_mailbox;
CREATE INDEX history_by_mailbox ON history (mailbox);

CREATE INDEX messages_corrected ON messages (corrected_at) WHERE corrected_at IS NOT NULL;

-- The chunks of the history that are indexed: so many rows, one after another.
CREATE TABLE history_chunks (
  chunk INTEGER PRIMARY KEY
) STRICT;

-- Which rows of a chunk have a term.
CREATE TABLE history_terms (
  chunk  INTEGER NOT NULL,
  term   INTEGER NOT NULL,
  places BLOB NOT NULL,
  PRIMARY KEY (chunk, term)
) STRICT, WITHOUT ROWID;

-- The rules that are terms.
CREATE TABLE history_rules (
  term INTEGER PRIMARY KEY,
  rule TEXT NOT NULL
) STRICT;

-- A number may be used again after the newest rows were deleted.
CREATE TRIGGER history_chunk_grows AFTER INSERT ON history BEGIN
  DELETE FROM history_chunks WHERE chunk = NEW.number / 4096;
END;
