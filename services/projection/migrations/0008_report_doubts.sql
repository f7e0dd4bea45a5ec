-- What makes it doubtful whose the images of a report are, as its event tells it: sentences of ours, no values of headers.
ALTER TABLE reports ADD COLUMN doubts jsonb NOT NULL DEFAULT '[]';
