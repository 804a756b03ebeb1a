import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'
import { createHasher } from './hasher.ts'
import { KmvBuilder, kmvEstimate, kmvUnion, standardErrorOf } from './kmv.ts'

const k = 8
const largestHash = 2n ** 63n - 1n
// Few distinct values beside the whole range, so that repeats and ties at the cut are common.
const hash = fc.oneof(fc.bigInt({ min: 0n, max: 30n }), fc.bigInt({ min: 0n, max: largestHash }))
const hashes = fc.array(hash, { maxLength: 60 })

const sketchOf = (all: readonly bigint[], size = k) => {
  const builder = new KmvBuilder(size)
  for (const one of all) builder.add(one)
  return builder.toSorted()
}
const model = (all: readonly bigint[], size = k) =>
  [...new Set(all)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).slice(0, size)
const estimateOf = (sketch: readonly bigint[], size: number) => kmvEstimate(sketch.length, sketch.at(-1) ?? null, size)

describe('a KMV sketch', () => {
  it('keeps the k smallest distinct hashes, rising, whatever their order', () => {
    fc.assert(
      fc.property(hashes, fc.integer({ min: 2, max: 20 }), (all, size) => {
        expect(sketchOf(all, size)).toEqual(model(all, size))
      }),
    )
  })

  it('can be read in the middle and go on', () => {
    fc.assert(
      fc.property(hashes, hashes, (first, second) => {
        const builder = new KmvBuilder(k)
        for (const one of first) builder.add(one)
        expect(builder.toSorted()).toEqual(model(first))
        for (const one of second) builder.add(one)
        expect(builder.toSorted()).toEqual(model([...first, ...second]))
      }),
    )
  })

  it('of a union is the union of the sketches: parts merged are the whole', () => {
    fc.assert(
      fc.property(fc.array(hashes, { maxLength: 6 }), (parts) => {
        const merged = parts.map((part) => sketchOf(part)).reduce((a, b) => kmvUnion(a, b, k), [])
        expect(merged).toEqual(model(parts.flat()))
      }),
    )
  })

  it('merges associatively, commutatively, and with itself to itself', () => {
    fc.assert(
      fc.property(hashes, hashes, hashes, (x, y, z) => {
        const [a, b, c] = [sketchOf(x), sketchOf(y), sketchOf(z)]
        expect(kmvUnion(a, b, k)).toEqual(kmvUnion(b, a, k))
        expect(kmvUnion(kmvUnion(a, b, k), c, k)).toEqual(kmvUnion(a, kmvUnion(b, c, k), k))
        expect(kmvUnion(a, a, k)).toEqual(a)
        expect(kmvUnion(a, [], k)).toEqual(a)
      }),
    )
  })

  it('keeps its size when one hash comes without end', () => {
    const builder = new KmvBuilder(k)
    for (let i = 0; i < 100_000; i++) builder.add(BigInt(i % 3))
    expect(builder.toSorted()).toEqual([0n, 1n, 2n])
    expect(builder.bytes).toBe(8 * 8)
  })

  it('holds at most twice its size however many distinct hashes come', () => {
    const size = 100
    const builder = new KmvBuilder(size)
    for (let i = 0; i < 10_000; i++) {
      builder.add(BigInt((i * 7919) % 10_007))
      expect(builder.bytes).toBeLessThanOrEqual(2 * size * 8)
    }
  })

  it('refuses a size it could not estimate with', () => {
    for (const size of [1, 0, -1, 2.5, Number.NaN]) expect(() => new KmvBuilder(size)).toThrow(RangeError)
  })
})

describe('the estimate of a sketch', () => {
  it('is exact up to 4,096 visitors for totals and 1,024 for breakdown values, and says so', async () => {
    const { visitorHash } = await createHasher()
    const promises = [
      [totalSketchSize, 4_096],
      [breakdownSketchSize, 1_024],
    ] as const
    for (const [size, exactUpTo] of promises) {
      const all = Array.from({ length: exactUpTo + 1 }, (_, i) => visitorHash('00000000000000ff', `v${i}`))
      const full = sketchOf(all.slice(0, exactUpTo), size)
      expect(estimateOf(full, size)).toEqual({ count: exactUpTo, exact: true, standardError: 0 })
      expect(estimateOf(sketchOf(all, size), size).exact).toBe(false)
    }
  })

  it('of nothing is exactly nothing', () => {
    expect(kmvEstimate(0, null, k)).toEqual({ count: 0, exact: true, standardError: 0 })
  })

  it('lies within 5 standard errors of the truth, and is not biased, over many seeds', async () => {
    const { visitorHash } = await createHasher()
    const visitors = 20_000
    const size = breakdownSketchSize
    const error = standardErrorOf(size)
    let sum = 0
    const seeds = 40
    for (let seed = 0; seed < seeds; seed++) {
      const builder = new KmvBuilder(size)
      const seedHex = (seed * 2654435761).toString(16).padStart(16, '0')
      for (let i = 0; i < visitors; i++) builder.add(visitorHash(seedHex, `visitor-${i}`))
      const { count, exact, standardError } = estimateOf(builder.toSorted(), size)
      expect(exact).toBe(false)
      expect(standardError).toBe(error)
      expect(Math.abs(count / visitors - 1)).toBeLessThan(5 * error)
      sum += count / visitors - 1
    }
    expect(Math.abs(sum / seeds)).toBeLessThan((4 * error) / Math.sqrt(seeds))
  })

  it('never names fewer than were kept', () => {
    expect(kmvEstimate(k, largestHash, k).count).toBe(k)
  })

  it('refuses a full sketch without its largest hash', () => {
    expect(() => kmvEstimate(k, null, k)).toThrow(RangeError)
  })
})
