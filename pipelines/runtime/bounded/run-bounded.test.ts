import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidPlanError, StateLimitError } from '../../../core/errors.ts'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import { visits } from '../../jobs/sessions.ts'
import { avg, count, first, last, min, sum } from '../../plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../plan/builder.ts'
import type { Pipeline } from '../../plan/draft.ts'
import { type Click, clicks, fixedCount, hoppingDistinct, sessions, stateless } from '../../plan/golden/plans.ts'
import { paneOutput, refusedOutput, rowOutput, upsertOutput } from '../../plan/sinks.ts'
import { calendar, fixed, session } from '../../plan/windows.ts'
import { end, epoch, rows, type ScriptEvent, watermark } from '../testing/script.ts'
import { testPipeline } from '../testing/test-pipeline.ts'
import type { SourceBatches, SourceRow } from './program.ts'
import { type BoundedResult, resultBatchRows } from './result.ts'
import { type BoundedRunOptions, boundedEpochRows, runBounded } from './run-bounded.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const drawnClick = fc.record<Click>({
  shop: fc.constantFrom('a', 'b', 'c'),
  visitor: fc.constantFrom('v', 'w'),
  page: fc.constantFrom('/', '/x', '/\u{1f600}', '/\uffff'),
  at: fc.integer({ min: 0, max: 3_600 }).map((seconds) => (noon + seconds * 1_000) as EventTime),
  received: fc.integer({ min: 0, max: 5 }).map((seconds) => (noon + seconds * 1_000) as EventTime),
  hash: fc.bigInt({ min: 0n, max: 5n }),
  cents: fc.bigInt({ min: -1n, max: 9n }),
  robot: fc.boolean(),
})
const click = (of: Partial<Click> = {}): Click => ({
  ...{ shop: 'a', visitor: 'v', page: '/', at: noon, received: noon, hash: 1n, cents: 1n, robot: false },
  ...of,
})

/** Rows in the places that a feed gave them. */
const placed = (drawn: readonly unknown[]): readonly SourceRow[] =>
  drawn.map((row, n) => ({ row, position: { partition: 0, offset: n as Offset, index: 0 } }))

type Part = Pick<BoundedRunOptions, 'pipeline' | 'rows'> & Partial<BoundedRunOptions>

async function given(options: Part): Promise<readonly BoundedResult[]> {
  const results: BoundedResult[] = []
  await runBounded({ ...options, output: (batch) => void results.push(...batch) })
  return results
}

const text = (value: unknown) =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
const texts = (values: readonly unknown[]) => values.map(text).sort()

/** Clicks without an amount below 0; the others are refused. */
function judged<C>(p: PipelineBuilder<C>) {
  const { good, bad } = p
    .read(clicks, { eventTime: (row) => row.at, watermark: { from: (row) => row.received, delay: '0ms' } })
    .split(
      'judge',
      (row) => (row.cents < 0n ? ({ to: 'bad', row, reason: 'negative' } as const) : ({ to: 'good', row } as const)),
      { to: { good: 'rows', bad: 'refused' } },
    )
  bad.write(refusedOutput('refused'))
  return good
}
const state = { maxBytes: 64 * 1_024 * 1_024 }

const plain = pipeline('plain', (p) => judged(p).write(rowOutput('rows')))

/** Visits, corrected for a day, so that nothing in these tests is too late. */
const patientVisits = pipeline(
  'patient-visits',
  (p) =>
    judged(p)
      .groupBy('visitor', ['shop', 'visitor'])
      .window('visit', session('5m', { atMost: '15m' }), { lateness: '24h' })
      .aggregate({ clicks: count(), entry: first('page'), exit: last('page'), least: min('page'), mean: avg('cents') })
      .emit({ on: 'close', early: { afterRows: 2 }, late: 'each', panes: 'accumulating' })
      .write(upsertOutput('visits')),
  { state },
)

/** Clicks of ten minutes, in parts that add up. */
const parts = pipeline(
  'parts',
  (p) =>
    judged(p)
      .window('by-ten', fixed('10m'), { lateness: '24h' })
      .groupBySets('breakdown', { total: [], page: ['page'] })
      .aggregate({ clicks: count(), cents: sum('cents') })
      .emit({ on: 'close', early: { afterRows: 1 }, late: 'each', panes: 'discarding' })
      .write(paneOutput('parts')),
  { state },
)

/** All that a table holds after the panes: the newest of each key and window. */
function replaced(panes: readonly AnyUpsert[]): readonly string[] {
  const held = new Map<string, string>()
  for (const { kind, key, start, end: until, values } of panes) {
    const place = text([key, start, until])
    if (kind === 'retract') held.delete(place)
    else held.set(place, text([place, values]))
  }
  return [...held.values()].sort()
}
interface AnyUpsert {
  readonly kind: string
  readonly key: unknown
  readonly start: number
  readonly end: number
  readonly values: { readonly clicks: number; readonly cents?: bigint } | null
}

function added(panes: readonly AnyUpsert[]): readonly string[] {
  const sums = new Map<string, [number, bigint]>()
  for (const { key, start, values } of panes) {
    const place = text([key, start])
    const [clicksOf, cents] = sums.get(place) ?? [0, 0n]
    sums.set(place, [clicksOf + Number(values?.clicks), cents + BigInt(values?.cents ?? 0)])
  }
  return [...sums].map(([place, value]) => text([place, value])).sort()
}

const panesOf = (results: readonly BoundedResult[]) =>
  results.flatMap((result) => (result.kind === 'pane' ? [result.pane as unknown as AnyUpsert] : []))

const drawnStep: fc.Arbitrary<ScriptEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.array(drawnClick, { maxLength: 5 }).map((of) => rows(...of)) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 4_000 }).map((seconds) => watermark(noon + seconds * 1_000)) },
  { weight: 1, arbitrary: fc.constant(epoch) },
)
const rowsOf = (script: readonly ScriptEvent[]) => script.flatMap((event) => (event.kind === 'rows' ? event.rows : []))

describe('a run over a finite input', () => {
  it('ends with what a stream holds in the end, whenever its watermark moved', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(drawnStep, { maxLength: 15 }), async (script) => {
        const input = [placed(rowsOf(script))]
        const streamed = (plan: Pipeline, output: string) =>
          testPipeline(plan, { partitions: 2 })
            .play(...script, end)
            .panes<AnyUpsert>(output)
        const bounded = async (plan: Pipeline) => panesOf(await given({ pipeline: plan, rows: input }))
        expect(replaced(await bounded(patientVisits))).toEqual(replaced(streamed(patientVisits, 'visits')))
        expect(added(await bounded(parts))).toEqual(added(streamed(parts, 'parts')))
      }),
      { numRuns: 100 },
    )
  })

  it('gives the same whatever the order of rows and the size of batches, repeats and equal times among them', async () => {
    const shuffled = fc
      .array(drawnClick, { minLength: 1, maxLength: 40 })
      .chain((drawn) =>
        fc.tuple(fc.constant(placed(drawn)), fc.shuffledSubarray([...placed(drawn)], { minLength: drawn.length })),
      )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(stateless, fixedCount, hoppingDistinct, sessions, patientVisits, parts),
        shuffled,
        fc.integer({ min: 1, max: 40 }),
        async (plan, [inOrder, mixed], size) => {
          const batches = Array.from({ length: Math.ceil(mixed.length / size) }, (_, n) =>
            mixed.slice(n * size, n * size + size),
          )
          expect(texts(await given({ pipeline: plan, rows: batches }))).toEqual(
            texts(await given({ pipeline: plan, rows: [inOrder] })),
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  it('gives one pane a window, on time and the last, and calls nothing late', async () => {
    const mixed = placed([600, 5, 300, 1, 61].map((second) => click({ at: (noon + second * 1_000) as EventTime })))
    const panes = panesOf(await given({ pipeline: fixedCount, rows: [mixed] }))
    expect(panes).toMatchObject(
      [0, 1, 5, 10].map((minute) => ({ start: noon + minute * 60_000, timing: 'on time', number: 0, ending: 'last' })),
    )
    const summary = await runBounded({ pipeline: fixedCount, rows: [mixed], output: () => {} })
    expect(summary).toMatchObject({
      rows: 5,
      counts: { kept: 5, late: { 'by-minute': 0 }, tooLate: { 'by-minute': 0 } },
    })
  })

  it('says of each row which output it is for, when it was, and where it came from', async () => {
    const results = await given({ pipeline: stateless, rows: [placed([click({ cents: -1n }), click({ cents: 0n })])] })
    expect(results).toMatchObject([
      { kind: 'refused', sink: 'refused', refused: { reason: 'negative_amount' }, position: { offset: 0 } },
      { kind: 'row', sink: 'rows', row: { page: '/' }, time: noon, position: { offset: 1 } },
      { kind: 'row', sink: 'rows', row: { page: '' }, time: noon, position: { offset: 1 } },
    ])
  })

  it('hands side inputs to the steps that name them, and refuses to begin without', async () => {
    const known = pipeline<{ names: ReadonlyMap<string, string> }>('known', (p) =>
      judged(p)
        .map('name', ({ shop }, { names }) => ({ shop: names.get(shop) ?? '' }), { uses: ['names'] })
        .write(rowOutput('rows')),
    )
    const context = { names: new Map([['a', 'Anna']]) }
    expect(await given({ pipeline: known, rows: [placed([click()])], context })).toMatchObject([
      { row: { shop: 'Anna' } },
    ])
    await expect(given({ pipeline: known, rows: [] })).rejects.toThrow("uses 'names'")
  })

  it('refuses a plan that reads a table', async () => {
    await expect(given({ pipeline: visits, rows: [] })).rejects.toBeInstanceOf(InvalidPlanError)
  })
})

describe('limits of a run over a finite input', () => {
  const pages = (n: number) => placed(Array.from({ length: n }, (_, page) => click({ page: `/${page}` })))

  it('takes rows until state has reached its limit, and fails with the next', async () => {
    const { stateBytes } = await runBounded({ pipeline: fixedCount, rows: [pages(50)], output: () => {} })
    const within = (stateMaxBytes: number) => given({ pipeline: fixedCount, rows: [pages(51)], stateMaxBytes })
    expect((await within(stateBytes + 1)).length).toBe(51)
    await expect(within(stateBytes)).rejects.toBeInstanceOf(StateLimitError)
  })

  it('keeps rows to put them in order only up to the limit of state, and only where repeats are dropped', async () => {
    const once = pipeline('once', (p) =>
      judged(p)
        .dedupe('once', { key: ['shop', 'visitor'], within: '24h' })
        .write(rowOutput('rows')),
    )
    const bytes = 10 * (128 + 8 * 16 + 2 * ('a'.length + 'v'.length + '/1'.length))
    const within = (stateMaxBytes: number) => given({ pipeline: once, rows: [pages(10)], stateMaxBytes })
    expect((await within(bytes)).length).toBe(1)
    await expect(within(bytes - 1)).rejects.toBeInstanceOf(StateLimitError)
    expect((await given({ pipeline: stateless, rows: [pages(10)], stateMaxBytes: 1 })).length).toBe(30)
  })

  it('hands results on in batches of a thousand, and reads no further before they are taken', async () => {
    const happened: string[] = []
    async function* source(): SourceBatches {
      for (const size of [resultBatchRows - 1, 1, 2 * resultBatchRows + 1]) {
        happened.push(`reads ${size}`)
        yield pages(size)
      }
    }
    await runBounded({
      ...{ pipeline: plain, rows: source() },
      async output(batch) {
        await Promise.resolve()
        happened.push(`took ${batch.length}`)
      },
    })
    expect(happened).toEqual(['reads 999', 'reads 1', 'took 1000', 'reads 2001', 'took 1000', 'took 1000', 'took 1'])
  })

  it('ends an epoch after so many rows, so that windows which keep their rows until then do not keep all', async () => {
    const hours = pipeline('hours', (p) =>
      judged(p)
        .window('by-hour', calendar('hour', { zone: () => 'Asia/Kolkata' }), { lateness: 'unbounded' })
        .groupBySets('breakdown', { total: [] })
        .aggregate({ clicks: count() })
        .emit({ every: 'epoch', panes: 'discarding' })
        .write(paneOutput('hours')),
    )
    const one = click()
    const rowsOfEpoch = (n: number) => [placed(Array.from({ length: n }, () => one))]
    const counts = async (n: number) =>
      panesOf(await given({ pipeline: hours, rows: rowsOfEpoch(n) })).map(({ values }) => values?.clicks)
    expect(await counts(boundedEpochRows)).toEqual([boundedEpochRows])
    expect(await counts(boundedEpochRows + 1)).toEqual([boundedEpochRows, 1])
  })
})

describe('the end of a run before its end', () => {
  it('stops between batches when it is cancelled, closes its source, and gives nothing more', async () => {
    const cancel = new AbortController()
    let closed = false
    let taken = 0
    function* source() {
      try {
        for (;;) yield placed(Array.from({ length: resultBatchRows }, () => click()))
      } finally {
        closed = true
      }
    }
    const cancelled = runBounded({
      ...{ pipeline: stateless, rows: source(), signal: cancel.signal },
      output() {
        taken += 1
        if (taken === 3) cancel.abort(new RangeError('no longer wanted'))
      },
    })
    await expect(cancelled).rejects.toThrow('no longer wanted')
    expect([closed, taken]).toEqual([true, 3])
  })

  it('fails with what its source or the taker of its results throws', async () => {
    async function* torn(): AsyncGenerator<readonly SourceRow[]> {
      yield placed([click()])
      throw new SyntaxError('torn')
    }
    await expect(given({ pipeline: fixedCount, rows: torn() })).rejects.toBeInstanceOf(SyntaxError)
    const refusing = () => Promise.reject(new RangeError('full'))
    await expect(runBounded({ pipeline: stateless, rows: [placed([click()])], output: refusing })).rejects.toThrow(
      'full',
    )
  })

  it('refuses what one row breaks, and goes on', async () => {
    const broken = { shop: 'a', at: noon, received: noon, cents: null }
    const throwing = Object.defineProperty({ ...broken }, 'cents', {
      enumerable: true,
      get: () => {
        throw new Error('no')
      },
    })
    const results = await given({ pipeline: plain, rows: [placed([throwing, click()])] })
    expect(results.map(({ kind, sink }) => [kind, sink])).toEqual([
      ['refused', 'refused'],
      ['row', 'rows'],
    ])
  })
})
