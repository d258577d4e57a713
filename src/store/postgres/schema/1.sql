-- Version 1, in the schema `popgate`.
--
-- Times are seconds since 1970, `last_listed` is days since 1970. Scores and probabilities are thousandths.
-- Labels: 0 ham, 1 spam. Actions: 0 pass, 1 tag, 2 drop.

CREATE TABLE mailboxes (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  upstream    text NOT NULL,
  user_name   text NOT NULL,
  last_digest bigint,
  forgotten   boolean NOT NULL DEFAULT false, -- its rows are being deleted
  UNIQUE (upstream, user_name)
);
CREATE INDEX mailboxes_forgotten ON mailboxes (id) WHERE forgotten;

CREATE TABLE filter_versions (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version text NOT NULL UNIQUE
);

-- One row for each message on an upstream. Most are not edited: a NULL costs no space.
CREATE TABLE messages (
  mailbox         bigint NOT NULL REFERENCES mailboxes,
  filter_version  bigint NOT NULL REFERENCES filter_versions,
  octets_upstream bigint,                 -- as the upstream's LIST has it
  octets_sent     bigint,
  grown           bigint NOT NULL DEFAULT 0, -- octets that it is sent with, less those that it has
  first_seen      bigint NOT NULL,
  delivered_at    bigint,
  held_at         bigint,
  corrected_at    bigint,
  score           bigint,                 -- NULL: unscanned
  probability     bigint,
  last_listed     integer NOT NULL,
  state           smallint NOT NULL CHECK (state BETWEEN 0 AND 6), -- judged, delivered, held, hidden, released, deleted, discarded
  action          smallint NOT NULL CHECK (action BETWEEN 0 AND 2),
  counted         smallint NOT NULL DEFAULT 0, -- how its sender counts: 0 not, 1 ham, 2 spam; +4 authenticated
  corrected       smallint CHECK (corrected IN (0, 1)),
  uidl            bytea NOT NULL,
  id              text NOT NULL,          -- X-Popgate-Id
  digest          bytea,                  -- of the octets that were judged
  edit_flags      bigint,                 -- how a message that is not sent as it is, is sent
  edit_block      bytea,
  PRIMARY KEY (mailbox, uidl),
  CHECK ((edit_flags IS NULL) = (edit_block IS NULL))
) WITH (fillfactor = 90);                 -- rows change where they are
CREATE INDEX messages_by_day ON messages (last_listed);

CREATE TABLE history (
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mailbox  bigint NOT NULL REFERENCES mailboxes,
  time     bigint NOT NULL,
  score    bigint,
  action   smallint NOT NULL CHECK (action BETWEEN 0 AND 2),
  id       text COLLATE "C" NOT NULL UNIQUE,
  uidl     bytea,
  sender   text,
  subject  text,
  hits     jsonb NOT NULL,                -- [["RULE", points], …]
  features bytea NOT NULL
);
CREATE INDEX history_by_time ON history (time, id);
CREATE INDEX history_by_mailbox ON history (mailbox, time, id);
CREATE UNIQUE INDEX history_by_message ON history (mailbox, uidl) WHERE uidl IS NOT NULL;

-- `name` is an address, or a domain with a leading @.
CREATE TABLE senders (
  mailbox       bigint NOT NULL REFERENCES mailboxes,
  first_seen    bigint NOT NULL,
  last_seen     bigint NOT NULL,
  authenticated bigint NOT NULL,
  ham           bigint NOT NULL,
  spam          bigint NOT NULL,
  name          text NOT NULL,
  PRIMARY KEY (mailbox, name)
);

-- `mailbox` NULL: for everybody. Lists: 0 allow, 1 block.
CREATE TABLE lists (
  number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mailbox bigint REFERENCES mailboxes,
  added   bigint NOT NULL,
  list    smallint NOT NULL CHECK (list IN (0, 1)),
  trusts_unauthenticated boolean NOT NULL,
  pattern text COLLATE "C" NOT NULL       -- an address, or a domain
);
CREATE UNIQUE INDEX lists_by_pattern ON lists (coalesce(mailbox, 0), list, pattern);

-- Without `mailbox`: held by a program that kept no index.
CREATE TABLE quarantine (
  number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mailbox bigint REFERENCES mailboxes,
  held_at bigint NOT NULL,
  octets  bigint NOT NULL,
  score   bigint,
  state   smallint NOT NULL CHECK (state BETWEEN 0 AND 2), -- held, released, deleted
  id      text COLLATE "C" NOT NULL UNIQUE,
  uidl    bytea,
  sender  text NOT NULL,
  subject text NOT NULL,
  reasons jsonb NOT NULL,                 -- [["RULE", points, "description"], …]
  body    bytea
);
ALTER TABLE quarantine ALTER COLUMN body SET STORAGE EXTERNAL; -- its beginning is read without the rest
CREATE INDEX quarantine_by_time ON quarantine (held_at, id);
CREATE INDEX quarantine_by_mailbox ON quarantine (mailbox, held_at, id);
CREATE UNIQUE INDEX quarantine_by_message ON quarantine (mailbox, uidl) WHERE state = 0 AND uidl IS NOT NULL;

-- popgate's own messages. `quarantined` is the id of the message that is its text, `text` the text itself.
CREATE TABLE own_entries (
  mailbox     bigint NOT NULL REFERENCES mailboxes,
  octets      bigint NOT NULL,
  created     bigint NOT NULL,
  uidl        bytea NOT NULL,
  quarantined text,
  text        bytea,
  unless_listed bytea,                    -- the server's message that it replaces: it is not shown beside that one
  PRIMARY KEY (mailbox, uidl)
);
CREATE INDEX own_entries_by_quarantined ON own_entries (quarantined) WHERE quarantined IS NOT NULL;

CREATE TABLE settings (
  mailbox bigint NOT NULL REFERENCES mailboxes,
  key     text NOT NULL,
  value   text NOT NULL,
  PRIMARY KEY (mailbox, key)
);

-- `label` NULL: unlearned. Numbers are given under a lock, so that they are in the order of the commits.
CREATE TABLE lessons (
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mailbox  bigint REFERENCES mailboxes,
  at       bigint NOT NULL,
  label    smallint CHECK (label IN (0, 1)),
  id       text NOT NULL UNIQUE,
  node     text NOT NULL,
  identity bytea NOT NULL,
  features bytea NOT NULL
);
CREATE INDEX lessons_by_mailbox ON lessons (mailbox);
