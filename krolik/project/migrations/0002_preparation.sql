-- Frames that wait for a person: chosen automatically or by hand, with where they come from as JSON.
CREATE TABLE selected_frame (
    video TEXT NOT NULL,
    frame INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (video, frame)
) WITHOUT ROWID;

-- The sender's own name of a change, so that one sent twice is made once.
ALTER TABLE change ADD COLUMN operation TEXT;
CREATE UNIQUE INDEX change_operation ON change (operation) WHERE operation IS NOT NULL;

-- For finding what an undo or redo leads back to without reading the whole log.
CREATE INDEX change_target ON change (target) WHERE target IS NOT NULL;
