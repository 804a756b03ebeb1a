import { describe, expect, it } from 'vitest'
import type { MerchantId } from './ids.ts'
import { rerunNotesMaxBytes } from './ports/rerun-store.ts'
import {
  type AcceptedTable,
  diffMerchantsMax,
  type GenerationDiff,
  type RerunSplit,
  rerunSplitsMax,
} from './ports/rerun-work.ts'
import {
  amountOf,
  changedNotes,
  fittingDiff,
  notedDiffMaxBytes,
  notedSplit,
  progressOf,
  splitName,
  splitsOf,
  type WorkNotes,
} from './rerun-notes.ts'

const rows = (table: AcceptedTable) => ({ table, snapshot: '1', after: 0, through: 5 })
const inputs = { hits: rows('hits'), failed_hits: rows('failed_hits') }
const split = (day: number, more: Partial<RerunSplit> = {}): RerunSplit => {
  const place = { phase: 'backfill', table: 'hits', day, part: 0, parts: 1 } as const
  const counts = { estimatedRows: 10, estimatedBytes: 100 }
  return { name: splitName(place), phase: 'backfill', rows: inputs.hits, day, part: 0, parts: 1, ...counts, ...more }
}
const notesOf = (splits: readonly RerunSplit[]): WorkNotes => ({
  inputs,
  splits: { phase: 'backfill', list: splits.map(notedSplit) },
})

describe('splits in the notes', () => {
  it('come back as they were, whatever their names', () => {
    const splits = [split(20_513), split(20_512, { rows: inputs.failed_hits, name: 'another' }), split(20_511)]
    expect(splits[0]?.name).toBe('backfill-hits-20260301-0.1')
    expect(splitsOf(JSON.parse(JSON.stringify(notesOf(splits))))).toEqual(splits)
  })

  it('fit, as many as a rerun may have', () => {
    const counts = { estimatedRows: 123_456_789, estimatedBytes: 12_345_678_901, parts: 100 }
    const many = Array.from({ length: rerunSplitsMax }, (_, n) => {
      const place = { phase: 'backfill', table: 'failed_hits', day: 20_000 + n, part: 99, parts: 100 } as const
      return split(20_000 + n, { ...counts, part: 99, rows: inputs.failed_hits, name: splitName(place) })
    })
    expect(Buffer.byteLength(JSON.stringify(notesOf(many)))).toBeLessThan(rerunNotesMaxBytes)
  })
})

describe('progress', () => {
  it('is nothing before splits are known, what counts while they run, and all after that', () => {
    expect(progressOf({}, new Set())).toBeNull()
    const notes = { ...notesOf([split(1), split(2), split(3)]), pace: { rowsPerSecond: 4, at: 0 } }
    expect(progressOf(notes, new Set([split(1).name, 'of another phase']))).toEqual({
      ...{ phase: 'backfill', splits: { done: 1, of: 3 }, rows: { done: 10, of: 30 } },
      ...{ rowsPerSecond: 4, secondsLeft: 5 },
    })
    const over: WorkNotes = { backfill: amountOf([split(1)]), catchUp: { ...amountOf([split(2)]), inputs } }
    expect(progressOf(over, new Set())).toMatchObject({ phase: 'catch-up', splits: { done: 1, of: 1 } })
  })
})

describe('a difference', () => {
  const largest = { merchant: 'shop' as MerchantId, bucket: 0, breakdown: 'page', value: '/', before: '1', after: '2' }
  const metric = {
    metric: 'hits',
    breakdown: 'page',
    buckets: 1,
    changed: 1,
    before: '1',
    after: '2',
    largest,
  } as const
  const of = (count: number, metrics: number): GenerationDiff => ({
    ...{ at: 0, snapshot: null, total: [metric], merchantsCompared: count, merchantsChanged: count },
    merchants: Array.from({ length: count }, (_, n) => ({
      merchant: `shop-${n}` as MerchantId,
      metrics: Array.from({ length: metrics }, () => metric),
    })),
  })

  it('is kept whole where it fits, and else without its last merchants', () => {
    const small = of(3, 2)
    expect(fittingDiff(small)).toEqual(small)
    const large = of(diffMerchantsMax, 40)
    const kept = fittingDiff(large)
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThanOrEqual(notedDiffMaxBytes)
    expect(kept.merchants).toEqual(large.merchants.slice(0, kept.merchants.length))
    expect(kept.merchants.length).toBeGreaterThan(10)
    expect(kept.merchantsChanged).toBe(diffMerchantsMax)
  })
})

describe('a change of the notes', () => {
  it('takes out what is undefined and leaves the rest', () => {
    expect(changedNotes({ waits: 'a', noDiff: 'b' }, { waits: undefined, noDiff: 'c' })).toEqual({ noDiff: 'c' })
  })
})
