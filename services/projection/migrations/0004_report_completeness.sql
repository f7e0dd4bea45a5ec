-- Since version 3 of its event a report may be issued before all that was expected of its study has come: `pending` images
-- had no outcome then. Reports before were complete.
ALTER TABLE reports ADD COLUMN pending integer NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN complete boolean NOT NULL DEFAULT true;
