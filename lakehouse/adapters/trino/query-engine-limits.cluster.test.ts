/** What the Trino engine does at its limits: cancelled, late, too many at once, tables that are not there, no Trino at all. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { EngineUnavailableError, TrinoQueryError } from '../../../core/errors.ts'
import { hourMs } from '../../../core/event-time.ts'
import { hours, noon, rawQuestion, tea } from '../../../core/ports/query-engine-under-test.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { createTrino } from './client.ts'
import { createTrinoQueryEngine, defaultTrinoQueryTimeoutMs } from './query-engine.ts'
import { openTrinoUnderTest } from './query-engine-under-test.ts'
import { createTable, trinoTable } from './tables.ts'

const source = `limits-${process.pid}-${Date.now()}`
const under = openTrinoUnderTest(source)
const { trino, catalog } = under
let place = { catalog, schema: '' }
let snapshot = ''

/** Hits enough, each of a visitor of its own, that thousands of buckets of them take some seconds. */
const slowRows = 800_000

beforeAll(async () => {
  place = { catalog, schema: await under.openSchema() }
  const hits = trinoTable(place, 'hits')
  await trino.query(createTable(place, hitsTable))
  await trino.query(`INSERT INTO ${hits} (merchant, name, "time", bot, visitor_hash, revenue_home_micros, _gen)
SELECT '${tea}', 'page_view', from_unixtime_nanos((${noon} + x * 1000 + y) * 1000000), false, x * 1000 + y, 1, 1
FROM UNNEST(sequence(0, ${slowRows / 1_000 - 1})) t(x) CROSS JOIN UNNEST(sequence(0, 999)) u(y)`)
  const snapshots = trinoTable(place, 'hits$snapshots')
  const newest = `SELECT CAST(snapshot_id AS varchar) FROM ${snapshots} ORDER BY committed_at DESC LIMIT 1`
  snapshot = String((await trino.query(newest))[0]?.[0])
})
afterAll(() => under.close())

const viewAt = (id: string) => ({ table: 'hits', snapshot: id, pending: [] }) as const
const slowQuestion = () => rawQuestion(viewAt(snapshot), hours(10_000), { parts: ['visitors'], rawRowBudget: slowRows })
const quickQuestion = () =>
  rawQuestion(viewAt(snapshot), hours(1, noon - hourMs), { parts: ['visitors'], rawRowBudget: slowRows })

function open(more: { concurrency?: number; maxWaiting?: number; timeoutMs?: number } = {}) {
  const timers = new ManualClock()
  return { engine: createTrinoQueryEngine({ trino, ...place, timers, ...more }), timers }
}

const watcher = openTrinoUnderTest('watcher')
afterAll(() => watcher.close())

/** Statements of the engine under test that Trino works on now. */
async function runningInTrino(): Promise<number> {
  const asked = `SELECT CAST(count(*) AS varchar) FROM system.runtime.queries
WHERE source = '${source}' AND state NOT IN ('FINISHED', 'FAILED')`
  return Number((await watcher.trino.query(asked))[0]?.[0])
}

async function untilRunning(count: number): Promise<void> {
  while ((await runningInTrino()) !== count) await pause(20)
}

async function refused(answer: Promise<unknown>): Promise<Error> {
  const error = await answer.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(EngineUnavailableError)
  return error.cause
}

describe('the Trino engine at its limits', () => {
  it('ends a query in Trino when its caller has left, says why, and goes on', async () => {
    const { engine, timers } = open({ concurrency: 1 })
    const caller = new AbortController()
    const reason = new Error('the client left')
    const answer = engine.hits(slowQuestion(), { signal: caller.signal })
    answer.catch(() => undefined)
    await untilRunning(1)
    caller.abort(reason)
    await expect(answer).rejects.toBe(reason)
    await untilRunning(0)
    expect(timers.pendingTimers).toBe(0)
    expect(await engine.hits(quickQuestion(), {})).toEqual([])
    await engine.close()
  })

  it('ends a query in Trino at its time limit, not a moment sooner', async () => {
    const { engine, timers } = open({ concurrency: 1 })
    const answer = engine.hits(slowQuestion(), {})
    answer.catch(() => undefined)
    await untilRunning(1)
    timers.advance(defaultTrinoQueryTimeoutMs - 1)
    expect(timers.pendingTimers).toBe(1)
    timers.advance(1)
    expect((await refused(answer)).message).toBe(`the query took more than ${defaultTrinoQueryTimeoutMs} ms`)
    await untilRunning(0)
    await engine.close()
  })

  it('leaves Trino a time limit too, should nobody be there to cancel', async () => {
    // The engine's own timer never fires here. Trino looks at its limits once a second.
    const { engine } = open({ timeoutMs: 150 })
    const cause = await refused(engine.hits(slowQuestion(), {}))
    expect(cause).toBeInstanceOf(TrinoQueryError)
    expect((cause as TrinoQueryError).errorName).toBe('EXCEEDED_TIME_LIMIT')
    await engine.close()
  })

  it('lets a stated number wait, and refuses the next', async () => {
    const { engine, timers } = open({ concurrency: 1, maxWaiting: 1 })
    const first = new AbortController()
    const runs = engine.hits(slowQuestion(), { signal: first.signal })
    runs.catch(() => undefined)
    const waits = engine.hits(quickQuestion(), {})
    expect((await refused(engine.hits(quickQuestion(), {}))).message).toBe('1 queries wait already')
    expect(timers.pendingTimers).toBe(1)
    first.abort()
    expect(await waits).toEqual([])
    await engine.close()
  })

  it('says what Trino said of a snapshot that is gone, and asks for none that is no number', async () => {
    const { engine } = open()
    const cause = await refused(engine.hits({ ...quickQuestion(), hits: viewAt('1') }, {}))
    expect(cause).toBeInstanceOf(TrinoQueryError)
    const odd = await refused(engine.hits({ ...quickQuestion(), hits: viewAt("1'; --") }, {}))
    expect(odd).toBeInstanceOf(RangeError)
    await engine.close()
  })

  it('reads columns as null that a snapshot is older than', async () => {
    const older = { catalog, schema: await under.openSchema() }
    const added = ['os', 'load_bucket', 'revenue_currency']
    const columns = hitsTable.columns.filter(({ name }) => !added.includes(name))
    await trino.query(createTable(older, { ...hitsTable, columns }))
    const hits = trinoTable(older, 'hits')
    await trino.query(`INSERT INTO ${hits} (merchant, id, name, "time", bot, _gen)
VALUES ('${tea}', 'a', 'page_view', from_unixtime_nanos(${noon} * 1000000), false, 1)`)
    const newest = `SELECT CAST(snapshot_id AS varchar) FROM ${trinoTable(older, 'hits$snapshots')}
ORDER BY committed_at DESC LIMIT 1`
    const view = viewAt(String((await trino.query(newest))[0]?.[0]))
    const engine = createTrinoQueryEngine({ trino, ...older, timers: systemTimers })
    const question = rawQuestion(view, hours(1), { dimensions: ['os'], parts: ['load', 'otherRevenue'] })
    // Before the columns are added, as with a gateway that is newer than the lake, and after.
    for (const state of ['missing', 'added'] as const) {
      if (state === 'added') await trino.query(`ALTER TABLE ${hits} ADD COLUMN os varchar`)
      expect(await engine.hits(question, {})).toMatchObject([{ values: [''], hits: 1n, load: [], otherRevenue: [] }])
    }
    const range = { start: noon, end: noon + 1 }
    expect(await engine.knownIds({ merchant: tea, hits: view, range, ids: ['a', 'b'] }, {})).toEqual(['a'])
    await engine.close()
  })

  it('is unavailable where no Trino answers', async () => {
    const nobody = {
      url: 'http://127.0.0.1:1',
      user: 'test',
      source,
      catalog,
      clock: systemClock,
      timers: systemTimers,
    }
    const away = createTrino({ ...nobody, retryForMs: 100 })
    const engine = createTrinoQueryEngine({ trino: away, ...place, timers: systemTimers })
    expect((await refused(engine.hits(quickQuestion(), {}))).name).toContain('TrinoUnavailable')
    await engine.close()
    await away.close()
  })

  it('ends what runs and what waits when it is closed, and refuses what comes after', async () => {
    const { engine } = open({ concurrency: 1 })
    const runs = engine.hits(slowQuestion(), {})
    const waits = engine.hits(quickQuestion(), {})
    await untilRunning(1)
    const closed = engine.close()
    const causes = await Promise.all([runs, waits, engine.hits(quickQuestion(), {})].map(refused))
    expect(causes.map(({ message }) => message)).toEqual(Array(3).fill('the query engine is closed'))
    await closed
    await untilRunning(0)
  })
})
