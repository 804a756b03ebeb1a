/** What the DuckDB engine does at its limits: cancelled, late, too many at once, files that are not what they should be. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { EngineUnavailableError } from '../../../core/errors.ts'
import { hours, noon, rawQuestion, tea } from '../../../core/ports/query-engine-under-test.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import type { TableFile } from '../../core/table-files.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'
import { fieldIds } from './parquet-sql.ts'
import { createDuckDbQueryEngine, type DuckDbQueryEngine, defaultQueryTimeoutMs } from './query-engine.ts'

const folder = await mkdtemp(join(tmpdir(), 'hitlake-engine-'))
const instance = await openDatabase({
  file: ':memory:',
  memoryLimitBytes: 12 * minDatabaseMemoryBytes,
  threads: 2,
  scratch: join(folder, 'spill'),
})
afterAll(async () => {
  instance.closeSync()
  await rm(folder, { recursive: true, force: true })
})

/** Enough hits, each of a visitor of its own, that 10,000 buckets of them take seconds. */
const slow: TableFile = { localPath: join(folder, 'slow.parquet'), rows: 3_000_000, bytes: 1, published: true }
const written = ['merchant', 'name', 'time', 'bot', 'visitor_hash', 'revenue_home_micros', '_gen']
const setup = await instance.connect()
await setup.run(
  `COPY (SELECT '${tea}' AS merchant, 'page_view' AS name, make_timestamptz((${noon} + range * 11) * 1000) AS time, false AS bot,
     CAST(hash(range) >> 1 AS BIGINT) AS visitor_hash, 1::BIGINT AS revenue_home_micros, 1 AS _gen FROM range(${slow.rows}))
   TO '${slow.localPath}' (FORMAT parquet, FIELD_IDS ${fieldIds(hitsTable.columns.filter(({ name }) => written.includes(name)))})`,
)
setup.closeSync()

const view = { table: 'hits', snapshot: '1', pending: [] } as const
const slowQuestion = rawQuestion(view, hours(10_000), { parts: ['visitors'], rawRowBudget: slow.rows })
const quickQuestion = rawQuestion(view, hours(1, noon - 3_600_000), { parts: ['visitors'], rawRowBudget: slow.rows })

function open(more: { concurrency?: number; maxWaiting?: number } = {}, found: readonly TableFile[] = [slow]) {
  const clock = new ManualClock()
  const engine = createDuckDbQueryEngine({ instance, files: { files: async () => found }, timers: clock, ...more })
  return { engine, clock }
}

/** Waits until as many queries run: each has set the timer of its time limit. */
async function running(clock: ManualClock, count = 1): Promise<void> {
  while (clock.pendingTimers < count) await nextTurn()
}

async function refused(answer: Promise<unknown>): Promise<EngineUnavailableError & { cause: Error }> {
  const error = await answer.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(EngineUnavailableError)
  return error as EngineUnavailableError & { cause: Error }
}

async function stillAnswers(engine: DuckDbQueryEngine): Promise<void> {
  expect(await engine.hits(quickQuestion, {})).toEqual([])
}

describe('the DuckDB engine at its limits', () => {
  it('stops a query whose caller has left, says why, and goes on', async () => {
    const { engine, clock } = open({ concurrency: 1 })
    const caller = new AbortController()
    const answer = engine.hits(slowQuestion, { signal: caller.signal })
    const reason = new Error('the client left')
    await running(clock)
    caller.abort(reason)
    await expect(answer).rejects.toBe(reason)
    expect(clock.pendingTimers).toBe(0)
    await stillAnswers(engine)
    await engine.close()
  })

  it('stops a query at its time limit, not a moment sooner', async () => {
    const { engine, clock } = open({ concurrency: 1 })
    const answer = engine.hits(slowQuestion, {})
    await running(clock)
    clock.advance(defaultQueryTimeoutMs - 1)
    expect(clock.pendingTimers).toBe(1)
    clock.advance(1)
    expect((await refused(answer)).cause.message).toBe(`the query took more than ${defaultQueryTimeoutMs} ms`)
    await stillAnswers(engine)
    await engine.close()
  })

  it('lets a stated number wait, in order, and refuses the next', async () => {
    const { engine, clock } = open({ concurrency: 1, maxWaiting: 2 })
    const first = new AbortController()
    const slowOne = engine.hits(slowQuestion, { signal: first.signal })
    await running(clock)
    const order: string[] = []
    const waiting = ['a', 'b'].map(async (name) => {
      await engine.hits(quickQuestion, {})
      order.push(name)
    })
    await nextTurn()
    expect((await refused(engine.hits(quickQuestion, {}))).cause.message).toBe('2 queries wait already')
    first.abort()
    await expect(slowOne).rejects.toThrow('aborted')
    await Promise.all(waiting)
    expect(order).toEqual(['a', 'b'])
    await engine.close()
  })

  it('gives the place of a caller who leaves the line to another', async () => {
    const { engine, clock } = open({ concurrency: 1, maxWaiting: 1 })
    const first = new AbortController()
    const slowOne = engine.hits(slowQuestion, { signal: first.signal })
    await running(clock)
    const second = new AbortController()
    const leaves = engine.hits(quickQuestion, { signal: second.signal })
    await nextTurn()
    second.abort(new Error('left the line'))
    await expect(leaves).rejects.toThrow('left the line')
    const takesThePlace = engine.hits(quickQuestion, {})
    await nextTurn()
    first.abort()
    await expect(slowOne).rejects.toThrow('aborted')
    expect(await takesThePlace).toEqual([])
    await engine.close()
  })

  it('says what DuckDB said of a file that is gone or is no Parquet', async () => {
    const broken = join(folder, 'broken.parquet')
    await writeFile(broken, 'not parquet at all')
    for (const localPath of [broken, join(folder, 'gone.parquet')]) {
      const { engine } = open({}, [{ ...slow, localPath }])
      expect((await refused(engine.hits(quickQuestion, {}))).cause.message).toContain(localPath)
      await engine.close()
    }
  })

  it('says what kept it from finding the files', async () => {
    const files = { files: () => Promise.reject(new Error('the manifest is gone')) }
    const engine = createDuckDbQueryEngine({ instance, files, timers: new ManualClock() })
    expect((await refused(engine.hits(quickQuestion, {}))).cause.message).toBe('the manifest is gone')
    await engine.close()
  })

  it('ends what runs and what waits when it is closed, and refuses what comes after', async () => {
    const { engine, clock } = open({ concurrency: 1 })
    const runs = engine.hits(slowQuestion, {})
    await running(clock)
    const waits = engine.hits(quickQuestion, {})
    await nextTurn()
    const closed = engine.close()
    const late = engine.hits(quickQuestion, {})
    const errors = await Promise.all([runs, waits, late].map(refused))
    expect(errors.map(({ cause }) => cause.message)).toEqual(Array(3).fill('the query engine is closed'))
    await closed
  })
})
