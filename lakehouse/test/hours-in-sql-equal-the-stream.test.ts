/** `hourly` computed from `hits` in SQL is what the pipeline writes of the same hits, folded: every column of every row. */

import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dayMs, type EventTime, eventTime, type ReceivedTime, utcDay } from '../../core/event-time.ts'
import { firstGenerations } from '../../core/generations.ts'
import type { Hit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ErasedHits } from '../../core/ports/erasure-store.ts'
import type { LakeRow } from '../../core/tables.ts'
import { batch, createWorld, drain, hit, push, rowsOf, type World } from '../../pipelines/test/support/world.ts'
import { hitsTable, hourlyTable } from '../../schemas/tables.ts'
import { loadRows, withConnection } from '../adapters/duckdb/parquet.ts'
import { chunkRows } from '../adapters/duckdb/parquet-columns.ts'
import { quoteName, sqlType, stagedColumns } from '../adapters/duckdb/parquet-sql.ts'
import { foldRows } from '../core/fold.ts'
import { plainRow } from '../core/plain-row.ts'
import { rowOrder } from '../core/row-order.ts'
import { printDuckDb } from '../core/sql/duckdb-printer.ts'
import { type HourlyQuestion, hourlySelect, hourZonesSelect } from '../core/sql/hourly-select.ts'

const merchants = ['m1', 'm2', "o'brien"] as MerchantId[]
const zones = [
  ...['UTC', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/New_York', 'Europe/Berlin'],
  'America/St_Johns',
]
/** Days around which clocks change, of one zone or another, and one on which none does. */
const days = ['2026-03-08', '2026-03-29', '2026-04-04', '2026-04-05', '2026-06-10', '2026-10-25'].map((day) =>
  utcDay(eventTime(`${day}T00:00:00Z`)),
)

interface Sent {
  readonly merchant: MerchantId
  readonly zone: string
  readonly hit: Omit<Hit, 'id'>
}

const sent: fc.Arbitrary<Sent> = fc
  .record({
    merchant: fc.constantFrom(...merchants),
    zone: fc.constantFrom(...zones),
    day: fc.constantFrom(...days),
    ms: fc.oneof(fc.integer({ min: -2 * 3_600_000, max: 2 * 3_600_000 }), fc.integer({ min: 0, max: dayMs - 1 })),
    name: fc.constantFrom('page_view', 'purchase', 'custom'),
    visitor: fc.constantFrom('v1', 'v2', 'v3'),
    user: fc.constantFrom(null, 'u1', "u'2"),
    page: fc.constantFrom(null, 'https://shop.example/a', 'https://shop.example/ä?x=1'),
    campaign: fc.constantFrom(null, 'spring', ''),
    revenue: fc.option(
      fc.record({ micros: fc.bigInt(-(10n ** 17n), 10n ** 17n), currency: fc.constantFrom('EUR', 'USD', 'JPY') }),
    ),
    load: fc.constantFrom(null, 0, 12, 12.5, 70_000, 'slow'),
    bot: fc.constantFrom(false, false, false, true),
  })
  .map(({ merchant, zone, day, ms, name, visitor, user, page, campaign, revenue, load, bot }) => {
    const { id: _id, ...plain } = hit({
      ...{ time: (day * dayMs + ms) as EventTime, name, visitor, user, url: page, revenue },
      props: load === null ? {} : { load_ms: load },
      context: {
        userAgent: bot ? 'a bot' : 'UA',
        ...{ language: null, screen: null, timeZone: null },
        campaign:
          campaign === null ? null : { source: 'mail', medium: null, name: campaign, term: null, content: null },
      },
    })
    return { merchant, zone, hit: plain }
  })

/** Wide enough for all hits. */
const now = eventTime('2026-12-01T00:00:00Z')

async function worldOf(all: readonly Sent[], epochMaxHits: number): Promise<World> {
  const world = await createWorld({ merchants, partitions: [0, 1] })
  for (const [n, { merchant, zone, hit }] of all.entries()) {
    const received = (now + n) as number as ReceivedTime
    push(world, [batch([{ ...hit, id: `h${n}` }], { merchant, zone, received })], n % 2)
  }
  await drain(world, { epochMaxHits })
  return world
}

let instance: DuckDBInstance
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1' })
})
afterAll(() => instance.closeSync())

const columns = stagedColumns(hourlyTable)

async function computed(hits: readonly LakeRow[], question: HourlyQuestion): Promise<readonly LakeRow[]> {
  return withConnection(instance, async (connection) => {
    await loadRows(connection, 'hits_rows', hitsTable.columns, hits)
    const table = () => 'hits_rows'
    const zones = (await connection.runAndReadAll(printDuckDb(hourZonesSelect(question), table))).getRows()
    if (zones.length === 0) return []
    const sql = printDuckDb(hourlySelect(question, zones.map(String)), table)
    const typed = columns.map(({ name, type }) => `CAST(${quoteName(name)} AS ${sqlType(type)}) AS ${quoteName(name)}`)
    const result = await connection.stream(`SELECT ${typed.join(', ')} FROM (${sql})`)
    const rows: LakeRow[] = []
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return rows
      rows.push(...chunkRows(chunk, columns))
    }
  })
}

/** In one order, with every column. */
function comparable(rows: readonly LakeRow[]) {
  return rows.map((row) => plainRow(columns, row)).sort(rowOrder(hourlyTable))
}

const isIn = ({ range, merchants: of }: HourlyQuestion, row: LakeRow) =>
  of.includes(row.merchant as MerchantId) && Number(row.bucket) >= range.start && Number(row.bucket) < range.end

describe('hours computed in SQL', () => {
  it('are those of the stream, whatever zones, nights of clock changes, currencies, bots and missing values', async () => {
    const chosen = fc.record({
      day: fc.constantFrom(...days),
      span: fc.constantFrom(1, 1, 2),
      merchants: fc.subarray(merchants, { minLength: 1 }),
      epochMaxHits: fc.integer({ min: 1, max: 40 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 60 }), chosen, async (all, choice) => {
        const world = await worldOf(all, choice.epochMaxHits)
        const range = { start: choice.day * dayMs, end: (choice.day + choice.span) * dayMs }
        const question: HourlyQuestion = {
          generation: 1,
          hitGenerations: firstGenerations,
          merchants: choice.merchants,
          range,
          erased: [],
        }
        const expected = foldRows(hourlyTable, await rowsOf(world, 'hourly')).filter((row) => isIn(question, row))
        expect(comparable(await computed(await rowsOf(world, 'hits'), question))).toEqual(comparable(expected))
      }),
      { numRuns: 60 },
    )
  })

  it('are those of a stream that never had the erased hits, but for the places of the records', async () => {
    const erasure = fc.record({
      merchant: fc.constantFrom(...merchants),
      subject: fc.constantFrom<ErasedHits['subject']>(
        { kind: 'visitor', value: 'v1' },
        { kind: 'user', value: "u'2" },
        { kind: 'merchant' },
      ),
      through: fc.integer({ min: 0, max: 60 }).map((n) => now + n),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(sent, { minLength: 1, maxLength: 60 }),
        fc.array(erasure, { maxLength: 3 }),
        fc.constantFrom(...days),
        async (all, erased, day) => {
          const isErased = ({ merchant, hit }: Sent, received: number) =>
            erased.some(
              ({ merchant: of, subject, through }) =>
                of === merchant &&
                received <= through &&
                (subject.kind === 'merchant' || hit[subject.kind] === subject.value),
            )
          const world = await worldOf(all, 1_000)
          const left = await worldOf(
            all.filter((each, n) => !isErased(each, now + n)),
            1_000,
          )
          const range = { start: day * dayMs, end: (day + 1) * dayMs }
          const question: HourlyQuestion = { generation: 1, hitGenerations: firstGenerations, merchants, range, erased }
          const rows = await computed(await rowsOf(world, 'hits'), question)
          const placeless = (row: LakeRow) => ({ ...row, _src: 'log-1', _part: 0, _off_from: 0, _off_to: 0 })
          const folded = (given: readonly LakeRow[]) => comparable(foldRows(hourlyTable, given.map(placeless)))
          const expected = (await rowsOf(left, 'hourly')).filter((row) => isIn(question, row))
          expect(folded(rows)).toEqual(folded(expected))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('keep as many visitors of a total and of a value as the stream does', async () => {
    const time = ((days[4] as number) * dayMs) as EventTime
    const all: Sent[] = Array.from({ length: 4_200 }, (_, n) => {
      const { id: _id, ...plain } = hit({ time, visitor: `v${n}` })
      return { merchant: 'm1' as MerchantId, zone: 'UTC', hit: plain }
    })
    const world = await createWorld({ merchants })
    push(world, [
      batch(
        all.map(({ hit }, n) => ({ ...hit, id: `h${n}` })),
        { merchant: 'm1' as MerchantId, received: now as number as ReceivedTime },
      ),
    ])
    await drain(world)
    const range = { start: time, end: time + dayMs }
    const question: HourlyQuestion = { generation: 1, hitGenerations: firstGenerations, merchants, range, erased: [] }
    const rows = comparable(await computed(await rowsOf(world, 'hits'), question))
    expect(rows).toEqual(comparable(foldRows(hourlyTable, await rowsOf(world, 'hourly'))))
    expect(new Set(rows.map(({ visitors }) => (visitors as unknown[]).length))).toEqual(new Set([4_097, 1_025]))
  })
})
