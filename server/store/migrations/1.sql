-- Jobs: what was asked (graph, wanted, …), where it stands, and how it ended.
-- Times are Unix seconds; texts named in comments are JSON.

CREATE TABLE jobs (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival
    id          TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL,
    priority    INTEGER NOT NULL DEFAULT 0,         -- higher goes first
    number      REAL NOT NULL,                      -- then the smaller number
    attempts    INTEGER NOT NULL DEFAULT 0,
    deaths      INTEGER NOT NULL DEFAULT 0,         -- attempts in which the server died
    client      TEXT NOT NULL DEFAULT '',
    workflow    TEXT NOT NULL DEFAULT '',           -- its id or name, for grouping
    cache       TEXT NOT NULL DEFAULT 'use',
    created     REAL NOT NULL,
    started     REAL,
    ended       REAL,
    failure     TEXT,                               -- {node, class_type, message, kind}: the first one
    request_key TEXT UNIQUE,                        -- the client's idempotency key
    digest      TEXT                                -- of the request that came with the key
);
CREATE INDEX jobs_state ON jobs (state, ended);

CREATE TABLE requests (                             -- what was asked; written once
    job      INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    graph    TEXT NOT NULL,                         -- the plain graph
    wanted   TEXT NOT NULL,                         -- [output node]
    extra    TEXT NOT NULL,                         -- the client's extra_data
    texts    TEXT NOT NULL,                         -- {name: text} for written pictures, beside the graph
    titles   TEXT NOT NULL,                         -- {node: title}
    results  TEXT NOT NULL                          -- {name: [node, output or null]}
);

CREATE TABLE ends (                                 -- how it ended; written once an attempt
    job      INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    outputs  TEXT NOT NULL,                         -- {node: {kind: [item]}}
    cached   TEXT NOT NULL,                         -- [node]
    failures TEXT NOT NULL,                         -- [{node, class_type, message, kind, executed}]
    results  TEXT NOT NULL,                         -- {name: [item]}
    meta     TEXT NOT NULL,                         -- {node: {node_id, display_node, …}}
    timeline TEXT NOT NULL                          -- the run in the trace event format
);

CREATE TABLE claims (                               -- the files that a job's outputs got
    job    INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    node   TEXT NOT NULL,
    number INTEGER NOT NULL,
    path   TEXT NOT NULL UNIQUE,                    -- whoever claims a name that was let go takes it over
    PRIMARY KEY (job, node, number)
) WITHOUT ROWID;

CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
