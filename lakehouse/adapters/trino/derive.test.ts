import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { dayMs, eventTime } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { DeriveWork } from '../../../core/ports/lake.ts'
import { visitsRule } from '../../../core/visits.ts'
import { createTrinoDerive, mergeDerived } from './derive.ts'
import { mergeMaxPartitions } from './lake-publication.ts'

const midnight = eventTime('2026-03-01T00:00:00Z')
const place = { catalog: 'lake', schema: 'hitlake_tables' }

function work(days: number, change: Partial<DeriveWork> = {}): DeriveWork {
  const units = Array.from({ length: days }, (_, n) => ({
    merchant: "o'brien" as MerchantId,
    start: midnight + n * dayMs,
    end: midnight + (n + 1) * dayMs,
  }))
  const view = { table: 'hits', snapshot: '71', pending: [] } as const
  return {
    table: 'sessions',
    id: 9,
    generations: firstGenerations,
    view,
    units,
    erased: [],
    rule: visitsRule,
    ...change,
  }
}

/** A derivation whose statements only end up in a list. */
function recording() {
  const ran: string[] = []
  const { derive } = createTrinoDerive({
    ...place,
    timers: new ManualClock(),
    // The newest snapshot, and then how many rows it has of the work.
    trino: { query: async () => [['72']] },
    statements: {
      begin: async () => {},
      runner: (_table, turn) => async (sql) => {
        turn?.throwIfOver()
        ran.push(sql)
        return []
      },
    },
  })
  return { derive, ran }
}

describe('a derivation by Trino', () => {
  it('writes as many partitions in one statement as Trino may, and the next begins where it ended', async () => {
    const { derive, ran } = recording()
    await derive(work(mergeMaxPartitions))
    expect(ran).toHaveLength(1)
    await derive(work(mergeMaxPartitions + 1))
    expect(ran).toHaveLength(3)
    const written = ran.slice(1).map((sql) => sql.match(/WHERE n\."start" >= (.*) AND n\."start" < (.*)\n/)?.slice(1))
    expect(written).toEqual([
      ["TIMESTAMP '2026-03-01 00:00:00.000 UTC'", "TIMESTAMP '2026-05-04 00:00:00.000 UTC'"],
      ["TIMESTAMP '2026-05-04 00:00:00.000 UTC'", "TIMESTAMP '2026-05-05 00:00:00.000 UTC'"],
    ])
  })

  it('counts months where the table is cut by months', async () => {
    const { derive, ran } = recording()
    await derive(work(mergeMaxPartitions + 1, { table: 'daily' }))
    expect(ran).toHaveLength(1)
  })

  it('of a view that holds nothing runs no statement', async () => {
    const { derive, ran } = recording()
    const empty = { table: 'hits', snapshot: null, pending: [] } as const
    expect(await derive(work(1, { view: empty }))).toMatchObject({ snapshot: '72' })
    expect(ran).toEqual([])
  })

  it('begins nothing once its turn is over', async () => {
    const { derive, ran } = recording()
    const lost = new Error('the lease is lost')
    const turn = {
      fence: 3,
      signal: new AbortController().signal,
      throwIfOver: () => {
        throw lost
      },
    }
    await expect(derive(work(1), turn)).rejects.toBe(lost)
    expect(ran).toEqual([])
  })

  it('reads the snapshot of its view, and takes no other text for one', () => {
    const range = { start: midnight, end: midnight + dayMs }
    expect(mergeDerived(place, work(1), range)).toContain('"lake"."hitlake_tables"."hits" FOR VERSION AS OF 71')
    const view = { table: 'hits', snapshot: '71; DROP TABLE hits', pending: [] } as const
    expect(() => mergeDerived(place, work(1, { view }), range)).toThrow(RangeError)
  })
})
