"""The tables of the index, in SQL."""

from __future__ import annotations

VERSION = 2
"""Of the tables; an index of a later version is not touched."""

SHARES = """
CREATE TABLE owner (
  owner TEXT PRIMARY KEY,
  handle_bytes INTEGER NOT NULL DEFAULT 0,
  frame_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX owner_handle_bytes ON owner (handle_bytes, owner);
CREATE INDEX owner_frame_bytes ON owner (frame_bytes, owner);
CREATE INDEX frame_owner_used ON frame (owner, used);
CREATE TRIGGER handle_in AFTER INSERT ON handle BEGIN
  UPDATE total SET handles = handles + 1, handle_bytes = handle_bytes + new.nbytes;
  INSERT OR IGNORE INTO owner (owner) VALUES (new.owner);
  UPDATE owner SET handle_bytes = handle_bytes + new.nbytes WHERE owner = new.owner; END;
CREATE TRIGGER handle_out AFTER DELETE ON handle BEGIN
  UPDATE total SET handles = handles - 1, handle_bytes = handle_bytes - old.nbytes;
  UPDATE owner SET handle_bytes = handle_bytes - old.nbytes WHERE owner = old.owner;
  DELETE FROM owner WHERE owner = old.owner AND handle_bytes <= 0; END;
CREATE TRIGGER frame_in AFTER INSERT ON frame BEGIN
  UPDATE total SET frames = frames + 1, frame_bytes = frame_bytes + new.nbytes;
  UPDATE owner SET frame_bytes = frame_bytes + new.nbytes WHERE owner = new.owner; END;
CREATE TRIGGER frame_out AFTER DELETE ON frame BEGIN
  UPDATE total SET frames = frames - 1, frame_bytes = frame_bytes - old.nbytes;
  UPDATE owner SET frame_bytes = frame_bytes - old.nbytes WHERE owner = old.owner; END;
"""

NEW = f"""
CREATE TABLE handle (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  model TEXT NOT NULL,
  model_version TEXT NOT NULL,
  created REAL NOT NULL,
  expires REAL NOT NULL,
  note BLOB NOT NULL,
  recipe_bytes INTEGER NOT NULL,
  recipe_digest BLOB NOT NULL,
  sample_bytes INTEGER NOT NULL,
  sample_digest BLOB NOT NULL,
  nbytes INTEGER NOT NULL
);
CREATE INDEX handle_owner ON handle (owner, seq);
CREATE INDEX handle_expires ON handle (expires);
CREATE TABLE frame (
  id TEXT NOT NULL REFERENCES handle (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  payload INTEGER NOT NULL,
  digest BLOB NOT NULL,
  nbytes INTEGER NOT NULL,
  used INTEGER NOT NULL,
  owner TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (id, step)
) WITHOUT ROWID;
CREATE TABLE gone (id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX gone_until ON gone (until);
CREATE TABLE total (handles INTEGER, handle_bytes INTEGER, frames INTEGER, frame_bytes INTEGER);
INSERT INTO total VALUES (0, 0, 0, 0);
{SHARES}
"""
"""Makes the tables."""

FROM_1 = f"""
ALTER TABLE frame ADD COLUMN owner TEXT NOT NULL DEFAULT '';
UPDATE frame SET owner = (SELECT owner FROM handle WHERE handle.id = frame.id);
DROP INDEX frame_used;
DROP TRIGGER handle_in; DROP TRIGGER handle_out; DROP TRIGGER frame_in; DROP TRIGGER frame_out;
{SHARES}
INSERT INTO owner (owner, handle_bytes) SELECT owner, sum(nbytes) FROM handle GROUP BY owner;
UPDATE owner SET frame_bytes =
  (SELECT ifnull(sum(nbytes), 0) FROM frame WHERE frame.owner = owner.owner);
"""
"""Makes them of those of version 1, which did not tell how much each owner has."""
