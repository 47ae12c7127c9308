-- Long work, each piece in a process of its own. `document` is what is to be done, as JSON; times in seconds since 1970.
-- `wish` is what a person has asked of it while it runs: nothing, to stop (and keep what there is), or to cancel.
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    source TEXT NOT NULL,
    document TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    updated REAL NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER,
    wish TEXT NOT NULL DEFAULT '' CHECK (wish IN ('', 'stop', 'cancel')),
    fraction REAL NOT NULL DEFAULT 0,
    text TEXT NOT NULL DEFAULT '',
    seconds_left REAL,
    run INTEGER REFERENCES run (id),
    result TEXT,
    error TEXT
);
CREATE INDEX job_updated ON job (updated);

-- What a job has said, in order: notes and points of its curves.
CREATE TABLE job_event (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES job (id),
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX job_event_job ON job_event (job, id);
