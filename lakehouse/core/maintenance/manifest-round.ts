/**
 * One round of a table's manifests: where a query of one period has to open too many, the small ones are written anew in the
 * order of partitions, and readers are told. No row changes.
 */
import type { ManifestFacts } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import type { RoundOutcome } from './derive-round.ts'
import { isUnderWay, type RewriteRoundOptions, tellReaders } from './rewrite-round.ts'
import { inTurn, takeLease } from './turns.ts'

/**
 * Manifests that a query of one period may have to open. Commits alone let them come to 32 small ones and any number of
 * large ones; reading one from disk and decoding it takes about a millisecond.
 */
export const manifestsPerPeriodMax = 12

export function isWorthMerging({ perPeriod }: Pick<ManifestFacts, 'perPeriod'>): boolean {
  return perPeriod > manifestsPerPeriodMax
}

export async function manifestRound(options: RewriteRoundOptions, table: TableName): Promise<RoundOutcome> {
  const { lake } = options
  const facts = await lake.manifests(table)
  if (!isWorthMerging(facts)) return 'done'
  const lease = await takeLease(options, table)
  if (lease === undefined) return 'held elsewhere'
  if (await isUnderWay(options, table)) return 'done'
  const done = await inTurn(options, table, lease, (turn) => lake.mergeManifests(table, turn))
  if (done !== null) await tellReaders(options, table, lease, [])
  return 'done'
}
