-- What a step came to, for the steps after it; why it did not run; until when it waits.
ALTER TABLE jobs ADD COLUMN output {text};
ALTER TABLE jobs ADD COLUMN reason {text};
ALTER TABLE jobs ADD COLUMN due_at {int};
