/**
 * Derivation where several generations share the base table: units are made of the rows that answer, as of a lake that holds
 * no others, and are of the generation that answers where they begin.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, hourMs } from '../event-time.ts'
import {
  firstGenerations,
  type GenerationEntry,
  type GenerationMap,
  generationFinder,
  isInPlace,
} from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow } from '../tables.ts'
import { visitsRule } from '../visits.ts'
import type { DeriveWork, TableView } from './lake.ts'
import type { DeriveUnderTest } from './lake-derive.contract.ts'
import { baseOfDerived, type DerivedTable, type DerivedUnit } from './maintenance-store.ts'

const midnight = eventTime('2026-03-29T00:00:00Z')
const [tea, ship] = ['tea-house', "ship's"] as MerchantId[] as [MerchantId, MerchantId]

const days = fc.option(fc.integer({ min: -2, max: 3 }).map((n) => midnight + n * dayMs))
const entry = (sink: GenerationEntry['sink']): fc.Arbitrary<GenerationEntry> =>
  fc
    .record({
      sink: fc.constantFrom(sink, sink, sink, 'hits', 'hourly'),
      merchant: fc.constantFrom(null, null, tea, ship),
      from: days,
      to: days,
      generation: fc.constantFrom(1, 2, 3),
    })
    .filter(({ from, to }) => from === null || to === null || from < to)
const drawnRow = fc.record({
  merchant: fc.constantFrom(tea, ship),
  time: fc.integer({ min: -60, max: 84 }).map((hour) => midnight + hour * hourMs),
  visitor: fc.constantFrom('ada', 'bob'),
  _gen: fc.constantFrom(1, 2, 3),
})
const drawn = (sink: GenerationEntry['sink']) =>
  fc.record({
    entries: fc.array(entry(sink), { minLength: 1, maxLength: 4 }),
    rows: fc.array(drawnRow, { minLength: 1, maxLength: 40 }),
  })
interface Drawn {
  readonly merchant: MerchantId
  readonly time: number
  readonly visitor: string
  readonly _gen: number
}

const hit = ({ time, visitor, merchant, _gen }: Drawn, n: number): LakeRow => ({
  ...{ merchant, id: String(n), name: 'page_view', time, received: time, visitor, session: null, bot: false },
  ...{ path: `/${_gen}`, _src: 'log', _part: 0, _off: n, _idx: 0, _gen },
})
const hour = ({ time, visitor, merchant, _gen }: Drawn, n: number): LakeRow => ({
  ...{ merchant, bucket: time, breakdown: 'page', value: visitor, hits: 1, pageviews: 1, visitors: [BigInt(_gen)] },
  ...{ orders: 0, revenue_micros: 0n, _src: 'log', _part: 0, _off_from: n, _off_to: n, _gen },
})

/** Days whose midnight is not UTC's: at the edge of a place they are of two generations. */
function unitsOf(table: DerivedTable): readonly DerivedUnit[] {
  const begins = table === 'daily' ? midnight - 2 * hourMs : midnight
  return [tea, ship].flatMap((merchant) =>
    [-1, 0, 1, 2].map((n) => ({ merchant, start: begins + n * dayMs, end: begins + (n + 1) * dayMs })),
  )
}

export function deriveGenerationsContract(under: DeriveUnderTest): void {
  async function derived(table: DerivedTable, given: readonly LakeRow[], generations: GenerationMap) {
    const { lake, rows } = await under.open({ maxValues: 1_000 })
    const base = baseOfDerived[table]
    const staged = await lake.stage(base, `staged/${base}`, given)
    const { snapshot: published } = await lake.publish(base, 1, [staged])
    const view: TableView = { table: base, snapshot: published, pending: [] }
    const work: DeriveWork = { table, id: 7, generations, view, units: unitsOf(table), erased: [], rule: visitsRule }
    const { snapshot, rows: count } = await lake.derive(work)
    const found = snapshot === null ? [] : await rows(table, snapshot)
    expect(found).toHaveLength(count)
    expect(found.map(({ _row }) => Number(_row)).toSorted((a, b) => a - b)).toEqual(found.map((_, at) => at))
    // Once more changes nothing, whichever generations its rows are of.
    expect(await lake.derive(work)).toEqual({ snapshot, rows: count })
    return found
  }
  const told = (rows: readonly LakeRow[]) =>
    rows.map(({ _row, _gen, ...row }) => JSON.stringify(row, (_, value) => plain(value))).toSorted()

  for (const [table, sink, made] of [
    ['sessions', 'hits', hit],
    ['daily', 'hourly', hour],
  ] as const) {
    describe(`of ${table}, where generations share the table`, () => {
      it('reads the rows that answer and makes rows of the generation that answers where a unit begins', async () => {
        await fc.assert(
          fc.asyncProperty(drawn(sink), async ({ entries, rows }) => {
            const generations = { base: 1, entries }
            const answers = (each: Drawn) => {
              const own = entries.filter((one) => one.sink === sink && isInPlace(one, each.merchant, each.time))
              return each._gen === (own.at(-1)?.generation ?? 1)
            }
            const all = rows.map(made)
            const answering = all.filter((_, n) => answers(rows[n] as Drawn)).map((row) => ({ ...row, _gen: 1 }))
            const found = await derived(table, all, generations)
            const alone = answering.length === 0 ? [] : await derived(table, answering, firstGenerations)
            expect(told(found)).toEqual(told(alone))
            const answeringAt = generationFinder(generations, sink)
            for (const row of found) {
              const begins = Number(table === 'daily' ? row.bucket : row.start)
              expect(row._gen).toBe(answeringAt(String(row.merchant), begins))
            }
          }),
          { numRuns: under.runs },
        )
      })

      it('knows more places of merchants than a statement has conditions', async () => {
        const others = Array.from({ length: 80 }, (_, n) => `shop-${n}` as MerchantId)
        const place = (merchant: MerchantId | null, day: number, generation: number): GenerationEntry => ({
          ...{ sink, merchant, generation },
          ...{ from: midnight + day * dayMs, to: midnight + (day + 1) * dayMs },
        })
        const entries = [
          place(null, 1, 3),
          ...others.map((merchant) => place(merchant, 0, 2)),
          ...[0, 1, 2].flatMap((n) => others.map((merchant) => place(merchant, n + 5, 3))),
          place(tea, 0, 3),
          place(ship, 1, 2),
        ]
        const each = [tea, ship].flatMap((merchant) =>
          [0, 1, 2].flatMap((n) =>
            [1, 2, 3].map((_gen) => ({ merchant, _gen, visitor: `${_gen}`, time: midnight + n * dayMs + 12 * hourMs })),
          ),
        )
        const found = await derived(table, each.map(made), { base: 1, entries })
        const facts = found.map((row) => {
          const begins = new Date(Number(table === 'daily' ? row.bucket : row.start) + 2 * hourMs)
          return `${row.merchant} ${begins.getUTCDate()} ${table === 'daily' ? row.value : row.visitor}`
        })
        expect(facts.toSorted()).toEqual(
          [`${ship} 29 1`, `${ship} 30 2`, `${ship} 31 1`, `${tea} 29 3`, `${tea} 30 3`, `${tea} 31 1`].toSorted(),
        )
      })
    })
  }
}

const plain = (value: unknown) => (typeof value === 'bigint' ? String(value) : value)
