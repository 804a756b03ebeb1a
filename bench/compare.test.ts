import { describe, expect, it } from 'vitest'
import { busyLoad, compare, countsTolerance, loadTolerance, timesTolerance } from './compare.ts'
import type { Figure, MeasurementRecord } from './record.ts'

const machine = { cpu: 'c', cores: 2, memoryGiB: 24, node: 'v20', os: 'os' }
const now = { command: 'npm run tea', machine, loadBefore: 1 }
const lastOf = (figure: Figure, rest: Partial<MeasurementRecord> = {}): MeasurementRecord => ({
  ...{ suite: 's', title: 's', commit: 'c', date: 'd', ...now, ...rest },
  figures: [figure],
})
const ratio = (value: number, low: number, high: number): Figure => ({
  name: 'r',
  value,
  unit: 'ratio',
  spread: [low, high],
})
const one = (value: number, unit: string): Figure => ({ name: 'r', value, unit })

describe('a figure beside the last recorded one', () => {
  it.each([
    ['the same where the spreads of the rounds meet', ratio(0.6, 0.55, 0.7), ratio(0.5, 0.4, 0.55), 'same'],
    ['better where they do not', ratio(0.6, 0.56, 0.7), ratio(0.5, 0.4, 0.55), 'better'],
    ['worse where they do not', ratio(0.5, 0.4, 0.54), ratio(0.6, 0.55, 0.7), 'worse'],
    ['new where it had another unit', one(5, 'ms'), one(5, 's'), 'new'],
  ])('is %s', (_, figure, before, change) => {
    expect(compare(figure, now, lastOf(before))).toBe(change)
  })

  it('is new without a record, and without a figure of its name in it', () => {
    expect(compare(one(1, 'ms'), now, undefined)).toBe('new')
    expect(compare({ ...one(1, 'ms'), name: 'other' }, now, lastOf(one(1, 'ms')))).toBe('new')
  })

  it('that was measured once is taken to be off by a share of it, larger for times than for counts', () => {
    const off = (share: number) => 100 * (1 + 2 * share)
    expect(compare(one(off(timesTolerance), 'ms'), now, lastOf(one(100, 'ms')))).toBe('same')
    expect(compare(one(off(2 * timesTolerance), 'ms'), now, lastOf(one(100, 'ms')))).toBe('worse')
    expect(compare(one(off(countsTolerance), 'bytes'), now, lastOf(one(100, 'bytes')))).toBe('same')
    expect(compare(one(off(2 * countsTolerance), 'bytes'), now, lastOf(one(100, 'bytes')))).toBe('worse')
    expect(compare(one(off(2 * timesTolerance), 'hits/s'), now, lastOf(one(100, 'hits/s')))).toBe('better')
  })

  it('is better in the direction of its goal', () => {
    const figure: Figure = { ...ratio(1, 1, 1), goal: { at: 'most', value: 2 } }
    expect(compare(figure, now, lastOf(ratio(3, 3, 3)))).toBe('better')
  })

  it('that is a ratio of speeds is not compared where the machine was busy beyond the limit, but of processor time is', () => {
    const atLoad = (loadBefore: number | null) => ({ ...now, loadBefore })
    const limit = busyLoad * machine.cores
    const [slow, fast] = [ratio(1, 1, 1), ratio(2, 2, 2)]
    expect(compare(slow, atLoad(limit), lastOf(fast))).toBe('worse')
    expect(compare(slow, atLoad(limit + 0.1), lastOf(fast))).toBe('other')
    expect(compare(slow, atLoad(null), lastOf(fast))).toBe('other')
    expect(compare(slow, atLoad(limit), lastOf(fast, { loadBefore: null }))).toBe('worse')
    const byProcessorTime = { ...slow, rates: { ours: 1, control: 1, unit: 'hits/CPU-s' } }
    expect(compare(byProcessorTime, atLoad(50), lastOf(fast))).toBe('worse')
  })

  it('is compared across other settings only where it is a ratio; more pairs are no other settings', () => {
    const quickly = { command: 'npm run tea -- --quick' }
    expect(compare(one(100, 'bytes'), now, lastOf(one(200, 'bytes'), quickly))).toBe('other')
    expect(compare(ratio(1, 1, 1), now, lastOf(ratio(2, 2, 2), quickly))).toBe('worse')
    const pairs = { command: 'npm run tea --pairs 25' }
    expect(compare(one(100, 'bytes'), now, lastOf(one(200, 'bytes'), pairs))).toBe('better')
  })

  it('is not compared where it depends on time and the machine was another, or busier beyond the limit', () => {
    const [slow, fast] = [one(500, 'ms'), one(1, 'ms')]
    const busier = (by: number) => ({ ...now, loadBefore: 1 + by })
    const limit = loadTolerance * machine.cores
    expect(compare(slow, busier(limit), lastOf(fast))).toBe('worse')
    expect(compare(slow, busier(limit + 0.1), lastOf(fast))).toBe('other')
    expect(compare(slow, now, lastOf(fast, { loadBefore: null }))).toBe('other')
    expect(compare(slow, now, lastOf(fast, { machine: { ...machine, cpu: 'other' } }))).toBe('other')
  })
})
