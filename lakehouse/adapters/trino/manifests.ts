/** Manifests of a Trino table: how many a query has to open, and few in place of many. */
import type { LakeManifests } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { mostOverlapping } from '../../core/most-overlapping.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import type { Trino } from './client.ts'
import { currentSnapshot } from './lake-snapshots.ts'
import type { LakeStatements } from './lake-statements.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

export interface TrinoManifestsOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly statements: LakeStatements
}

export interface TrinoManifests extends Pick<LakeManifests, 'manifests'> {
  mergeManifests(table: TableName, turn?: PublicationTurn): ReturnType<LakeManifests['mergeManifests']>
}

export function createTrinoManifests(options: TrinoManifestsOptions): TrinoManifests {
  const { trino, statements } = options

  return {
    async manifests(table) {
      const bound = (which: string) => `element_at(partition_summaries, -1).${which}`
      const rows = await trino.query(
        `SELECT ${bound('lower_bound')}, ${bound('upper_bound')} FROM ${trinoTable(options, `${table}$manifests`)}`,
      )
      const periods = rows.map(([lower, upper]) => [instant(lower, -Infinity), instant(upper, Infinity)] as const)
      return { manifests: rows.length, perPeriod: mostOverlapping(periods) }
    },

    async mergeManifests(table, turn) {
      const before = await currentSnapshot(options, tables[table])
      if (turn !== undefined) await statements.begin(table, turn)
      await statements.runner(table, turn)(`ALTER TABLE ${trinoTable(options, table)} EXECUTE optimize_manifests`)
      const snapshot = await currentSnapshot(options, tables[table])
      return snapshot === before ? null : { snapshot }
    },
  }
}

/** `2026-03-01` or `2026-03`; anything else may be any. */
function instant(bound: unknown, otherwise: number): number {
  const at = typeof bound === 'string' ? Date.parse(bound) : Number.NaN
  return Number.isNaN(at) ? otherwise : at
}
