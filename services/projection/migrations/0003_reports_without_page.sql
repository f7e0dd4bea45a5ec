-- A report keeps its document alone since version 2 of its event; a page is made of that when somebody asks. Reports of
-- version 1 have kept theirs.
ALTER TABLE reports ALTER COLUMN html DROP NOT NULL;
