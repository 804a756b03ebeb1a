/** What every query engine answers where hits are erased, as tests; on drawn questions: the other suites. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { erasedTest } from '../erased.ts'
import { dayMs, hourMs, utcDay } from '../event-time.ts'
import type { LakeRow } from '../tables.ts'
import { type ErasedHits, type ErasureSubject, erasedValueMax, openErasuresPerMerchantMax } from './erasure-store.ts'
import { drawnErasures } from './erasures-under-test.ts'
import type { ErasedDaysQuestion } from './query-engine.ts'
import {
  type EngineUnderTest,
  hours,
  noon,
  noView,
  opened,
  rawQuestion,
  rawRow,
  tea,
} from './query-engine-under-test.ts'

const v: ErasureSubject = { kind: 'visitor', value: 'v' }
const erase = (subject: ErasureSubject, through: number = noon): ErasedHits => ({ merchant: tea, subject, through })
const numbered = (rows: readonly LakeRow[]): LakeRow[] => rows.map((row, _off) => ({ ...row, _off }))

export function erasedContract(under: EngineUnderTest): void {
  describe('hits that are erased', () => {
    async function counting(rows: readonly LakeRow[]) {
      const { engine, viewOf } = await opened(under)
      const hits = await viewOf('hits', [numbered(rows)])
      const daysOf = (erased: ErasedHits, more: Partial<ErasedDaysQuestion> = {}) =>
        engine.erasedDays({ merchant: tea, hits, erased, ...more }, {})
      async function count(...erased: readonly ErasedHits[]): Promise<number> {
        const [group] = await engine.hits(rawQuestion(hits, hours(1), { erased }), {})
        return Number(group?.hits ?? 0n)
      }
      return { count, daysOf }
    }

    it('count no more, up to the moment to the millisecond; hits without a visitor or user are of nobody', async () => {
      const { count } = await counting([
        rawRow(),
        rawRow({ received: noon + 1 }),
        rawRow({ visitor: 'V', user: 'v' }),
        rawRow({ visitor: null, user: null }),
        rawRow({ visitor: 'w', user: 'u' }),
      ])
      expect(await count()).toBe(5)
      expect(await count(erase(v, noon - 1))).toBe(5)
      expect(await count(erase(v))).toBe(4)
      expect(await count(erase(v, noon + 1))).toBe(3)
      expect(await count(erase({ kind: 'user', value: 'v' }))).toBe(4)
      expect(await count(erase({ kind: 'user', value: 'u' }), erase(v))).toBe(3)
      expect(await count(erase({ kind: 'merchant' }))).toBe(1)
      expect(await count(erase({ kind: 'merchant' }), erase(v, noon + 1))).toBe(0)
    })

    it(`may be of ${openErasuresPerMerchantMax} subjects, each with a moment of its own`, async () => {
      const { count } = await counting([rawRow({ visitor: 'v1' }), rawRow({ visitor: 'v2' }), rawRow({ user: 'v3' })])
      const many = Array.from({ length: openErasuresPerMerchantMax }, (_, i) => {
        const kind = i % 2 === 0 ? 'visitor' : 'user'
        return erase({ kind, value: i === 0 ? 'v1' : `v${i}-`.padEnd(erasedValueMax, 'x') }, noon + i)
      })
      expect(await count(...many)).toBe(2)
    })

    it('are found by their days, rising, bots and every hour of them', async () => {
      const { daysOf } = await counting([
        rawRow({ time: noon + dayMs }),
        rawRow({ time: noon - 400 * dayMs, bot: true }),
        rawRow({ time: noon + 5 * hourMs }),
        rawRow({ time: noon - dayMs, visitor: 'w' }),
        rawRow({ time: noon - 2 * dayMs, received: noon + 1 }),
        rawRow({ time: noon - 3 * dayMs, merchant: 'tea' }),
        rawRow({ time: noon - 4 * dayMs, _gen: 2 }),
        rawRow({ time: -1 }),
      ])
      const today = utcDay(noon)
      expect(await daysOf(erase(v))).toEqual([-1, today - 400, today - 4, today, today + 1])
      expect(await daysOf(erase({ kind: 'user', value: 'v' }))).toEqual([])
      expect(await daysOf(erase({ kind: 'visitor', value: '\ud800' }))).toEqual([])
      expect(await daysOf(erase({ kind: 'visitor', value: `'; DROP TABLE hits; --` }))).toEqual([])
      const ofMerchant = [-1, today - 400, today - 4, today - 1, today, today + 1]
      expect(await daysOf(erase({ kind: 'merchant' }))).toEqual(ofMerchant)
      expect(await daysOf(erase(v), { hits: noView('hits') })).toEqual([])
    })

    it('are exactly those that a recount leaves out', async () => {
      const row = fc.record({
        visitor: fc.constantFrom('v', 'w', "o'b", null),
        user: fc.constantFrom('v', 'u', null),
        received: fc.integer({ min: noon - 3, max: noon + 3 }),
        day: fc.nat({ max: 3 }),
      })
      const erasures = drawnErasures({ merchants: [tea], values: ['v', 'w', 'u'], from: noon - 3, to: noon + 3 })
      await fc.assert(
        fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), erasures, async (drawn, erased) => {
          const { engine, viewOf } = await opened(under)
          const hits = await viewOf('hits', [
            numbered(drawn.map(({ day, ...more }) => rawRow({ ...more, time: noon + day * dayMs }))),
          ])
          const isErased = erasedTest(erased)
          const left = drawn.filter((each) => !isErased({ ...each, merchant: tea }))
          const pieces = [{ start: noon, end: noon + 4 * dayMs, bucket: 0, stored: null }]
          const [group] = await engine.hits(rawQuestion(hits, pieces, { erased }), {})
          expect(Number(group?.hits ?? 0n)).toBe(left.length)
          const [first] = erased
          if (first === undefined) return
          const days = drawn.filter((each) => erasedTest([first])({ ...each, merchant: tea })).map(({ day }) => day)
          const found = await engine.erasedDays({ merchant: tea, hits, erased: first }, {})
          expect(found.map((day) => day - utcDay(noon))).toEqual([...new Set(days)].sort())
        }),
        { numRuns: under.recounts ?? 25 },
      )
    })
  })
}
