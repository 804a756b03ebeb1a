import { get as httpGet } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { EngineUnavailableError } from '../../../core/errors.ts'
import type { KeyRight } from '../../../core/ports/control-store.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { metricNames } from '../../core/metrics.ts'
import { createWorld, type ShopHit, shop } from '../../core/test/time-series-world.ts'
import { problemDetails } from '../plugins/problem-details.ts'
import { metaRoutes } from './meta.ts'
import { timeSeriesRoutes } from './time-series.ts'

const now = '2026-04-05T06:07:08.009Z'
const a = shop('a', 'UTC')
const b = shop('b', 'Europe/Berlin')
const hit = (merchant: ShopHit['merchant'], time: string): ShopHit => ({
  merchant,
  time: Date.parse(time),
  name: 'page_view',
  visitor: 1n,
  micros: 0n,
})

let app: FastifyInstance | undefined
afterEach(() => app?.close())

async function served() {
  const world = await createWorld(now)
  const key = (text: string, merchant: typeof a | null, ...rights: KeyRight[]) => ({
    hash: hashKey(text),
    merchant: merchant?.id ?? null,
    kind: 'server' as const,
    rights,
    origins: [],
    quota: null,
    tool: null,
  })
  await world.store.createMerchant(a, [key('read-a', a, 'read'), key('write-a', a, 'write')])
  await world.store.createMerchant(b, [key('read-b', b, 'read', 'write')])
  await world.store.addKey(key('admin', null, 'admin'))
  await world.store.addKey(key('read-nobody', null, 'read'))
  world.append(hit(a, '2026-04-05T05:30:00Z'))
  world.append(hit(b, '2026-04-05T05:30:00Z'), hit(b, '2026-04-05T05:31:00Z'))
  await world.commit()
  await world.versions.refresh()
  const keys = createKeyDirectory({ store: world.store, clock: world.clock })
  app = Fastify()
  await app.register(problemDetails)
  await app.register(timeSeriesRoutes({ keys, timeSeries: world.timeSeries, store: world.store }))
  await app.register(metaRoutes({ keys }))
  const get = async (url: string, bearer?: string) => {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
    const reply = await (app as FastifyInstance).inject({ url, headers })
    return { status: reply.statusCode, headers: reply.headers, body: reply.json() }
  }
  return { ...world, get, app }
}

const series = (merchant: string, query = 'from=2026-04-05&to=2026-04-05&interval=day&metrics=hits') =>
  `/v1/merchants/${merchant}/timeseries?${query}`

describe('GET /v1/merchants/{merchant}/timeseries', () => {
  it('answers a read key of the merchant, remembered or not, with headers that keep shared caches out', async () => {
    const { get } = await served()
    for (const cache of [0, 1]) {
      const { status, body, headers } = await get(series('a'), 'read-a')
      expect(status).toBe(200)
      expect(body.buckets).toEqual([{ start: '2026-04-05T00:00:00+00:00', end: '2026-04-06T00:00:00+00:00', hits: 1 }])
      expect(body.meta.servedFrom.cache).toBe(cache)
      expect(headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'private',
        vary: 'Authorization, Accept, Accept-Encoding',
      })
    }
  })

  it('answers without a query string', async () => {
    const { get } = await served()
    const { status, body } = await get('/v1/merchants/a/timeseries', 'read-a')
    expect(status).toBe(200)
    expect(body.buckets).toHaveLength(24)
  })

  it('answers an admin key for any merchant', async () => {
    const { get } = await served()
    expect((await get(series('a'), 'admin')).body.buckets[0].hits).toBe(1)
    expect((await get(series('b'), 'admin')).body.buckets[0].hits).toBe(2)
    expect(await get(series('nobody'), 'admin')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  it('takes instants with a + that nobody encoded', async () => {
    const { get } = await served()
    const query = 'from=2026-04-05T07:00:00+02:00&to=2026-04-05T08:00:00%2B02:00&metrics=hits'
    expect((await get(series('b', query), 'read-b')).body.buckets).toEqual([
      { start: '2026-04-05T07:00:00+02:00', end: '2026-04-05T08:00:00+02:00', hits: 2 },
    ])
  })

  it('is 401 without a key, or with one that nobody holds', async () => {
    const { get } = await served()
    expect(await get(series('a'))).toMatchObject({ status: 401, body: { code: 'no_key' } })
    expect(await get(series('a'), 'nobody')).toMatchObject({ status: 401, body: { code: 'bad_key' } })
    expect(await get(series('nobody'), 'nobody')).toMatchObject({ status: 401, body: { code: 'bad_key' } })
  })

  it('is 403 for a key that may not read, and for every other merchant, whether it exists or not', async () => {
    const { get } = await served()
    expect(await get(series('a'), 'write-a')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    await get(series('b'), 'read-b') // remembered for its owner, not for others
    expect((await get(series('a'), 'read-nobody')).body.code).toBe('forbidden')
    const existing = await get(series('b'), 'read-a')
    const missing = await get(series('nobody'), 'read-a')
    expect(existing).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(missing.body).toEqual(existing.body)
    for (const name of ['__proto__', '%61/..', 'A', "a'--", '%00']) {
      expect((await get(series(name), 'read-a')).status, name).not.toBe(200)
    }
    // The same merchant in another spelling of the path is the same merchant.
    expect((await get(series('%61'), 'read-a')).status).toBe(200)
  })

  it('is refused before the question is read, where the key may not ask', async () => {
    const { get } = await served()
    expect(await get(series('b', 'metrics=nonsense'), 'read-a')).toMatchObject({ status: 403 })
  })

  it('says what a bad question needs, as a problem document', async () => {
    const { get } = await served()
    const { status, body, headers } = await get(series('a', 'metrics=hits,bounces'), 'read-a')
    expect(headers['content-type']).toContain('application/problem+json')
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: 'unknown_metric', errors: [{ pointer: '/metrics' }] })
    expect(body.allowed).toContain('revenue')
    expect(await get(series('a', 'filter=x&from=2026-01-01&from=2026-01-02'), 'read-a')).toMatchObject({
      status: 400,
      body: { code: 'bad_query', errors: [{ pointer: '/from' }, { pointer: '/filter' }] },
    })
  })

  it('is 503 with Retry-After while the engine is away and nothing is known', async () => {
    const { get, engineMeets } = await served()
    engineMeets.error = new EngineUnavailableError()
    const { status, body, headers } = await get(series('a'), 'read-a')
    expect(status).toBe(503)
    expect(body.code).toBe('engine_unavailable')
    expect(headers['retry-after']).toBeDefined()
  })

  it('gives a question up when the client that asked it closes the connection', async () => {
    const { app, engineMeets, questions } = await served()
    engineMeets.gate = new Promise(() => {})
    const aborted = new Promise<void>((resolve) => {
      engineMeets.onAbort = resolve
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    // Not fetch: its pool keeps a connection of its own open for seconds after the abort.
    const request = httpGet(url + series('a'), { agent: false, headers: { authorization: 'Bearer read-a' } })
    const failed = new Promise((resolve) => request.once('error', resolve))
    while (questions.length === 0) await new Promise((resolve) => setImmediate(resolve))
    request.destroy()
    await failed
    await aborted
  })
})

describe('GET /v1/meta', () => {
  it('lists what can be asked, and the limits', async () => {
    const { get } = await served()
    const { status, body } = await get('/v1/meta', 'read-a')
    expect(status).toBe(200)
    expect(body.metrics.map(({ name }: { name: string }) => name)).toEqual(metricNames)
    expect(body.dimensions).toContainEqual({ name: 'time:week', kind: 'time', filter: false })
    expect(body.dimensions).toContainEqual({
      name: 'page',
      kind: 'value',
      filter: true,
      stored: true,
      maxValues: 20_000,
    })
    expect(body.dimensions).toContainEqual({ name: 'props.<key>', kind: 'value', filter: true, stored: false })
    expect(body.intervals[0]).toEqual({ name: 'hour', defaultBuckets: 24 })
    expect(body.formats.map(({ name }: { name: string }) => name)).toEqual(['json', 'ndjson', 'csv', 'arrow'])
    expect(body.metrics.find(({ name }: { name: string }) => name === 'conversion_rate')).toMatchObject({
      kind: 'ratio',
      needs: ['hits', 'visits'],
    })
    expect(body.limits).toEqual({
      maxBuckets: 10_000,
      rawRowBudget: 20_000_000,
      visitorsExactUpTo: 4_096,
      visitorsExactUpToOfValue: 1_024,
      maxGroups: 50_000,
      maxDimensions: 4,
      defaultLimit: 100,
      maxLimit: 10_000,
      filterMaxConditions: 20,
      filterMaxDepth: 4,
      filterMaxValues: 100,
      filterValueMaxLength: 2_048,
      propKeyMaxLength: 64,
      bodyMaxBytes: 2_097_152,
      deadlineMs: 30_000,
    })
  })

  it('is not sent again to who has it', async () => {
    const { get, app } = await served()
    const tag = String((await get('/v1/meta', 'read-a')).headers.etag)
    const headers = { authorization: 'Bearer read-a', 'if-none-match': tag }
    expect((await app.inject({ url: '/v1/meta', headers })).statusCode).toBe(304)
  })

  it('needs a key that may read', async () => {
    const { get } = await served()
    expect((await get('/v1/meta')).body.code).toBe('no_key')
    expect((await get('/v1/meta', 'nobody')).body.code).toBe('bad_key')
    expect((await get('/v1/meta', 'write-a')).body.code).toBe('forbidden')
    expect((await get('/v1/meta', 'admin')).status).toBe(200)
  })
})
