/**
 * One round of retention: hits, failed hits and visits of before a merchant's first kept day go; the numbers by hour and day
 * stay. No version rises: no number that may be asked changes.
 */
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { firstKeptDay } from '../../../core/retention.ts'
import type { TableName } from '../../../core/tables.ts'
import { type RemovalRoundOptions, type RowsLeft, removeEverywhere } from './removal-steps.ts'

/** How often tables are looked through for what is kept too long. */
export const retentionEveryMs = 6 * 3_600_000
/** Merchants read at once. */
const merchantsPage = 1_000

export const retainedTables: readonly TableName[] = ['sessions', 'failed_hits', 'hits']

export interface RetentionRoundOptions extends RemovalRoundOptions {
  readonly store: RemovalRoundOptions['store'] & Pick<ControlStore, 'merchants'>
}

/** A merchant that keeps hits for so long only. */
export interface KeptFrom {
  readonly merchant: MerchantId
  /** Start of its first kept UTC day, ms. */
  readonly before: number
}

export async function retentionRound(options: RetentionRoundOptions, table: TableName): Promise<RowsLeft> {
  const kept = await keptFrom(options.store, options.clock.now())
  return kept.length === 0 ? 'none' : removeEverywhere(options, table, kept)
}

/** Of all merchants that do not keep their hits for ever. */
export async function keptFrom(store: Pick<ControlStore, 'merchants'>, now: number): Promise<readonly KeptFrom[]> {
  const found: KeptFrom[] = []
  for (let after: string | undefined; ; ) {
    const page = await store.merchants({ limit: merchantsPage, ...(after !== undefined && { after }) })
    for (const merchant of page) {
      const first = firstKeptDay(merchant, now)
      if (first !== null) found.push({ merchant: merchant.id, before: first * dayMs })
    }
    after = page.at(-1)?.id
    if (page.length < merchantsPage || after === undefined) return found
  }
}
