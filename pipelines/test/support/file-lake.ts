/** Staged files as JSON in a folder that several processes share: the least that a test over processes needs of a lake. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LakeWriter, StagedFile } from '../../../core/ports/lake.ts'

export function fileLake(folder: string): Pick<LakeWriter, 'stage' | 'discard'> {
  return {
    async stage(table, name, rows) {
      const text = JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
      return { name, table, rows: rows.length, bytes: text.length, firstDay: 0, lastDay: 0 }
    },
    async discard(name) {
      rmSync(join(folder, name), { force: true })
    },
  }
}

export interface StoredRow {
  readonly id: string
  readonly reason?: string
  readonly _part: number
  readonly _off: number
  readonly _idx: number
}

/** The rows of committed files. */
export function rowsIn(folder: string, files: readonly StagedFile[]): readonly StoredRow[] {
  return files.flatMap(({ name }) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as StoredRow[])
}
