// The tables, as steps from one version to the next; a step that was ever released is never changed. Large values stand in tables of
// their own, so that counting and listing samples reads few pages; there is an index only where a key is looked up.

/** `migrations[n]` leads from version n to n + 1. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE backbones (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE);
  CREATE TABLE samples (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, time_ms INTEGER NOT NULL, backbone INTEGER NOT NULL, release TEXT NOT NULL,
    hash BLOB NOT NULL, bytes INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, label TEXT, scores TEXT NOT NULL, origin TEXT
  );
  CREATE TABLE features (sample INTEGER PRIMARY KEY REFERENCES samples ON DELETE CASCADE, data BLOB NOT NULL);
  CREATE TABLE media (sample INTEGER PRIMARY KEY REFERENCES samples ON DELETE CASCADE, thumbnail BLOB, raw BLOB);
  CREATE TABLE labels (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sample INTEGER NOT NULL REFERENCES samples ON DELETE CASCADE, label TEXT, given_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  );
  CREATE INDEX labels_sample ON labels (sample);
  CREATE TABLE queries (
    seq INTEGER PRIMARY KEY, sample INTEGER UNIQUE REFERENCES samples ON DELETE SET NULL, asked_ms INTEGER NOT NULL, state TEXT NOT NULL
  );
  CREATE TABLE origins (key INTEGER PRIMARY KEY, seen INTEGER NOT NULL);
  CREATE TABLE runs (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, state TEXT NOT NULL, began_ms INTEGER NOT NULL, ended_ms INTEGER,
    label_mark INTEGER NOT NULL, tainted INTEGER NOT NULL DEFAULT 0, error TEXT, report TEXT, trained_on BLOB
  );
  CREATE TABLE forgotten (sample INTEGER PRIMARY KEY);
  CREATE TABLE statistics (
    backbone TEXT NOT NULL, name TEXT NOT NULL, personal INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (backbone, name)
  );
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, time_ms INTEGER NOT NULL, retain INTEGER NOT NULL, priority INTEGER NOT NULL,
    replace_key TEXT, bytes INTEGER NOT NULL, payload BLOB NOT NULL
  );
  CREATE UNIQUE INDEX outbox_replace ON outbox (replace_key) WHERE replace_key IS NOT NULL;
  CREATE TABLE commands (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, id TEXT NOT NULL, time_ms INTEGER NOT NULL, done_ms INTEGER, payload BLOB,
    UNIQUE (type, id)
  )
  `,
  `
  CREATE TABLE views (sample INTEGER PRIMARY KEY REFERENCES samples ON DELETE CASCADE, data BLOB NOT NULL)
  `,
  // `judges` NULL: not decided yet. Numbers are never given twice, because what is set aside for judging follows from them.
  `
  CREATE TABLE moments (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, hash BLOB NOT NULL, judges INTEGER);
  CREATE INDEX moments_source ON moments (source);
  ALTER TABLE samples ADD COLUMN moment INTEGER REFERENCES moments;
  CREATE INDEX samples_moment ON samples (moment) WHERE moment IS NOT NULL
  `,
  // How long the device had lived when the message was written, in milliseconds: its age, whatever was done to the clock since.
  `
  ALTER TABLE outbox ADD COLUMN lived_ms INTEGER NOT NULL DEFAULT 0
  `,
  // What is looked up at every capture or label, whatever the number of samples.
  `
  CREATE INDEX samples_label ON samples (label) WHERE label IS NOT NULL;
  CREATE INDEX samples_raw ON samples (id) WHERE label IS NOT NULL AND raw_bytes > 0;
  CREATE INDEX samples_backbone ON samples (backbone);
  CREATE INDEX queries_asked ON queries (asked_ms);
  CREATE INDEX queries_open ON queries (sample) WHERE state = 'open';
  CREATE INDEX commands_unfinished ON commands (seq) WHERE done_ms IS NULL;
  CREATE INDEX commands_finished ON commands (seq) WHERE done_ms IS NOT NULL;
  CREATE INDEX samples_unplaced ON samples (id) WHERE label IS NOT NULL AND moment IS NULL;
  DROP TABLE statistics
  `,
  // What the source says is one observation; NULL where it was not asked yet.
  `
  ALTER TABLE samples ADD COLUMN said TEXT;
  CREATE INDEX samples_said ON samples (source, said) WHERE said IS NOT NULL AND moment IS NOT NULL
  `,
  // What is being decoded (open) and what came of it before: deaths of the process, and whether it is not decoded again. Listed by row, oldest first.
  `
  CREATE TABLE under_way (
    key INTEGER NOT NULL UNIQUE, open INTEGER NOT NULL, deaths INTEGER NOT NULL, aside INTEGER NOT NULL
  )
  `,
];
