import { tableFromIPC } from 'apache-arrow'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createWorld, type ShopHit, shop } from '../../core/test/time-series-world.ts'
import { problemDetails } from '../plugins/problem-details.ts'
import { queryRoutes } from './query.ts'
import { timeSeriesRoutes } from './time-series.ts'

const merchant = shop('shop', 'Europe/Berlin')
const hit = (page: string): ShopHit => ({
  merchant,
  time: Date.parse('2026-04-05T05:30:00Z'),
  name: 'page_view',
  visitor: 1n,
  micros: 0n,
  dimensions: { page },
})

let app: FastifyInstance | undefined
afterEach(() => app?.close())

async function served() {
  const world = await createWorld('2026-04-05T06:07:08.009Z')
  const read = {
    merchant: merchant.id,
    kind: 'server',
    rights: ['read'],
    origins: [],
    quota: null,
    tool: null,
  } as const
  await world.store.createMerchant(merchant, [{ ...read, hash: hashKey('reader') }])
  world.append(hit('/'), hit('=1+1'))
  await world.commit()
  await world.versions.refresh()
  const keys = createKeyDirectory({ store: world.store, clock: world.clock })
  const made = Fastify()
  app = made
  await made.register(problemDetails)
  await made.register(queryRoutes({ keys, queries: world.queries, store: world.store, timers: world.clock }))
  await made.register(timeSeriesRoutes({ keys, timeSeries: world.timeSeries, store: world.store }))
  /** The same numbers by both routes. */
  const routes = {
    query: (headers: Record<string, string> = {}, search = '') =>
      made.inject({
        method: 'POST',
        url: `/v1/query${search}`,
        headers: { authorization: 'Bearer reader', 'content-type': 'application/json', ...headers },
        payload: { dateRange: 'day', metrics: ['hits'], dimensions: ['page'] },
      }),
    timeSeries: (headers: Record<string, string> = {}, search = '?') =>
      made.inject({
        url: `/v1/merchants/shop/timeseries${search}&from=2026-04-05&to=2026-04-05&interval=day&metrics=hits`,
        headers: { authorization: 'Bearer reader', ...headers },
      }),
  }
  return { ...world, ...routes, app: made }
}

describe.each(['query', 'timeSeries'] as const)('the route %s', (route) => {
  it.each([
    ['json', 'application/json', 'application/json; charset=utf-8'],
    ['ndjson', 'application/x-ndjson', 'application/x-ndjson; charset=utf-8'],
    ['csv', 'text/csv', 'text/csv; charset=utf-8; header=present'],
    ['arrow', 'application/vnd.apache.arrow.stream', 'application/vnd.apache.arrow.stream'],
  ])('answers as %s where Accept or ?format= asks for it', async (name, accept, type) => {
    const world = await served()
    for (const reply of [await world[route]({ accept }), await world[route]({ accept: 'x/y' }, `?format=${name}`)]) {
      expect(reply.statusCode).toBe(200)
      expect(reply.headers).toMatchObject({
        'content-type': type,
        'cache-control': 'private',
        vary: 'Authorization, Accept, Accept-Encoding',
        'hitlake-as-of': '2026-04-05T06:07:08.009Z',
        etag: expect.stringMatching(new RegExp(`^"${name}-`)),
      })
      expect(reply.headers['hitlake-meta'] === undefined).toBe(name !== 'csv')
    }
  })

  it('refuses other forms before any engine is asked', async () => {
    const world = await served()
    expect((await world[route]({ accept: 'image/png' })).json()).toMatchObject({ status: 406, code: 'not_acceptable' })
    expect((await world[route]({}, '?format=xml')).json()).toMatchObject({ status: 400, code: 'unknown_format' })
    expect((await world[route]({}, '?format=csv&format=csv')).statusCode).toBe(400)
    expect((await world[route]({}, '?fromat=csv')).json().code).toBe('bad_query')
    expect(world.questions).toEqual([])
  })

  it('says 304, with the asOf of now, to who has the body, until the numbers or what is said of them change', async () => {
    const world = await served()
    const first = await world[route]()
    const etag = String(first.headers.etag)
    world.clock.advance(60_000)
    const second = await world[route]({ 'if-none-match': `"other", ${etag}` })
    expect(second.statusCode).toBe(304)
    expect(second.body).toBe('')
    expect(second.headers).toMatchObject({
      etag,
      'cache-control': 'private',
      vary: 'Authorization, Accept, Accept-Encoding',
      'hitlake-as-of': '2026-04-05T06:08:08.009Z',
    })
    // Another form is another body.
    expect((await world[route]({ 'if-none-match': etag }, '?format=csv')).statusCode).toBe(200)
    world.append(hit('/'))
    await world.commit()
    await world.versions.refresh()
    const third = await world[route]({ 'if-none-match': etag })
    expect(third.statusCode).toBe(200)
    expect(third.headers.etag).not.toBe(etag)
    // The day ends: the same numbers, but complete now.
    world.clock.advance(86_400_000)
    if (route === 'timeSeries') {
      expect((await world[route]({ 'if-none-match': String(third.headers.etag) })).statusCode).toBe(200)
    }
  })

  it('gives one tag to equal bytes only, remembered or not', async () => {
    const world = await served()
    const bodies = new Map<string, string>()
    for (const format of ['json', 'ndjson', 'csv', 'arrow']) {
      for (const afterMs of [0, 0, 0, 1, 0]) {
        world.clock.advance(afterMs)
        const { headers, rawPayload } = await world[route]({}, `?format=${format}`)
        const body = `${rawPayload.toString('base64')} ${headers['hitlake-meta']}`
        const known = bodies.get(String(headers.etag))
        if (known !== undefined) expect(body).toBe(known)
        bodies.set(String(headers.etag), body)
      }
    }
    // From cells, and a millisecond later; the first of all from the engine.
    expect(bodies.size).toBe(4 * 2 + 1)
    expect(new Set(bodies.values()).size).toBe(4 * 2 + 1)
  })

  it('keeps no body for a key that may not read', async () => {
    const world = await served()
    const etag = String((await world[route]()).headers.etag)
    const refused = await world[route]({ 'if-none-match': etag, authorization: 'Bearer nobody' })
    expect(refused.statusCode).toBe(401)
    expect(refused.headers.etag).toBeUndefined()
  })
})

describe('the same numbers', () => {
  it('stand in every form', async () => {
    const { query } = await served()
    const json = (await query()).json()
    expect(json.results.map(({ metrics }: { metrics: unknown }) => metrics)).toEqual([[1], [1]])
    const csv = (await query({}, '?format=csv')).body
    expect(csv).toBe("page,hits\r\n/,1\r\n'=1+1,1\r\n")
    const table = tableFromIPC((await query({}, '?format=arrow')).rawPayload)
    expect(table.toArray().map(({ page, hits }) => [page, hits])).toEqual([
      ['/', 1n],
      ['=1+1', 1n],
    ])
    const lines = (await query({}, '?format=ndjson')).body.trimEnd().split('\n')
    expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual(json.results)
  })

  it('are asked for by HEAD without a body', async () => {
    const { app, timeSeries } = await served()
    await timeSeries()
    const reply = await app.inject({
      method: 'HEAD',
      url: '/v1/merchants/shop/timeseries?from=2026-04-05&to=2026-04-05&interval=day&metrics=hits',
      headers: { authorization: 'Bearer reader' },
    })
    expect(reply.statusCode).toBe(200)
    expect(reply.body).toBe('')
    expect(reply.headers.etag).toMatch(/^"json-/)
  })
})
