-- Version 1.
--
-- Times are seconds since 1970, `last_listed` is days since 1970. Scores and probabilities are thousandths.
-- Labels: 0 ham, 1 spam. Actions: 0 pass, 1 tag, 2 drop.

CREATE TABLE mailboxes (
  id          INTEGER PRIMARY KEY,
  upstream    TEXT NOT NULL,
  user        TEXT NOT NULL,
  last_digest INTEGER,
  forgotten   INTEGER NOT NULL DEFAULT 0 CHECK (forgotten IN (0, 1)), -- its rows are being deleted
  UNIQUE (upstream, user)
) STRICT;

CREATE TABLE filter_versions (
  id      INTEGER PRIMARY KEY,
  version TEXT NOT NULL UNIQUE
) STRICT;

-- One row for each message on an upstream. Small, because there are many: what only a marked message has is in `edits`.
CREATE TABLE messages (
  mailbox         INTEGER NOT NULL REFERENCES mailboxes,
  uidl            BLOB NOT NULL,
  id              TEXT NOT NULL,          -- X-Popgate-Id
  state           INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5), -- judged, delivered, held, hidden, released, deleted
  action          INTEGER NOT NULL CHECK (action BETWEEN 0 AND 2),
  score           INTEGER,                -- NULL: unscanned
  probability     INTEGER,
  filter_version  INTEGER NOT NULL REFERENCES filter_versions,
  octets_upstream INTEGER,
  octets_sent     INTEGER,
  first_seen      INTEGER NOT NULL,
  delivered_at    INTEGER,
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

CREATE TABLE history (
  number   INTEGER PRIMARY KEY,
  id       TEXT NOT NULL UNIQUE,
  mailbox  INTEGER NOT NULL REFERENCES mailboxes,
  uidl     BLOB,
  time     INTEGER NOT NULL,
  sender   TEXT,
  subject  TEXT,
  score    INTEGER,
  action   INTEGER NOT NULL CHECK (action BETWEEN 0 AND 2),
  hits     TEXT NOT NULL,                 -- JSON: [["RULE", points], …]
  features BLOB NOT NULL
) STRICT;
CREATE INDEX history_by_time ON history (time, id);
CREATE INDEX history_by_mailbox ON history (mailbox, time, id);

-- `name` is an address, or a domain with a leading @.
CREATE TABLE senders (
  mailbox       INTEGER NOT NULL REFERENCES mailboxes,
  name          TEXT NOT NULL,
  first_seen    INTEGER NOT NULL,
  last_seen     INTEGER NOT NULL,
  authenticated INTEGER NOT NULL,
  ham           INTEGER NOT NULL,
  spam          INTEGER NOT NULL,
  PRIMARY KEY (mailbox, name)
) STRICT, WITHOUT ROWID;

-- `mailbox` NULL: for everybody. Lists: 0 allow, 1 block.
CREATE TABLE lists (
  number  INTEGER PRIMARY KEY,
  list    INTEGER NOT NULL CHECK (list IN (0, 1)),
  mailbox INTEGER REFERENCES mailboxes,
  pattern TEXT NOT NULL,                  -- an address, or a domain
  trusts_unauthenticated INTEGER NOT NULL CHECK (trusts_unauthenticated IN (0, 1)),
  added   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX lists_by_pattern ON lists (ifnull(mailbox, 0), list, pattern);

-- Without `mailbox`: held by a program that kept no index. The messages themselves are the Maildir's.
CREATE TABLE quarantine (
  number  INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  mailbox INTEGER REFERENCES mailboxes,
  uidl    BLOB,
  sender  TEXT NOT NULL,
  subject TEXT NOT NULL,
  score   INTEGER,
  reasons TEXT NOT NULL,                  -- JSON: [["RULE", points, "description"], …]
  held_at INTEGER NOT NULL,
  octets  INTEGER NOT NULL,
  state   INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2), -- held, released, deleted
  body    BLOB
) STRICT;
CREATE INDEX quarantine_by_time ON quarantine (held_at, id);
CREATE INDEX quarantine_by_mailbox ON quarantine (mailbox, held_at, id);
CREATE UNIQUE INDEX quarantine_by_message ON quarantine (mailbox, uidl) WHERE state = 0 AND uidl IS NOT NULL;

-- popgate's own messages. `quarantined` is the id of the message that is its text, `text` the text itself.
CREATE TABLE own_entries (
  mailbox     INTEGER NOT NULL REFERENCES mailboxes,
  uidl        BLOB NOT NULL,
  octets      INTEGER NOT NULL,
  quarantined TEXT,
  created     INTEGER NOT NULL,
  text        BLOB,
  PRIMARY KEY (mailbox, uidl)
) STRICT;

CREATE TABLE settings (
  mailbox INTEGER NOT NULL REFERENCES mailboxes,
  key     TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (mailbox, key)
) STRICT, WITHOUT ROWID;

-- `label` NULL: unlearned.
CREATE TABLE lessons (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  id       TEXT NOT NULL UNIQUE,
  node     TEXT NOT NULL,
  mailbox  INTEGER REFERENCES mailboxes,
  label    INTEGER CHECK (label IN (0, 1)),
  identity BLOB NOT NULL,
  features BLOB NOT NULL,
  at       INTEGER NOT NULL
) STRICT;
CREATE INDEX lessons_by_mailbox ON lessons (mailbox);
