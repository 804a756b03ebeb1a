import { describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { GenerationChange, Rerun } from '../../../core/ports/rerun-store.ts'
import { hasMoved, isHitsJobThrough, isThrough, rerunOfStaged, truthIn } from './waits.ts'

describe('the job that writes hits', () => {
  const jobs = { hits: 'hits-warehouse', hourly: 'hits-rollups' }
  const barrier = (job: string, next: number, source = 'topic', partition = 0) => ({
    ...{ job, source, partition, next: next as Offset },
  })
  const position = (job: string, next: number, partition = 0) => ({
    ...{ job, partition, next: next as Offset, checkpoint: null, watermark: null, received: null, forwarded: {} },
  })

  it('is through when it has come to every place where the other was', () => {
    const barriers = [barrier('hits-rollups', 10), barrier('hits-rollups', 5, 'topic', 1)]
    const at = (first: number, second: number) => [
      position('hits-warehouse', first),
      position('hits-warehouse', second, 1),
    ]
    expect(isHitsJobThrough(jobs, barriers, at(10, 5))).toBe(true)
    expect(isHitsJobThrough(jobs, barriers, at(9, 5))).toBe(false)
    expect(isHitsJobThrough(jobs, barriers, at(10, 4))).toBe(false)
    expect(isHitsJobThrough(jobs, barriers, [position('hits-warehouse', 10)])).toBe(false)
    expect(isHitsJobThrough(jobs, barriers, [position('hits-rollups', 10), position('hits-rollups', 5, 1)])).toBe(false)
  })

  it('is through in a feed that is read no more where it was through before', () => {
    const old = [barrier('hits-rollups', 90, 'old'), barrier('hits-warehouse', 90, 'old')]
    expect(isHitsJobThrough(jobs, old, [position('hits-warehouse', 3)])).toBe(true)
    const behind = [barrier('hits-rollups', 90, 'old'), barrier('hits-warehouse', 89, 'old')]
    expect(isHitsJobThrough(jobs, behind, [position('hits-warehouse', 3)])).toBe(false)
  })

  it('is always through where one job writes both', () => {
    const both = { hits: 'hits', hourly: 'hits' }
    expect(isHitsJobThrough(both, [barrier('hits', 10)], [])).toBe(true)
  })
})

describe('where a job is', () => {
  const at = (...next: readonly number[]) => new Map(next.map((offset, partition) => [partition, offset]))

  it('is through what another had done when it has come to every place of it', () => {
    expect(isThrough(at(10, 5), at(10, 6))).toBe(true)
    expect(isThrough(at(10, 5), at(11, 4))).toBe(false)
    expect(isThrough(at(10, 5), at(10))).toBe(false)
    expect(isThrough(at(), at())).toBe(true)
  })
})

describe('the truth that a rerun reads', () => {
  const shop = 'shop' as MerchantId
  const rerun = (place: { merchant: MerchantId | null; from: number | null; to: number | null }) =>
    ({ id: 9, request: { places: [place] } }) as unknown as Rerun
  const all = { merchant: null, from: null, to: null }
  const change = (more: Partial<GenerationChange>): GenerationChange => ({
    ...{ ...all, rerun: 1, sink: 'hits', generation: 2, answers: true, order: 1, version: 5 },
    ...more,
  })
  const noted = truthIn([change({})], 1, rerun(all))
  const movedTo = (...changes: readonly GenerationChange[]) => hasMoved(noted, truthIn(changes, 1, rerun(all)))

  it('stays while nothing changes what answers hits there', () => {
    expect(movedTo(change({}))).toBe(false)
    expect(movedTo(change({}), change({ rerun: 2, sink: 'hourly', generation: 3, order: 2, version: 6 }))).toBe(false)
    // Its own answers for nothing that it reads.
    expect(movedTo(change({}), change({ rerun: 9, generation: 3, order: 2, version: 6 }))).toBe(false)
  })

  it('has moved where another was promoted or rolled back, for one merchant too, and also where both happened', () => {
    expect(movedTo(change({}), change({ rerun: 2, generation: 3, order: 2, version: 6 }))).toBe(true)
    expect(movedTo(change({}), change({ rerun: 2, merchant: shop, generation: 3, order: 2, version: 6 }))).toBe(true)
    expect(movedTo(change({ answers: false, version: 6 }))).toBe(true)
    expect(movedTo(change({}), change({ rerun: 2, generation: 3, answers: false, order: 2, version: 7 }))).toBe(true)
  })

  it('stays where that was elsewhere', () => {
    const place = { merchant: shop, from: 0, to: dayMs }
    const before = truthIn([], 1, rerun(place))
    const elsewhere = [
      change({ merchant: 'other' as MerchantId, version: 6 }),
      change({ from: dayMs, to: null, version: 7 }),
    ]
    expect(hasMoved(before, truthIn(elsewhere, 1, rerun(place)))).toBe(false)
    expect(hasMoved(before, truthIn([change({ from: null, to: 1 })], 1, rerun(place)))).toBe(true)
  })

  it('stays where what answered has become the base, and the map names it no more', () => {
    expect(hasMoved(noted, truthIn([], 2, rerun(all)))).toBe(false)
    expect(hasMoved(noted, truthIn([], 1, rerun(all)))).toBe(true)
  })
})

describe('the name of a staged file', () => {
  it('tells whose split it is of, or of none', () => {
    expect(rerunOfStaged('staged/hits/rerun-12-backfill-hits-20260301-0-4-x00ff-3.parquet')).toBe(12)
    expect(rerunOfStaged('staged/hits/hits-12-0000000001.parquet')).toBeUndefined()
    expect(rerunOfStaged('staged/hits/rerun-job-12-0000000001.parquet')).toBeUndefined()
  })
})
