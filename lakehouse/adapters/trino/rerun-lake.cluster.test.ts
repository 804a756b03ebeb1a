/** Reruns over Trino make what reruns over memory make of the same rows: by operators, and hours by SQL. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TrinoResultTooLargeError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { AcceptedRows } from '../../../core/ports/rerun-work.ts'
import {
  comparable,
  everywhere,
  executorOf,
  firstDay,
  liveWorld,
  memoryLakes,
  merchants,
  type RerunWorld,
  requestOf,
  rerun,
  scan,
  traffic,
} from '../../../pipelines/runtime/rerun/test/rerun-world.ts'
import { tables } from '../../../schemas/tables.ts'
import { openTrinoLake, type TrinoLakeUnderTest, watchedTrino } from '../../test/trino-lake-under-test.ts'
import { currentSnapshot } from './lake-snapshots.ts'
import { createTrinoRerunLake } from './rerun-lake.ts'

type Lot = Parameters<typeof liveWorld>[1][number]

let under: TrinoLakeUnderTest
let world: RerunWorld
let rows: readonly AcceptedRows[]

beforeAll(async () => {
  under = await openTrinoLake(['hits', 'failed_hits'])
  // Many kinds of hits, over two publications.
  const [first, second] = fc
    .sample(traffic, { numRuns: 40, seed: 5 })
    .reduce<[Lot, Lot]>(([a, b], sent, n) => (n % 2 === 0 ? [[...a, ...sent], b] : [a, [...b, ...sent]]), [[], []])
  world = await liveWorld(await memoryLakes().open(), [first, second])
  const lake = under.lake()
  for (const table of ['hits', 'failed_hits'] as const) {
    for (const id of [1, 2]) {
      const own = (await world.live(table)).filter(({ _publish }) => _publish === id)
      const file = await lake.stage(table, `staged/${table}/t-${id}.parquet`, own)
      await lake.publish(table, id, [file])
    }
  }
  rows = await Promise.all(
    world.rows.map(async (of) => ({ ...of, snapshot: await currentSnapshot(under, tables[of.table]) })),
  )
})
afterAll(() => under.close())

const overTrino = (pageRows?: number): RerunLake =>
  createTrinoRerunLake({ ...under, writer: world.lake, ...(pageRows !== undefined && { pageRows }) })

async function made(lake: RerunLake, change: Parameters<typeof requestOf>[0], of: readonly AcceptedRows[]) {
  const request = requestOf(change)
  const executor = executorOf({ ...world, rerun: lake })
  expect(await executor.refusal(request)).toBeNull()
  const { staged, outputs } = await rerun(executor, { request, rows: of })
  const found = new Map<string, unknown>()
  for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
    found.set(table, comparable(table, await scan(world.lake, table, null, staged)))
  }
  return { found, rowsRead: outputs.reduce((sum, each) => sum + each.rowsRead, 0) }
}

const whole = { day: null, part: 0, parts: 1, generations: [1], merchants: null, time: { from: null, to: null } }

describe('a rerun over Trino', () => {
  it('finds the days, with as many rows, of the publications asked for', async () => {
    const sorted = (days: Awaited<ReturnType<RerunLake['days']>>) =>
      days.map(({ day, rows: count }) => [day, count]).sort(([a = 0], [b = 0]) => a - b)
    for (const [n, of] of rows.entries()) {
      for (const cut of [{}, { after: 1 }, { through: 1 }]) {
        for (const generations of [undefined, [1], [7]]) {
          const expected = await world.rerun.days({ ...(world.rows[n] as AcceptedRows), ...cut }, generations)
          expect(sorted(await overTrino().days({ ...of, ...cut }, generations))).toEqual(sorted(expected))
        }
      }
    }
  })

  it('makes the rows that it makes over memory, page by page, exactly', async () => {
    const change = { via: 'stream' } as const
    const expected = await made(world.rerun, change, world.rows)
    expect(await made(overTrino(), change, rows)).toEqual(expected)
    expect(await made(overTrino(7), change, rows)).toEqual(expected)
    expect((expected.found.get('hits') as unknown[]).length).toBeGreaterThan(100)
  })

  it('makes hours by SQL that are those by operators, also of few places', async () => {
    const places: readonly (readonly GenerationPlace[])[] = [
      everywhere,
      [
        { merchant: merchants[0] as never, from: firstDay + dayMs, to: firstDay + 2 * dayMs },
        { merchant: merchants[2] as never, from: null, to: firstDay + 3 * dayMs },
      ],
    ]
    for (const of of places) {
      const change = { sinks: ['hourly'], places: of } as const
      const { found } = await made(world.rerun, { ...change, via: 'stream' }, world.rows)
      expect((await made(overTrino(), { ...change, via: 'sql' }, rows)).found).toEqual(found)
    }
  })

  it('makes hours in halves where they are more rows than an answer may have', async () => {
    const { found } = await made(world.rerun, { sinks: ['hourly'], via: 'stream' }, world.rows)
    const trino: typeof under.trino = {
      ...under.trino,
      async query(sql, options) {
        const answer = await under.trino.query(sql, options)
        if (sql.includes('"hours"') && answer.length > 300) throw new TrinoResultTooLargeError(300)
        return answer
      },
    }
    const lake = createTrinoRerunLake({ ...under, trino, writer: world.lake })
    expect((await made(lake, { sinks: ['hourly'], via: 'sql' }, rows)).found).toEqual(found)
  })

  it('reads by one statement what is thought to be few rows, and all of it where that was wrong', async () => {
    const [hits] = rows as [AcceptedRows]
    let statements = 0
    const trino = watchedTrino(under.trino, async () => {
      statements += 1
    })
    const read = async (estimatedRows: number | null, pageRows?: number) => {
      statements = 0
      const lake = createTrinoRerunLake({ ...under, trino, writer: world.lake, ...(pageRows && { pageRows }) })
      const ids: string[] = []
      const { signal } = new AbortController()
      for await (const some of lake.read({ rows: hits, ...whole, estimatedRows }, ['id', '_off', '_idx'], signal)) {
        expect(some.length).toBeGreaterThan(0)
        ids.push(...some.map(({ id, _off, _idx }) => `${id} ${_off} ${_idx}`))
      }
      return { ids: ids.sort(), statements }
    }
    const counted = await read(null)
    expect(counted).toMatchObject({ statements: 2 })
    const { ids } = counted
    expect(ids.length).toBeGreaterThan(100)
    expect(await read(ids.length)).toEqual({ ids, statements: 1 })
    expect(await read(0)).toEqual({ ids, statements: 1 })
    expect(await read(ids.length, ids.length)).toEqual({ ids, statements: 1 })
    // One more than a page: nothing is cut off.
    const fewer = ids.length - 1
    expect(await read(fewer, fewer)).toEqual({ ids, statements: 1 + 1 + 2 })
    expect((await read(ids.length, fewer)).statements).toBe(1 + 2)
  })

  it('says so where the table has no such snapshot, and ends its statements when it is cancelled', async () => {
    const [hits] = rows as [AcceptedRows]
    const unknown = { ...hits, snapshot: '1234567' }
    await expect(overTrino().days(unknown)).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    const cancel = new AbortController()
    cancel.abort(new Error('enough'))
    const read = overTrino().read({ rows: hits, ...whole, estimatedRows: null }, ['id'], cancel.signal)
    await expect(read[Symbol.asyncIterator]().next()).rejects.toThrow('enough')
  })
})
