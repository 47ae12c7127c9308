-- The first layout of a project file. Times are seconds since 1970 (UTC).

-- Single values of the project: its identity, when it was made, the skeleton as JSON.
CREATE TABLE property (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Videos and image folders. `document` is the JSON that the edit log keeps; the index is rebuilt when absent.
CREATE TABLE video (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    frame_index BLOB
) WITHOUT ROWID;

-- What people said of frames: one row per labelled frame, the instances as JSON by keypoint id.
CREATE TABLE labeled_frame (
    video TEXT NOT NULL,
    frame INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (video, frame)
) WITHOUT ROWID;

-- The pixels of labelled frames, as encoded images (the original file's bytes where there is one).
CREATE TABLE stored_frame (
    video TEXT NOT NULL,
    frame INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    pixels BLOB NOT NULL,
    PRIMARY KEY (video, frame)
);

-- Which frames train and which test, by name of the split; JSON by video and frame.
CREATE TABLE split (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;

-- The edit log: it only grows. A change is what one click or one import did; undoing it is a change of its own.
CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('edit', 'undo', 'redo')),
    target INTEGER REFERENCES change (id),
    source TEXT NOT NULL,
    title TEXT NOT NULL
);

CREATE TABLE edit (
    change INTEGER NOT NULL REFERENCES change (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (change, position)
) WITHOUT ROWID;

-- One training or one inference.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
    created REAL NOT NULL,
    updated REAL NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE checkpoint (
    run INTEGER PRIMARY KEY REFERENCES run (id),
    data BLOB NOT NULL
);

-- Trained models. `onnx` carries all that prediction needs; `weights` all that further training needs.
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    run INTEGER REFERENCES run (id),
    onnx BLOB NOT NULL,
    weights BLOB NOT NULL,
    document TEXT NOT NULL
);

-- Predictions of consecutive frames in compressed blocks, found by (run, video, first frame).
CREATE TABLE prediction_block (
    run INTEGER NOT NULL REFERENCES run (id),
    video TEXT NOT NULL,
    start INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    animals INTEGER NOT NULL,
    keypoints INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, video, start)
) WITHOUT ROWID;
