import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFingerprinter, expectedFalseRepeats } from './fingerprint.ts'
import { entriesIn, RecentTable } from './recent-table.ts'

// Few low and high words, so that slots collide and high words tie.
const entry = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 40 }), fc.integer({ min: -5, max: 50 }))

describe('the table of recent fingerprints', () => {
  it('holds what was added, finds nothing else, and sorts by fingerprint what is new enough', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 44 }), fc.integer({ min: -6, max: 50 }), (entries, after) => {
        const table = new RecentTable(64)
        const model = new Map<string, readonly [number, number, number]>()
        for (const [hi, lo, time] of entries) {
          const slot = table.find(hi, lo)
          expect(slot >= 0).toBe(model.has(`${hi} ${lo}`))
          if (slot < 0) table.add(hi, lo, time)
          else table.moveTo(slot, time)
          model.set(`${hi} ${lo}`, [hi, lo, time])
        }
        expect(table.entries).toBe(model.size)
        const live = [...model.values()].filter(([, , time]) => time > after)
        live.sort((a, b) => a[0] - b[0] || a[1] - b[1])
        const sorted = table.sorted(after)
        expect(sorted === undefined).toBe(live.length === 0)
        if (live.length === 0) return
        const times = live.map(([, , time]) => time)
        const baseMs = Math.min(...times)
        expect(sorted).toEqual({
          words: Uint32Array.from(live.flatMap(([hi, lo, time]) => [hi, lo, time - baseMs])),
          baseMs,
          lastMs: Math.max(...times),
        })
        const copy = table.copy(128, after)
        expect(copy.entries).toBe(live.length)
        for (const [hi, lo, time] of live) expect(copy.timeAt(copy.find(hi, lo))).toBe(time)
      }),
    )
  })

  it('is full at seven tenths of its slots', () => {
    const table = new RecentTable(16)
    expect(entriesIn(16)).toBe(11)
    for (let i = 0; i < 11; i++) {
      expect(table.isFull).toBe(false)
      table.add(0, i, 0)
    }
    expect(table.isFull).toBe(true)
  })
})

describe('a fingerprint', () => {
  it('is of merchant and id together, under the seed', async () => {
    const words = async (seed: bigint, merchant: string, id: string) => {
      const print = await createFingerprinter(seed)
      print.take(merchant, id)
      return `${print.hi} ${print.lo}`
    }
    const all = [
      await words(1n, 'shop', 'a'),
      await words(1n, 'sho', 'pa'),
      await words(1n, 'shop', 'b'),
      await words(2n, 'shop', 'a'),
    ]
    expect(new Set(all).size).toBe(4)
    expect(await words(1n, 'shop', 'a')).toBe(all[0])
  })

  it('is shared by two of n identities n²/2^65 times', () => {
    expect(expectedFalseRepeats(0)).toBe(0)
    expect(expectedFalseRepeats(1)).toBe(0)
    expect(expectedFalseRepeats(2 ** 32)).toBeCloseTo(0.5, 6)
    expect(1 / expectedFalseRepeats(205e6)).toBeGreaterThan(800)
  })
})
