/** Plans over a table by operators: limits, and what is in no window. What they give, lakehouse/test holds equal to SQL. */
import { describe, expect, it } from 'vitest'
import { eventTime, hourMs } from '../../../core/event-time.ts'
import { distinctOf } from '../../../core/sketch/distinct-of.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { hitsPipeline } from '../../jobs/hits.ts'
import { avg, count, countDistinct, first, last, sum } from '../../plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../plan/builder.ts'
import { is } from '../../plan/predicates.ts'
import { rowOutput } from '../../plan/sinks.ts'
import { difference, hashOf, windowStart } from '../../plan/table-builder.ts'
import { tableRows } from '../../plan/table-rows.ts'
import { calendarOf } from '../../plan/table-windows.ts'
import { fixed } from '../../plan/windows.ts'
import { resultBatchRows } from './result.ts'
import { runTablePlan, type TablePlanRun } from './run-table-plan.ts'

interface Stored {
  readonly merchant: string
  readonly path: string | null
  readonly zone: string | null
  readonly time: ReturnType<typeof eventTime>
  readonly bot: boolean
  readonly revenue_home_micros: number | bigint | null
  readonly _off: number
}
const stored = tableRows<Stored>(hitsTable, {
  ...{ merchant: 'string', path: 'string', zone: 'string', time: 'instant', bot: 'boolean' },
  ...{ revenue_home_micros: 'long', _off: 'long' },
})
const read = (p: PipelineBuilder<object>) => p.readTable(stored, { eventTime: 'time', position: ['_off'] })
const out = rowOutput<LakeRow>('rows')
const noon = eventTime('2026-03-29T12:00:00Z')
const row = (more: LakeRow = {}): LakeRow => ({
  ...{ merchant: 'tea', path: '/', zone: 'UTC', time: noon, bot: false, revenue_home_micros: null, _off: 0, ...more },
})

const hours = pipeline('hours', (p) =>
  read(p)
    .where('people', is('bot', false))
    .derive('hash', { page_hash: hashOf('path'), more: difference('revenue_home_micros', '_off') })
    .window('hours', fixed('1h'))
    .groupBy('shops', ['merchant'])
    .aggregate({
      hits: count(),
      more: sum('more'),
      mean: avg('revenue_home_micros'),
      pages: countDistinct('page_hash', { k: 4 }),
      entry: first('path'),
      exit: last('path'),
    })
    .derive({ hour: windowStart() })
    .write(out),
).plan
const days = pipeline('days', (p) =>
  read(p)
    .window('days', calendarOf('day', { zone: 'zone' }))
    .groupBy('shops', ['merchant'])
    .aggregate({ hits: count() })
    .write(out),
).plan

async function run(plan: TablePlanRun['plan'], rows: readonly LakeRow[], more: Partial<TablePlanRun> = {}) {
  const made: LakeRow[] = []
  const summary = await runTablePlan({ plan, rows: [rows], output: (some) => void made.push(...some), ...more })
  return { made, summary }
}

describe('a plan over a table, by operators', () => {
  it('gives one row a window and group: exact sums, an average as sum and number, hashes of texts', async () => {
    const rows = [
      row({ revenue_home_micros: 10n ** 18n, _off: 2, path: '/b' }),
      row({ revenue_home_micros: 1, _off: 1, path: null }),
      row({ _off: 3 }),
      row({ bot: true }),
    ]
    const { made, summary } = await run(hours, rows)
    expect(made).toEqual([
      {
        ...{ merchant: 'tea', hits: 3, more: 10n ** 18n - 2n, mean: { sum: 10n ** 18n + 1n, n: 2n } },
        pages: [distinctOf('/'), distinctOf('/b')].sort((a, b) => (a < b ? -1 : 1)),
        ...{ entry: null, exit: '/', hour: noon },
      },
    ])
    expect(summary).toEqual({ rows: 4, inNoWindow: 0 })
  })

  it('has null for a sketch of nothing, and 0 for a sum', async () => {
    const { made } = await run(hours, [row({ path: null })])
    expect(made).toMatchObject([{ pages: null, more: 0n, mean: { sum: 0n, n: 0n } }])
  })

  it('counts rows that are in no window: of no zone, of one that does not exist, without a time', async () => {
    const rows = [row(), row({ zone: null }), row({ zone: 'Nowhere/At_All' }), row({ time: null })]
    const { made, summary } = await run(days, rows)
    expect(made).toEqual([{ merchant: 'tea', hits: 1 }])
    expect(summary).toEqual({ rows: 4, inNoWindow: 3 })
  })

  it('gives windows that start in the range, and no others', async () => {
    const rows = [row({ time: noon - 1 }), row(), row({ time: noon + hourMs })]
    const { made } = await run(hours, rows, { range: { start: noon, end: noon + hourMs } })
    expect(made.map(({ hour }) => hour)).toEqual([noon])
  })

  it('gives its rows in batches, waiting for each to be taken', async () => {
    const rows = Array.from({ length: resultBatchRows + 1 }, (_, n) => row({ merchant: `m${n}` }))
    const batches: number[] = []
    let open = 0
    await run(hours, rows, {
      output: async (some) => {
        open += 1
        expect(open).toBe(1)
        await Promise.resolve()
        batches.push(some.length)
        open -= 1
      },
    })
    expect(batches).toEqual([resultBatchRows, 1])
  })

  it('stops at its limit of state, at a place that is none, and where it is told to', async () => {
    const many = Array.from({ length: 100 }, (_, n) => row({ merchant: `m${n}` }))
    await expect(run(hours, many, { stateMaxBytes: 2_000 })).rejects.toMatchObject({ code: 'STATE_LIMIT' })
    await expect(run(hours, many, { stateMaxBytes: 200_000 })).resolves.toBeDefined()
    await expect(run(hours, [row({ _off: null })])).rejects.toThrow("'_off' holds null, which is no place")
    await expect(run(hours, many, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
  })

  it('is not a plan over a feed', async () => {
    await expect(run(hitsPipeline.plan, [])).rejects.toThrow("'hits' is no plan over a table")
  })
})
