-- Whether a notification goes out whatever its subscriber chose and whenever it is.
ALTER TABLE notifications ADD COLUMN critical {bool} NOT NULL DEFAULT FALSE;
