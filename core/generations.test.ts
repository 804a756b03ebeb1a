import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  coversPlace,
  firstGenerations,
  type GenerationEntry,
  generationAt,
  generationFinder,
  generationMap,
  generationsOf,
  generationsOfMap,
  generationsWithin,
  isInPlace,
  merchantGenerations,
  placesMeet,
  stretchesWithin,
} from './generations.ts'
import type { MerchantId } from './ids.ts'

const merchants = ['a', 'b'] as MerchantId[]
const day = fc.integer({ min: -1, max: 13 })
const days = fc.option(fc.integer({ min: 0, max: 12 }), { nil: null })

const entries: fc.Arbitrary<readonly GenerationEntry[]> = fc.array(
  fc
    .record({
      sink: fc.constantFrom('hits' as const, 'hourly' as const),
      merchant: fc.option(fc.constantFrom(...merchants), { nil: null }),
      from: days,
      to: days,
      generation: fc.integer({ min: 2, max: 5 }),
    })
    .filter(({ from, to }) => from === null || to === null || from < to),
  { maxLength: 6 },
)

describe('the generation map', () => {
  it('answers each place by its last entry, and by the base where there is none', () => {
    fc.assert(
      fc.property(entries, fc.constantFrom(...merchants), (map, merchant) => {
        const stretches = generationsOf(map, { sink: 'hits', merchant, base: 1 })
        for (let time = -1; time <= 13; time++) {
          const last = map.filter((each) => each.sink === 'hits' && isInPlace(each, merchant, time)).at(-1)
          const found = stretches.filter((each) => isInPlace({ ...each, merchant: null }, merchant, time))
          expect(found.map(({ generation }) => generation)).toEqual([last?.generation ?? 1])
        }
        expect([stretches[0]?.from, stretches.at(-1)?.to]).toEqual([null, null])
        stretches.slice(1).forEach((each, i) => {
          expect(each.from).toBe(stretches[i]?.to)
          expect(each.generation).not.toBe(stretches[i]?.generation)
        })
      }),
    )
  })

  it('gives the stretches that a range meets, and no others', () => {
    const map = generationsOf([{ sink: 'hits', merchant: null, from: 3, to: 5, generation: 2 }], {
      sink: 'hits',
      merchant: 'a' as MerchantId,
      base: 1,
    })
    expect(stretchesWithin(map, { from: 3, to: 5 })).toEqual([{ from: 3, to: 5, generation: 2 }])
    expect(stretchesWithin(map, { from: 2, to: 4 }).map(({ generation }) => generation)).toEqual([1, 2])
    expect(stretchesWithin(map, { from: 5, to: 6 })).toEqual([{ from: 5, to: null, generation: 1 }])
  })

  it('knows which places meet and which cover another, as their rows say', () => {
    fc.assert(
      fc.property(entries, ([a, b]) => {
        if (a === undefined || b === undefined) return
        const rows = merchants.flatMap((merchant) => Array.from({ length: 17 }, (_, i) => [merchant, i - 2] as const))
        const inside = (place: GenerationEntry) => rows.filter(([merchant, time]) => isInPlace(place, merchant, time))
        expect(placesMeet(a, b)).toBe(inside(a).some((row) => inside(b).includes(row)))
        if (coversPlace(a, b)) expect(inside(a)).toEqual(expect.arrayContaining(inside(b)))
      }),
    )
  })

  it('holds what answers, in the order of promotions, whatever order it is told in', () => {
    const place = { sink: 'hits', merchant: null, from: null, to: null, rerun: 1, version: 3 } as const
    const map = generationMap([
      { ...place, generation: 3, answers: true, order: 2 },
      { ...place, generation: 4, answers: false, order: 3 },
      { ...place, generation: 2, answers: true, order: 1 },
    ])
    expect(map.base).toBe(1)
    expect(map.entries.map(({ generation }) => generation)).toEqual([2, 3])
    expect(Object.keys(map.entries[0] ?? {}).sort()).toEqual(['from', 'generation', 'merchant', 'sink', 'to'])
    expect(generationMap([])).toEqual(firstGenerations)
  })

  it('tells the generation of a row, and which generations rows may be of, as its stretches do', () => {
    fc.assert(
      fc.property(
        entries,
        fc.constantFrom('hits' as const, 'hourly' as const),
        fc.tuple(day, day),
        (all, sink, [x, y]) => {
          const map = { base: 1, entries: all }
          const range = { from: Math.min(x, y), to: Math.max(x, y) + 1 }
          const find = generationFinder(map, sink)
          const others = 'nobody' as MerchantId
          for (const asked of [[...merchants, others], merchants, [others]]) {
            const found = new Set<number>()
            for (const merchant of asked) {
              const stretches = merchantGenerations(map, merchant)[sink]
              for (let time = range.from; time < range.to; time++) {
                expect(find(merchant, time)).toBe(generationAt(stretches, time))
                found.add(find(merchant, time))
              }
              const within = generationsWithin(stretches, range)
              expect(within).toEqual([...new Set(within)].sort((a, b) => a - b))
            }
            const rising = [...found].sort((a, b) => a - b)
            expect(generationsOfMap(map, sink, { merchants: asked, range })).toEqual(rising)
            if (asked.length === 3) expect(generationsOfMap(map, sink, { range })).toEqual(rising)
          }
        },
      ),
    )
  })

  it('is of no use without stretches', () => {
    expect(() => generationAt([], 0)).toThrow(RangeError)
  })
})
