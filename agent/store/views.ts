// Features of a labelled capture as it might have been (mirrored, louder, faster …), kept beside the sample's own under its id: they go with it,
// with its label, and with its backbone. Bounded by the shelf; refuses (false) what does not fit or belongs to no labelled sample.
import type { Database } from './database.ts';
import { idOfRow, rowOfId } from './sample-id.ts';
import type { Shelf } from './shelf.ts';

export interface Views {
  /** Labelled samples with features of this backbone and their raw bytes, but without views; oldest first. */
  missing(backbone: string, limit: number): readonly string[];
  /** Each view is as long as the features; none where the capture allows none, so that nobody tries again. */
  set(id: string, backbone: string, views: readonly Float32Array[]): boolean;
}

export function createViews(database: Database, shelf: Shelf): Views {
  return {
    missing(backbone, limit) {
      const sql = `SELECT id FROM samples LEFT JOIN views ON views.sample = samples.id WHERE label IS NOT NULL AND raw_bytes > 0
        AND views.sample IS NULL AND backbone = (SELECT id FROM backbones WHERE sha256 = ?) ORDER BY samples.id LIMIT ?`;
      return database.all<{ readonly id: number }>(sql, backbone, limit).map(({ id }) => idOfRow(id));
    },
    set(id, backbone, views) {
      const data = Buffer.concat(views.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)));
      return database.transaction(() => {
        const sql = `SELECT length(data) AS length FROM samples JOIN features ON sample = samples.id
          WHERE samples.id = ? AND label IS NOT NULL AND backbone = (SELECT id FROM backbones WHERE sha256 = ?)`;
        const sample = database.get<{ readonly length: number }>(sql, rowOfId(id), backbone);
        if (sample === undefined || data.length !== views.length * sample.length) return false;
        dropViews(database, shelf, rowOfId(id)!, true);
        if (shelf.place({ bytes: data.length, rawBytes: 0, labelled: true }) === null) return false;
        database.run('INSERT INTO views VALUES (?, ?)', rowOfId(id), data);
        resize(database, shelf, rowOfId(id)!, data.length, true);
        return true;
      });
    },
  };
}

/** Within a transaction: after a change of the label or the features of a sample its views are of no use. `labelled`: how it is counted now. */
export function dropViews(database: Database, shelf: Shelf, row: number, labelled: boolean): void {
  const old = database.get<{ readonly length: number }>('SELECT length(data) AS length FROM views WHERE sample = ?', row);
  if (old === undefined) return;
  database.run('DELETE FROM views WHERE sample = ?', row);
  resize(database, shelf, row, -old.length, labelled);
}

function resize(database: Database, shelf: Shelf, row: number, bytes: number, labelled: boolean): void {
  database.run('UPDATE samples SET bytes = bytes + ? WHERE id = ?', bytes, row);
  shelf.grown(bytes, labelled);
}
