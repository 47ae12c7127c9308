-- A checkpoint in parts, since SQLite takes no value of a gigabyte and a large network's is larger.
CREATE TABLE checkpoint_part (
    run INTEGER NOT NULL REFERENCES run (id),
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, part)
);
INSERT INTO checkpoint_part SELECT run, 0, data FROM checkpoint;
DROP TABLE checkpoint;
