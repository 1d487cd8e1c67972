-- How often a subscriber's inbox sessions were ended: a session knows the count that it began with.
ALTER TABLE subscribers ADD COLUMN session_epoch {int} NOT NULL DEFAULT 0;
