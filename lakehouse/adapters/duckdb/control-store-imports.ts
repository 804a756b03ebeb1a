/** Progress of imports in DuckDB. */
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { checkImport } from '../../core/control/rules.ts'
import type { Session } from './control-store-session.ts'

export function imports(writer: Session, reader: Session): Pick<ControlStore, 'importProgress' | 'setImportProgress'> {
  return {
    async importProgress(merchant, file) {
      const [row] = await reader.read(() =>
        reader.rows('SELECT done, sending, recorded_at FROM imports WHERE merchant = $1 AND file = $2', [
          merchant,
          file,
        ]),
      )
      return row && { done: Number(row[0]), sending: Number(row[1]), at: Number(row[2]) }
    },
    async setImportProgress(merchant, file, progress) {
      checkImport(file, progress)
      const { done, sending, at } = progress
      await writer.write(async () => {
        await writer.run('DELETE FROM imports WHERE merchant = $1 AND file = $2', [merchant, file])
        await writer.run('INSERT INTO imports VALUES ($1, $2, $3, $4, $5)', [merchant, file, done, sending, at])
      })
    },
  }
}
