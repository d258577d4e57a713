-- Version 2.
--
-- Messages know which octets their verdict was about, and how their size changes. Version 1 wrote none.

DROP TABLE edits;
DROP TABLE messages;

-- One row for each message on an upstream. Small, because there are many: what only a marked message has is in `edits`.
CREATE TABLE messages (
  mailbox         INTEGER NOT NULL REFERENCES mailboxes,
  uidl            BLOB NOT NULL,
  id              TEXT NOT NULL,          -- X-Popgate-Id
  state           INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6), -- judged, delivered, held, hidden, released, deleted, discarded
  action          INTEGER NOT NULL CHECK (action BETWEEN 0 AND 2),
  score           INTEGER,                -- NULL: unscanned
  probability     INTEGER,
  filter_version  INTEGER NOT NULL REFERENCES filter_versions,
  digest          BLOB,                   -- of the octets that were judged
  octets_upstream INTEGER,                -- as the upstream's LIST has it
  octets_sent     INTEGER,
  grown           INTEGER NOT NULL DEFAULT 0, -- octets that it is sent with, less those that it has
  first_seen      INTEGER NOT NULL,
  delivered_at    INTEGER,
  held_at         INTEGER,
  last_listed     INTEGER NOT NULL,
  counted         INTEGER NOT NULL DEFAULT 0, -- how its sender counts: 0 not, 1 ham, 2 spam; +4 authenticated
  corrected       INTEGER CHECK (corrected IN (0, 1)),
  corrected_at    INTEGER,
  edited          INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1)), -- whether there is a row in `edits`
  PRIMARY KEY (mailbox, uidl)
) STRICT, WITHOUT ROWID;

-- How a message that is not sent as it is, is sent.
CREATE TABLE edits (
  mailbox INTEGER NOT NULL,
  uidl    BLOB NOT NULL,
  flags   INTEGER NOT NULL,
  block   BLOB NOT NULL,
  PRIMARY KEY (mailbox, uidl),
  FOREIGN KEY (mailbox, uidl) REFERENCES messages ON DELETE CASCADE
) STRICT;

-- The server's message that an own entry replaces: the entry is not shown where the server still lists that one.
ALTER TABLE own_entries ADD COLUMN unless_listed BLOB;
CREATE INDEX own_entries_by_quarantined ON own_entries (quarantined) WHERE quarantined IS NOT NULL;

-- A message has one row, however often it is judged. Version 1 wrote none.
CREATE UNIQUE INDEX history_by_message ON history (mailbox, uidl) WHERE uidl IS NOT NULL;
