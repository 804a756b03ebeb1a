/** What every comparison of generations answers, as tests: held to sums made here. */
import { describe, expect, it } from 'vitest'
import { breakdownSketchSize, firstGeneration, totalSketchSize } from '../../schemas/tables.ts'
import { seededRandom } from '../adapters/memory/seeded-random.ts'
import { dayMs, hourMs } from '../event-time.ts'
import { type GenerationEntry, type GenerationPlace, isInPlace } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import { kmvEstimate, kmvUnion } from '../sketch/kmv.ts'
import type { LakeRow } from '../tables.ts'
import type { LakeWriter, TableView } from './lake.ts'
import { partialRow, stagedView } from './query-engine-under-test.ts'
import { diffMerchantsMax, type GenerationComparer, type GenerationMetric, generationMetrics } from './rerun-work.ts'

export interface ComparerUnderTest {
  /** How many drawn maps are compared by. */
  readonly maps?: number
  open(): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'>
    readonly comparerOf: (view: TableView) => GenerationComparer
  }>
}

const first = Date.UTC(2026, 2, 1)
const everything: GenerationPlace = { merchant: null, from: null, to: null }

export function generationComparerContract(name: string, { open, maps = 12 }: ComparerUnderTest): void {
  describe(`comparison of generations: ${name}`, () => {
    async function compared(
      rows: readonly (readonly LakeRow[])[],
      question: Partial<Parameters<GenerationComparer['compare']>[0]> = {},
    ) {
      const { lake, comparerOf } = await open()
      const view = await stagedView(lake, 'hourly', rows, rows.length)
      const asked = { generation: 2, places: [everything], before: [], ...question }
      return { view, diff: await comparerOf(view).compare(asked) }
    }

    const row = (more: LakeRow) => partialRow({ bucket: first, ...more })

    it('says of each metric and breakdown how many buckets there are, which differ, and both totals', async () => {
      const hits = (breakdown: string, value: string, count: number, _gen: number, bucket = first) =>
        row({ breakdown, value, hits: count, pageviews: 1, bucket, _gen })
      const { diff, view } = await compared([
        [hits('total', '', 5, 1), hits('source', '(direct)', 5, 1), hits('total', '', 1, 1, first + hourMs)],
        [hits('total', '', 5, 2), hits('source', '(direct)', 2, 2), hits('source', 'Google', 3, 2)],
        [hits('total', '', 1, 2, first + hourMs)],
      ])
      const of = (metric: GenerationMetric, breakdown: string) =>
        diff.total.find((each) => each.metric === metric && each.breakdown === breakdown)
      expect(of('hits', 'total')).toEqual({
        ...{ metric: 'hits', breakdown: 'total', buckets: 2, changed: 0, before: '6', after: '6', largest: null },
      })
      expect(of('hits', 'source')).toMatchObject({ buckets: 2, changed: 2, before: '5', after: '5' })
      expect(of('hits', 'source')?.largest).toMatchObject({ breakdown: 'source', bucket: first })
      expect(of('visitors', 'source')).toMatchObject({ changed: 1, before: '1', after: '2' })
      expect(diff).toMatchObject({ snapshot: view.snapshot, merchantsCompared: 1, merchantsChanged: 1 })
      expect(diff.merchants.map(({ merchant, metrics }) => [merchant, metrics.map((each) => each.metric)])).toEqual([
        ['tea-house', ['hits', 'pageviews', 'visitors']],
      ])
    })

    it('finds nothing to compare in a table without rows, and in places without any', async () => {
      const nothing = { total: [], merchants: [], merchantsCompared: 0, merchantsChanged: 0 }
      const { comparerOf } = await open()
      const none = comparerOf({ table: 'hourly', snapshot: null, pending: [] })
      expect(await none.compare({ generation: 2, places: [everything], before: [] })).toMatchObject(nothing)
      const elsewhere = [{ merchant: 'x' as MerchantId, from: null, to: null }]
      expect((await compared([[row({})]], { places: elsewhere })).diff).toMatchObject(nothing)
    })

    it('names the merchants with most differences, and no more than its limit', async () => {
      const names = Array.from({ length: diffMerchantsMax + 2 }, (_, i) => `m${String(i).padStart(3, '0')}`)
      const rows = names.flatMap((merchant, i) =>
        Array.from({ length: i + 1 }, (_, hour) => row({ merchant, bucket: first + hour * hourMs, _gen: 2 })),
      )
      const { diff } = await compared([rows])
      expect(diff.merchants.map(({ merchant }) => merchant)).toEqual(names.slice(2).reverse())
      expect(diff).toMatchObject({ merchantsCompared: names.length, merchantsChanged: names.length })
    })

    it('counts exactly beyond 64 bits and takes hostile values for text', async () => {
      const value = `'; DROP TABLE "hourly" -- ü 🛒 \\`
      const huge = 10n ** 30n
      const rows = [row({ revenue_micros: huge, breakdown: 'page', value }), row({ breakdown: 'page', value, _gen: 2 })]
      const { diff } = await compared([rows])
      const [found] = diff.total.filter(({ metric }) => metric === 'revenue')
      expect(found).toMatchObject({ changed: 1, before: String(huge), after: '0' })
      expect(found?.largest).toEqual({
        ...{ merchant: 'tea-house', bucket: first, breakdown: 'page', value, before: String(huge), after: '0' },
      })
    })

    it('estimates what full sketches count as every answer does', async () => {
      const hashes = (count: number, step: bigint) => Array.from({ length: count }, (_, i) => BigInt(i) * step)
      const [full, breakdown] = [hashes(totalSketchSize, 2n ** 50n), hashes(breakdownSketchSize, 2n ** 52n)]
      const { diff } = await compared([
        [row({ visitors: full }), row({ breakdown: 'name', visitors: breakdown })],
        [row({ visitors: full.slice(1), _gen: 2 }), row({ breakdown: 'name', visitors: [1n], _gen: 2 })],
      ])
      const visitors = diff.total.filter(({ metric }) => metric === 'visitors')
      const estimate = (list: readonly bigint[], k: number) => kmvEstimate(list.length, list.at(-1) ?? null, k).count
      expect(visitors.map(({ before, after }) => [before, after])).toEqual([
        [String(estimate(full, totalSketchSize)), String(totalSketchSize - 1)],
        [String(estimate(breakdown, breakdownSketchSize)), '1'],
      ])
    })

    it('compares with what answers at each place, whatever the map, as sums made by hand do', async () => {
      for (let seed = 1; seed <= maps; seed++) {
        const random = seededRandom(seed)
        const pick = (count: number) => (random.bytes(1)[0] as number) % count
        const merchants = ['a', 'b', 'c']
        const place = (): GenerationPlace => {
          const from = [null, first + dayMs, first + 2 * dayMs][pick(3)] ?? null
          const to = [null, first + 3 * dayMs, first + 2 * dayMs + dayMs][pick(3)] ?? null
          return { merchant: (pick(2) === 0 ? null : merchants[pick(3)]) as MerchantId | null, from, to }
        }
        const rows = Array.from({ length: 60 }, () => {
          const bucket = first + pick(4) * dayMs + pick(2) * hourMs
          const visitors = [BigInt(pick(3)), BigInt(3 + pick(3))]
          const names = {
            merchant: merchants[pick(3)] as string,
            breakdown: 'source',
            value: ['', 'x'][pick(2)] as string,
          }
          return row({
            ...names,
            bucket,
            visitors,
            hits: 1 + pick(4),
            orders: pick(2),
            _gen: 1 + pick(4),
            _part: pick(2),
          })
        })
        const places = [place()]
        const before = Array.from({ length: pick(3) }, () => ({ ...place(), generation: [1, 3, 4][pick(3)] as number }))
        const { diff } = await compared([rows.slice(0, 30), rows.slice(30)], { places, before })
        const expected = summed(rows, places, before)
        expect(diff.merchantsCompared).toBe(new Set(expected.map(({ merchant }) => merchant)).size)
        const changedOnes = expected.filter((each) =>
          generationMetrics.some((metric) => each.before[metric] !== each.after[metric]),
        )
        expect(diff.merchantsChanged).toBe(new Set(changedOnes.map(({ merchant }) => merchant)).size)
        for (const metric of generationMetrics) {
          const found = diff.total.find((each) => each.metric === metric)
          const differing = expected.filter((each) => each.before[metric] !== each.after[metric])
          const sum = (side: 'before' | 'after') => String(expected.reduce((all, each) => all + each[side][metric], 0n))
          const distance = (each: (typeof expected)[number]) => {
            const by = each.before[metric] - each.after[metric]
            return by < 0n ? -by : by
          }
          if (expected.length === 0) expect(found).toBeUndefined()
          else {
            expect(found).toMatchObject({
              buckets: expected.length,
              changed: differing.length,
              before: sum('before'),
              after: sum('after'),
            })
            const far = differing.map(distance).sort(rising).at(-1) ?? 0n
            const largest = found?.largest ?? null
            expect(largest === null ? 0n : distanceOf(largest)).toBe(far)
          }
        }
      }
    })
  })
}

function distanceOf({ before, after }: { readonly before: string; readonly after: string }): bigint {
  const by = BigInt(before) - BigInt(after)
  return by < 0n ? -by : by
}

const rising = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)

type Numbers = Record<GenerationMetric, bigint>

/** The merged numbers of both sides, a row an hour and value, of rows that belong to either. */
function summed(
  rows: readonly LakeRow[],
  places: readonly GenerationPlace[],
  before: readonly (GenerationPlace & { readonly generation: number })[],
) {
  const found = new Map<string, { merchant: string; before: LakeRow[]; after: LakeRow[] }>()
  for (const row of rows) {
    const [merchant, bucket] = [String(row.merchant), Number(row.bucket)]
    if (!places.some((place) => isInPlace(place, merchant, bucket))) continue
    const entries: readonly GenerationEntry[] = before.map((entry) => ({ ...entry, sink: 'hourly' }))
    const answers = entries.filter((entry) => isInPlace(entry, merchant, bucket)).at(-1)?.generation ?? firstGeneration
    const side = row._gen === 2 ? 'after' : row._gen === answers ? 'before' : null
    if (side === null) continue
    const key = JSON.stringify([merchant, bucket, row.breakdown, row.value])
    const group = found.get(key) ?? { merchant, before: [], after: [] }
    found.set(key, group)
    group[side].push(row)
  }
  const numbersOf = (list: readonly LakeRow[]): Numbers => {
    const sum = (name: string) => list.reduce((all, each) => all + BigInt(each[name] as number), 0n)
    const hashes = list.reduce<bigint[]>(
      (all, each) => kmvUnion(all, [...(each.visitors as bigint[])].sort(), 1_000),
      [],
    )
    const sums = { hits: sum('hits'), pageviews: sum('pageviews'), orders: sum('orders') }
    return { ...sums, revenue: sum('revenue_micros'), visitors: BigInt(hashes.length) }
  }
  return [...found.values()].map((group) => ({
    merchant: group.merchant,
    before: numbersOf(group.before),
    after: numbersOf(group.after),
  }))
}
