import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import {
  TrinoOutcomeUnknownError,
  TrinoQueryError,
  TrinoResultTooLargeError,
  TrinoUnavailableError,
} from '../../../core/errors.ts'
import { createTrino, type Trino, type TrinoOptions } from './client.ts'

const url = process.env.HITLAKE_TRINO_URL ?? ''
const open = (change: Partial<TrinoOptions> = {}) =>
  createTrino({
    url,
    user: 'test',
    source: 'client-test',
    catalog: 'lake',
    clock: systemClock,
    timers: systemTimers,
    ...change,
  })
const endless =
  'SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z)'

let trino: Trino
beforeAll(() => {
  trino = open()
})
afterAll(() => trino.close())

/** What Trino says of the statements of a source: state and error. */
async function statementsOf(source: string): Promise<readonly (readonly unknown[])[]> {
  return trino.query(`SELECT state, error_code FROM system.runtime.queries WHERE source = '${source}' ORDER BY created`)
}

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      return await check()
    } catch (error) {
      if (n === 50) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

describe('a statement', () => {
  it('gives its rows, of as many pages as there are', async () => {
    const rows = await trino.query(
      "SELECT x, CAST(x AS varchar), IF(x = 1, NULL, 'é😀') FROM TABLE(sequence(1, 50000)) a(x) ORDER BY x",
    )
    expect(rows).toHaveLength(50_000)
    expect(rows[0]).toEqual([1, '1', null])
    expect(rows[49_999]).toEqual([50_000, '50000', 'é😀'])
  })

  it('gives no rows where there are none', async () => {
    expect(await trino.query('SELECT 1 WHERE 1 = 0')).toEqual([])
  })

  it('has a session of its own, in UTC, and leaves nothing to the next', async () => {
    const unit = "SELECT IF(CAST(current_time AS varchar) LIKE '%+00:00', 'UTC', 'other')"
    expect(await trino.query(unit)).toEqual([['UTC']])
    const show = "SHOW SESSION LIKE 'query_max_run_time'"
    const [[, value] = []] = await trino.query(show, { session: { query_max_run_time: '77s' } })
    expect(value).toBe('77s')
    await trino.query("SET SESSION query_max_run_time = '66s'")
    const [[, after] = []] = await trino.query(show)
    expect(after).toBe('100.00d')
  })

  it('that Trino fails says by name why, and quotes nothing of the statement', async () => {
    const failed = (sql: string) =>
      trino.query(sql).then(
        () => undefined,
        (error) => error,
      )
    const syntax = await failed("SELEC 'secret'")
    expect(syntax).toBeInstanceOf(TrinoQueryError)
    expect(syntax).toMatchObject({ errorName: 'SYNTAX_ERROR', errorType: 'USER_ERROR' })
    expect(syntax.message).toContain('line 1:1')
    const cast = await failed("SELECT CAST(x AS bigint) FROM (VALUES 'secret') t(x)")
    expect(cast).toMatchObject({ errorName: 'INVALID_CAST_ARGUMENT' })
    for (const error of [syntax, cast]) expect(error.message).not.toContain('secret')
  })

  it('with more rows than the limit is cancelled and fails, with as many it does not', async () => {
    const bounded = open({ maxRows: 100, source: 'client-test-rows' })
    expect(await bounded.query('SELECT x FROM UNNEST(sequence(1, 100)) a(x)')).toHaveLength(100)
    const tooMany = bounded.query('SELECT x FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y)')
    await expect(tooMany).rejects.toThrow(TrinoResultTooLargeError)
    await eventually(async () => {
      expect((await statementsOf('client-test-rows')).at(-1)).toEqual(['FAILED', 'USER_CANCELED'])
    })
    await bounded.close()
  })

  it('is cancelled in Trino when its signal aborts, and rejects with the reason', async () => {
    const leave = new AbortController()
    const query = trino.query(endless, { signal: leave.signal, source: 'client-test-signal' })
    setTimeout(() => leave.abort(new Error('nobody waits any more')), 700)
    await expect(query).rejects.toThrow('nobody waits any more')
    await eventually(async () => {
      expect(await statementsOf('client-test-signal')).toEqual([['FAILED', 'USER_CANCELED']])
    })
    await expect(trino.query('SELECT 1', { signal: leave.signal })).rejects.toThrow('nobody waits any more')
  })

  it('is cancelled in Trino at its time limit', async () => {
    const given = { timeoutMs: 700, source: 'client-test-late' }
    await expect(trino.query(endless, given)).rejects.toMatchObject({ code: 'TRINO_UNAVAILABLE', reason: 'time limit' })
    await expect(trino.query(endless, { ...given, effect: 'writes' })).rejects.toThrow(TrinoOutcomeUnknownError)
    await eventually(async () => {
      expect(await statementsOf('client-test-late')).toEqual([
        ['FAILED', 'USER_CANCELED'],
        ['FAILED', 'USER_CANCELED'],
      ])
    })
  })

  it('is cancelled when the client closes, which waits until Trino was told', async () => {
    const other = open({ source: 'client-test-close' })
    const query = other.query(endless)
    const refused = expect(query).rejects.toMatchObject({ reason: 'closed' })
    await new Promise((resolve) => setTimeout(resolve, 700))
    await other.close()
    await refused
    expect(await statementsOf('client-test-close')).toEqual([['FAILED', 'USER_CANCELED']])
    await expect(other.query('SELECT 1')).rejects.toMatchObject({ reason: 'closed' })
  })
})

describe('Trino', () => {
  it('does not run a statement whose first page nobody asked for: sending it again is safe', async () => {
    const source = 'client-test-unasked'
    const headers = { 'X-Trino-User': 'test', 'X-Trino-Source': source, 'X-Trino-Catalog': 'lake' }
    const schema = `lake_unasked_${Date.now()}`
    await fetch(`${url}/v1/statement`, { method: 'POST', headers, body: `CREATE SCHEMA ${schema}` })
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(await trino.query(`SHOW SCHEMAS LIKE '${schema}'`)).toEqual([])
  })
})

describe('a way to Trino', () => {
  it('that nobody listens on fails after its limit, also for a statement that writes', async () => {
    const away = open({ url: 'http://127.0.0.1:9', retryForMs: 300 })
    const began = performance.now()
    await expect(away.query('DELETE FROM x', { effect: 'writes' })).rejects.toMatchObject({
      code: 'TRINO_UNAVAILABLE',
      reason: 'connection',
    })
    expect(performance.now() - began).toBeGreaterThan(300)
  })

  it('that breaks and answers 503 now and then is tried again, page for page', async () => {
    const proxy = await flakyProxy(url)
    const flaky = open({ url: proxy.url, retryForMs: 10_000 })
    const rows = await flaky.query('SELECT x FROM TABLE(sequence(1, 50000)) a(x) ORDER BY x')
    expect(rows.map(([x]) => x)).toEqual(Array.from({ length: 50_000 }, (_, n) => n + 1))
    expect(proxy.failures()).toBeGreaterThan(2)
    await flaky.close()
    proxy.close()
  })

  it('that is gone for good in the middle leaves a statement that writes in doubt, and none that reads', async () => {
    for (const effect of ['reads', 'writes'] as const) {
      const proxy = await flakyProxy(url)
      const flaky = open({ url: proxy.url, retryForMs: 500 })
      const query = flaky.query(endless, { effect, timeoutMs: 60_000 })
      setTimeout(() => proxy.cut(), 1_000)
      await expect(query).rejects.toThrow(effect === 'writes' ? TrinoOutcomeUnknownError : TrinoUnavailableError)
      await flaky.close()
      proxy.close()
    }
  })
})

/** Every other request breaks: in turn a 503 and a connection that is cut. After `cut`, all are cut. */
async function flakyProxy(target: string) {
  let requests = 0
  let failures = 0
  let isCut = false
  const server = createServer((request, response): void => {
    requests++
    const broken = isCut || requests % 2 === 1
    if (broken) {
      failures++
      if (!isCut && failures % 2 === 0) response.writeHead(503).end()
      else request.socket.destroy()
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', async () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => name.startsWith('x-trino')),
      ) as Record<string, string>
      const body = request.method === 'POST' ? Buffer.concat(chunks).toString() : undefined
      const answer = await fetch(target + (request.url ?? ''), {
        method: request.method ?? 'GET',
        headers,
        ...(body === undefined ? {} : { body }),
      }).catch(() => undefined)
      if (answer === undefined || isCut) {
        request.socket.destroy()
        return
      }
      response.writeHead(answer.status, { 'content-type': 'application/json' })
      response.end((await answer.text()).replaceAll(target, base))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: base,
    failures: () => failures,
    cut: () => {
      isCut = true
      server.closeAllConnections()
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
