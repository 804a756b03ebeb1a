/** Four plans over one feed, for golden files and whoever needs a plan of each kind: no state, fixed, hopping, sessions. */
import type { EventTime } from '../../../core/event-time.ts'
import { count, countDistinct, first, last, max, sum } from '../aggregates.ts'
import { type PipelineBuilder, pipeline } from '../builder.ts'
import type { Pipeline } from '../draft.ts'
import { feed } from '../feed-definition.ts'
import { paneOutput, refusedOutput, rowOutput, upsertOutput } from '../sinks.ts'
import { fixed, hopping, session } from '../windows.ts'

export interface Click {
  readonly shop: string
  readonly visitor: string
  readonly page: string
  readonly at: EventTime
  readonly received: EventTime
  /** 63-bit hash of the visitor. */
  readonly hash: bigint
  readonly cents: bigint
  readonly robot: boolean
}

export const clicks = feed<Click, 'shop'>('clicks', {
  partitionKey: 'shop',
  columns: {
    shop: 'string',
    visitor: 'string',
    page: 'string',
    at: 'instant',
    received: 'instant',
    hash: 'bigint',
    cents: 'bigint',
    robot: 'boolean',
  },
})

const read = (p: PipelineBuilder<object>) =>
  p.read(clicks, { eventTime: (click) => click.at, watermark: { from: (click) => click.received, delay: '10s' } })

/** Clicks without an amount below 0; the others are refused. */
const judged = (p: PipelineBuilder<object>) => {
  const { good, bad } = read(p).split(
    'judge',
    (row) =>
      row.cents < 0n ? ({ to: 'bad', row, reason: 'negative_amount' } as const) : ({ to: 'good', row } as const),
    { to: { good: 'rows', bad: 'refused' } },
  )
  bad.write(refusedOutput('refused'))
  return good
}

const state = { maxBytes: 64 * 1_024 * 1_024 }

/** Rows in, rows out: filtered, one made two, put together again. */
export const stateless: Pipeline = pipeline('stateless', (p) => {
  const people = judged(p).filter('no-robots', (click) => !click.robot)
  const shopAndPage = people.flatMap('by-level', (click) => [click, { ...click, page: '' }], { adds: {} })
  const paid = people.filter('paid', (click) => click.cents > 0n)
  shopAndPage
    .union('all', [paid])
    .map('short', ({ shop, page, cents }) => ({ shop, page, cents }), {
      columns: { shop: 'string', page: 'string', cents: 'bigint' },
    })
    .write(rowOutput('rows'))
})

/** Clicks a page and minute; late ones correct it for an hour. */
export const fixedCount: Pipeline = pipeline(
  'fixed-count',
  (p) => {
    const minutes = judged(p).window('by-minute', fixed('1m'), { lateness: '1h' })
    minutes.tooLate.write(rowOutput('too-late'))
    minutes
      .groupBy('by-page', ['shop', 'page'])
      .aggregate({ clicks: count(), cents: sum('cents') })
      .emit({ on: 'close', early: { every: '10s' }, late: 'each', panes: 'accumulating' })
      .write(upsertOutput('minutes'))
  },
  { state },
)

/** Visitors of the last ten minutes, each minute anew. */
export const hoppingDistinct: Pipeline = pipeline(
  'hopping-distinct',
  (p) =>
    judged(p)
      .dedupe('once', { key: ['shop', 'visitor'], within: '1s' })
      .window('last-ten', hopping('10m', { every: '1m' }))
      .groupBySets('breakdown', { total: [], page: ['page'] })
      .aggregate({ visitors: countDistinct('hash', { k: 1_025, ofValues: 257 }), most: max('cents') })
      .emit({ on: 'close', panes: 'discarding', onClose: 'where something came' })
      .write(paneOutput('visitors')),
  { state },
)

/** Visits, as they close. */
export const sessions: Pipeline = pipeline(
  'visits',
  (p) =>
    judged(p)
      .groupBy('visitor', ['shop', 'visitor'])
      .window('visit', session('30m', { atMost: '24h' }), { lateness: '5m', was: 'session' })
      .aggregate({ clicks: count(), entry: first('page'), exit: last('page'), cents: sum('cents') })
      .emit({ on: 'close', early: { afterRows: 100 }, late: { afterRows: 10 }, panes: 'accumulating' })
      .write(upsertOutput('visits')),
  { state },
)
