// Sums that a learner wants again, as named blobs that belong to a backbone. Those that hold anything of the device's own samples say so:
// they are dropped as soon as any sample is forgotten, and computed again from what is left.
import type { Database } from './database.ts';

export interface StatisticsCache {
  get(backbone: string, name: string): Uint8Array | null;
  set(backbone: string, name: string, data: Uint8Array, personal: boolean): void;
  /** Drops those of all other backbones. */
  keepOnly(backbone: string): void;
}

export function createStatisticsCache(database: Database): StatisticsCache {
  return {
    get(backbone, name) {
      const sql = 'SELECT data FROM statistics WHERE backbone = ? AND name = ?';
      return database.get<{ readonly data: Uint8Array }>(sql, backbone, name)?.data ?? null;
    },
    set(backbone, name, data, personal) {
      const sql = `INSERT INTO statistics VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET personal = excluded.personal, data = excluded.data`;
      database.run(sql, backbone, name, personal ? 1 : 0, data);
    },
    keepOnly: (backbone) => {
      database.run('DELETE FROM statistics WHERE backbone <> ?', backbone);
    },
  };
}
