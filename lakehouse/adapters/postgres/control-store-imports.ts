/** Progress of imports in PostgreSQL. */
import type { ControlStore, ImportProgress } from '../../../core/ports/control-store.ts'
import { checkImport } from '../../core/control/rules.ts'
import type { Database } from './database.ts'

export function imports(database: Database): Pick<ControlStore, 'importProgress' | 'setImportProgress'> {
  return {
    async importProgress(merchant, file) {
      const [found] = await database.ask<ImportProgress>(
        'SELECT done, sending, recorded_at AS at FROM imports WHERE merchant = $1 AND file = $2',
        [merchant, file],
      )
      return found
    },
    async setImportProgress(merchant, file, progress) {
      checkImport(file, progress)
      await database.write((sql) =>
        sql.run(
          `INSERT INTO imports VALUES ($1, $2, $3, $4, $5) ON CONFLICT (merchant, file) DO UPDATE
           SET done = excluded.done, sending = excluded.sending, recorded_at = excluded.recorded_at`,
          [merchant, file, progress.done, progress.sending, progress.at],
        ),
      )
    },
  }
}
