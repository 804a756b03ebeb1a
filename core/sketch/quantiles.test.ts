import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketValue, type Histogram, loadBucket, quantileOf, relativeError } from './quantiles.ts'

/** One part in 10^9 more than promised: for the rounding of logarithms and powers. */
const tolerance = relativeError * (1 + 1e-9) + 1e-9
const smallestNormal = 2 ** -1022

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: 0.01, max: 1_000_000, noNaN: true }),
  fc.integer({ min: -60_000, max: 60_000 }),
)

function histogramOf(values: readonly number[]): Histogram {
  const counts = new Map<number, bigint>()
  for (const value of values) counts.set(loadBucket(value), (counts.get(loadBucket(value)) ?? 0n) + 1n)
  return [...counts].sort(([a], [b]) => a - b).map(([bucket, n]) => ({ bucket, n }))
}

/** What SQL and the pipeline do with two histograms: add the counts of equal buckets. */
function merged(a: Histogram, b: Histogram): Histogram {
  const counts = new Map<number, bigint>()
  for (const { bucket, n } of [...a, ...b]) counts.set(bucket, (counts.get(bucket) ?? 0n) + n)
  return [...counts].sort(([x], [y]) => x - y).map(([bucket, n]) => ({ bucket, n }))
}

describe('the bucket of a value', () => {
  it('is for ever: rows hold these numbers', () => {
    const known = { '-1000': -40346, '-1': -40000, 0: 0, 0.001: 39655, 1: 40000, 1.0202: 40001, 12: 40125, 812: 40335 }
    const found = Object.fromEntries(Object.keys(known).map((value) => [value, loadBucket(Number(value))]))
    expect(found).toEqual(known)
  })

  it('gives the value back to within 1 %, with its sign', () => {
    fc.assert(
      fc.property(number, (value) => {
        const told = bucketValue(loadBucket(value))
        const allowed = Math.abs(value) * tolerance + (Math.abs(value) < smallestNormal ? Number.MIN_VALUE : 0)
        expect(Math.abs(told - value)).toBeLessThanOrEqual(allowed)
        expect(Math.sign(told) === Math.sign(value) || Math.abs(value) < smallestNormal).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  it('has the order of the values', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [low, high] = a <= b ? [a, b] : [b, a]
        expect(loadBucket(low)).toBeLessThanOrEqual(loadBucket(high))
      }),
      { numRuns: 5_000 },
    )
  })

  it('tells neighbours apart that differ by more than twice the error', () => {
    for (let value = 0.5; value < 1e7; value *= 1.7)
      expect(loadBucket(value * 1.0203)).toBeGreaterThan(loadBucket(value))
  })

  it('is one of a column of 32 bits, at both ends of what a double holds, and never that of zero', () => {
    const ends = [Number.MIN_VALUE, smallestNormal, Number.MAX_VALUE]
    expect(ends.map(loadBucket)).toEqual([2_780, 4_582, 75_488])
    expect(ends.map((value) => loadBucket(-value))).toEqual([-2_780, -4_582, -75_488])
    expect(bucketValue(75_488)).toBeGreaterThan(Number.MAX_VALUE * (1 - tolerance))
    expect(bucketValue(75_488)).toBeLessThanOrEqual(Number.MAX_VALUE)
    expect(bucketValue(4_582) / smallestNormal).toBeCloseTo(1, 1)
    expect(loadBucket(-0)).toBe(0)
  })

  it('is refused to what is no number, and numbers of no bucket have no value', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => loadBucket(value)).toThrow(RangeError)
    }
    for (const code of [1, 2_779, 75_489, -1, -75_489, 40_000.5, Number.NaN]) {
      expect(() => bucketValue(code), String(code)).toThrow(RangeError)
    }
  })
})

describe('a quantile', () => {
  const of = (values: readonly number[], q: number) => quantileOf(histogramOf(values), q)

  it('is the value whose rank is the share of all, rounded up', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 1.03 ** (i + 1))
    for (const [q, rank] of [
      [0, 1],
      [0.07, 7],
      [0.5, 50],
      [0.55, 55],
      [0.95, 95],
      [0.99, 99],
      [0.991, 100],
      [1, 100],
    ] as const) {
      expect((of(hundred, q) ?? 0) / 1.03 ** rank).toBeCloseTo(1, 1.7)
    }
    expect(of([1, 100], 0.5)).toBe(bucketValue(loadBucket(1)))
    expect(of([1, 100], 0.500001)).toBe(bucketValue(loadBucket(100)))
  })

  it('of nothing is null, of one value that value', () => {
    expect(quantileOf([], 0.5)).toBeNull()
    expect(quantileOf([{ bucket: 40_000, n: 0n }], 0.5)).toBeNull()
    for (const q of [0, 0.5, 1]) expect(of([0], q)).toBe(0)
  })

  it('counts zeros and negative values in their places', () => {
    const values = [-100, -1, 0, 0, 0, 1, 100]
    expect([0, 0.2, 0.5, 0.8, 1].map((q) => of(values, q))).toEqual(
      [-100, -1, 0, 1, 100].map((value) => bucketValue(loadBucket(value))),
    )
  })

  it('of more values than a double counts is exact in rank', () => {
    const many = 2n ** 60n
    const histogram = [
      { bucket: 40_000, n: many },
      { bucket: 40_100, n: many },
    ]
    expect(quantileOf(histogram, 0.5)).toBe(bucketValue(40_000))
    expect(quantileOf([{ bucket: 39_900, n: 1n }, ...histogram], 0.5)).toBe(bucketValue(40_000))
    expect(quantileOf([...histogram, { bucket: 40_200, n: 1n }], 0.5)).toBe(bucketValue(40_100))
  })

  it('is refused outside 0 to 1', () => {
    for (const q of [-0.01, 1.01, Number.NaN]) expect(() => quantileOf([], q)).toThrow(RangeError)
  })

  it('is within 1 % of that of the sorted values, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.double({ min: -1e9, max: 1e9, noNaN: true }).filter((v) => v === 0 || Math.abs(v) > 1e-9),
          {
            minLength: 1,
            maxLength: 200,
          },
        ),
        fc.constantFrom(0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1),
        (values, q) => {
          const sorted = [...values].sort((a, b) => a - b)
          const rank = Math.max(1, Math.ceil((Math.round(q * 100) * sorted.length) / 100))
          const exact = sorted[rank - 1] as number
          expect(Math.abs((of(values, q) as number) - exact)).toBeLessThanOrEqual(Math.abs(exact) * tolerance)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('of parts merged is that of the whole', () => {
    fc.assert(
      fc.property(fc.array(number), fc.array(number), (a, b) => {
        expect(merged(histogramOf(a), histogramOf(b))).toEqual(histogramOf([...a, ...b]))
      }),
    )
  })
})
