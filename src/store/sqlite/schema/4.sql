-- Version 4.

-- Who checks the senders of its messages, by the votes of the messages: see `filter::receiving_server`.
ALTER TABLE mailboxes ADD COLUMN checked_by TEXT;
ALTER TABLE mailboxes ADD COLUMN checked_by_weight INTEGER NOT NULL DEFAULT 0;

-- Chunks have one more term, the hits of all rules: they are indexed anew.
DELETE FROM history_chunks;
