import { connect, type Socket } from 'node:net'
import type { FastifyPluginAsync } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import type { MerchantId, Offset } from '../core/ids.ts'
import type { SnapshotInfo } from '../core/ports/lake.ts'
import { createMemoryControlStore } from '../lakehouse/adapters/memory/memory-control-store.ts'
import { type AppLimits, buildApp } from './app.ts'
import { createKeyDirectory, hashKey } from './core/keys.ts'
import { takeLogBooks } from './core/log-books.ts'
import { clusterParts, createReadiness, embeddedParts } from './core/readiness.ts'
import { createMetrics } from './http/plugins/metrics.ts'
import { adminRoutes } from './http/routes/admin.ts'
import { adminBodyMaxBytes } from './http/routes/admin-access.ts'

const adminKey = 'hl_a_administrator'
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Setting {
  readonly limits?: AppLimits
  readonly plugins?: readonly FastifyPluginAsync[]
  readonly snapshots?: readonly SnapshotInfo[]
}

async function setUp({ limits = {}, plugins = [], snapshots = [] }: Setting = {}) {
  const clock = new ManualClock()
  const store = createMemoryControlStore()
  await store.addKey({
    hash: hashKey(adminKey),
    merchant: null,
    kind: 'server',
    rights: ['admin'],
    origins: [],
    quota: null,
    tool: null,
  })
  const keys = createKeyDirectory({ store, clock })
  const readiness = createReadiness(embeddedParts)
  const metrics = createMetrics()
  const changed: string[] = []
  const ledger = { flush: async () => 0 as Offset, inFlight: async () => 0 }
  const admins = adminRoutes({
    store,
    keys,
    random: seededRandom(1),
    erase: async () => null,
    lake: { snapshots: async () => snapshots },
    tables: ['hits', 'failed_hits', 'hourly'],
    clock,
    takeBooks: takeLogBooks({ store, ledger, log: 'log-1', job: 'hits' }),
    onMerchantChanged: (id) => changed.push(id),
  })
  const app = await buildApp({ limits, timers: clock, readiness, metrics, plugins: [admins, ...plugins] })
  closers.push(() => app.close())
  const admin = (method: 'GET' | 'POST' | 'PATCH', url: string, payload?: object, key = adminKey) =>
    app.inject({ method, url, headers: { authorization: `Bearer ${key}` }, ...(payload && { payload }) })
  return { app, store, keys, clock, readiness, metrics, changed, admin }
}

const shop = { id: 'shop', name: 'My shop', timeZone: 'Europe/Berlin', currency: 'EUR' }

describe('making a merchant', () => {
  it('gives its keys, which work, and tells nobody the seed of its visitor hashes', async () => {
    const { admin, keys, store } = await setUp()
    const reply = await admin('POST', '/v1/admin/merchants', shop)
    expect(reply.statusCode).toBe(201)
    expect(reply.headers.location).toBe('/v1/admin/merchants/shop')
    const body = reply.json()
    expect(body).toEqual({
      ...shop,
      writeKey: expect.stringMatching(/^hl_w_/),
      readKey: expect.stringMatching(/^hl_r_/),
    })
    expect(await keys.find(body.writeKey)).toMatchObject({
      key: { rights: ['write'], kind: 'server' },
      merchant: { id: 'shop' },
    })
    expect(await keys.find(body.readKey)).toMatchObject({ key: { rights: ['read'] } })
    const made = await store.merchant('shop' as MerchantId)
    expect(made?.visitorSeed).toMatch(/^[0-9a-f]{16}$/)
    expect((await admin('GET', '/v1/admin/merchants/shop')).json()).toEqual({
      ...shop,
      blockedNames: [],
      retentionDays: null,
      formerZones: [],
    })
  })

  it('gives the write key the right historical where asked, and never the read key', async () => {
    const { admin, keys } = await setUp()
    const { writeKey, readKey } = (
      await admin('POST', '/v1/admin/merchants', { ...shop, rights: ['historical'], kind: 'browser' })
    ).json()
    expect((await keys.find(writeKey))?.key).toMatchObject({ rights: ['write', 'historical'], kind: 'browser' })
    expect((await keys.find(readKey))?.key.rights).toEqual(['read'])
  })

  it('gives every merchant another seed and other keys', async () => {
    const { admin, store } = await setUp()
    const first = (await admin('POST', '/v1/admin/merchants', shop)).json()
    const second = (await admin('POST', '/v1/admin/merchants', { ...shop, id: 'other' })).json()
    expect(new Set([first.writeKey, first.readKey, second.writeKey, second.readKey]).size).toBe(4)
    const [a, b] = await store.merchants({ limit: 2 })
    expect(a?.visitorSeed).not.toBe(b?.visitorSeed)
  })

  it('refuses an id that is taken and leaves the merchant and its keys as they are', async () => {
    const { admin, keys } = await setUp()
    const { writeKey } = (await admin('POST', '/v1/admin/merchants', shop)).json()
    const again = await admin('POST', '/v1/admin/merchants', { ...shop, name: 'Thief' })
    expect(again.json()).toMatchObject({ status: 409, code: 'merchant_exists' })
    expect((await admin('GET', '/v1/admin/merchants/shop')).json().name).toBe('My shop')
    expect(await keys.find(writeKey)).toMatchObject({ merchant: { name: 'My shop' } })
  })

  it('keeps the zone under the name the time zone data has for it', async () => {
    const { admin } = await setUp()
    const reply = await admin('POST', '/v1/admin/merchants', { ...shop, timeZone: 'europe/berlin' })
    expect(reply.json().timeZone).toBe('Europe/Berlin')
  })

  it.each([
    ['no body', undefined, '', 'bad_query'],
    ['a list', [], '', 'bad_query'],
    ['an id with capitals', { ...shop, id: 'Shop' }, '/id', 'bad_query'],
    ['an id of 64', { ...shop, id: 'x'.repeat(64) }, '/id', 'bad_query'],
    ['an id that leaves its folder', { ...shop, id: '../x' }, '/id', 'bad_query'],
    ['no name', { ...shop, name: undefined }, '/name', 'bad_query'],
    ['an empty name', { ...shop, name: '' }, '/name', 'bad_query'],
    ['a name over its limit', { ...shop, name: 'x'.repeat(201) }, '/name', 'bad_query'],
    ['a zone that is none', { ...shop, timeZone: 'Mars/Olympus' }, '/timeZone', 'unknown_zone'],
    ['an offset for a zone', { ...shop, timeZone: '+05:30' }, '/timeZone', 'unknown_zone'],
    ['a currency in small letters', { ...shop, currency: 'eur' }, '/currency', 'bad_query'],
    ['a currency that is none', { ...shop, currency: 'ABC' }, '/currency', 'bad_query'],
    ['a right that is none', { ...shop, rights: ['admin'] }, '/rights/0', 'bad_query'],
    ['a blocked name too long', { ...shop, blockedNames: ['x'.repeat(65)] }, '/blockedNames/0', 'bad_query'],
    ['a retention of no day', { ...shop, retentionDays: 0 }, '/retentionDays', 'bad_query'],
    ['a retention over its limit', { ...shop, retentionDays: 3_651 }, '/retentionDays', 'bad_query'],
    ['a retention of half a day', { ...shop, retentionDays: 0.5 }, '/retentionDays', 'bad_query'],
    ['a field that does not exist', { ...shop, 'a/b~c': 1 }, '/a~1b~0c', 'bad_query'],
  ])('refuses %s and says where', async (_name, body, pointer, code) => {
    const { admin, store } = await setUp()
    const reply = await admin('POST', '/v1/admin/merchants', body as object)
    expect(reply.statusCode).toBe(400)
    expect(reply.json()).toMatchObject({ code, errors: [{ pointer, message: expect.any(String) }] })
    expect(await store.merchants({ limit: 1 })).toEqual([])
  })

  it('reports everything that is wrong at once', async () => {
    const { admin } = await setUp()
    const body = { ...shop, timeZone: 'x', currency: 'x', more: 1 }
    const { code, errors } = (await admin('POST', '/v1/admin/merchants', body)).json()
    expect(code).toBe('bad_query')
    expect(errors.map(({ pointer, code }: { pointer: string; code: string }) => [pointer, code]).sort()).toEqual([
      ['/currency', 'bad_currency'],
      ['/more', 'unknown_field'],
      ['/timeZone', 'unknown_zone'],
    ])
  })

  it('takes 1,000 blocked names and no more', async () => {
    const { admin } = await setUp()
    const names = (count: number) => Array.from({ length: count }, (_, n) => `name-${n}`)
    const make = (id: string, count: number) =>
      admin('POST', '/v1/admin/merchants', { ...shop, id, blockedNames: names(count) })
    expect((await make('fits', 1_000)).statusCode).toBe(201)
    expect((await make('over', 1_001)).json()).toMatchObject({
      code: 'bad_query',
      errors: [{ pointer: '/blockedNames' }],
    })
  })

  it('refuses a body over the limit of admin requests', async () => {
    const { admin } = await setUp()
    const reply = await admin('POST', '/v1/admin/merchants', { ...shop, name: 'x'.repeat(adminBodyMaxBytes) })
    expect(reply.json()).toMatchObject({ status: 413, code: 'body_too_large' })
  })
})

describe('merchants that exist', () => {
  it('are listed by id, page by page, until there is no next', async () => {
    const { admin } = await setUp()
    for (const id of ['c', 'a', 'e', 'b', 'd']) await admin('POST', '/v1/admin/merchants', { ...shop, id })
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = (await admin('GET', `/v1/admin/merchants?limit=2${after ? `&after=${after}` : ''}`)).json()
      seen.push(...page.merchants.map(({ id }: { id: string }) => id))
      expect(page.merchants.length).toBeLessThanOrEqual(2)
      after = page.next
    } while (after !== undefined)
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'])
    const exact = (await admin('GET', '/v1/admin/merchants?limit=5')).json()
    expect(exact.merchants).toHaveLength(5)
    expect(exact).not.toHaveProperty('next')
  })

  it('are listed under a limit from 1 to 1,000, and under no parameter that does not exist', async () => {
    const { admin } = await setUp()
    expect((await admin('GET', '/v1/admin/merchants?limit=1000')).statusCode).toBe(200)
    for (const limit of ['0', '1001', '-1', 'x', '', '1.5']) {
      const reply = await admin('GET', `/v1/admin/merchants?limit=${limit}`)
      expect(reply.json(), limit).toMatchObject({ status: 400, code: 'bad_query', errors: [{ pointer: '/limit' }] })
    }
    for (const query of ['limt=5', 'limit=5&limit=6']) {
      expect((await admin('GET', `/v1/admin/merchants?${query}`)).json()).toMatchObject({ code: 'bad_query' })
    }
  })

  it('change name and blocked names, and every cached key sees it at once', async () => {
    const { admin, keys, changed } = await setUp()
    const { writeKey } = (await admin('POST', '/v1/admin/merchants', shop)).json()
    await keys.find(writeKey)
    const reply = await admin('PATCH', '/v1/admin/merchants/shop', { blockedNames: ['spam', 'spam'] })
    expect(reply.json()).toEqual({ ...shop, blockedNames: ['spam'], retentionDays: null, formerZones: [] })
    expect(await keys.find(writeKey)).toMatchObject({ merchant: { name: 'My shop', blockedNames: ['spam'] } })
    await admin('PATCH', '/v1/admin/merchants/shop', { name: 'New name' })
    expect(await keys.find(writeKey)).toMatchObject({ merchant: { name: 'New name', blockedNames: ['spam'] } })
    expect(changed).toEqual(['shop', 'shop'])
  })

  it('change how long hits are kept, up to ten years, and back to for ever', async () => {
    const { admin, store } = await setUp()
    await admin('POST', '/v1/admin/merchants', { ...shop, retentionDays: 1 })
    expect((await admin('GET', '/v1/admin/merchants/shop')).json()).toMatchObject({ retentionDays: 1 })
    for (const retentionDays of [3_650, null]) {
      const reply = await admin('PATCH', '/v1/admin/merchants/shop', { retentionDays })
      expect(reply.json()).toEqual({ ...shop, blockedNames: [], retentionDays, formerZones: [] })
      expect((await store.merchant('shop' as MerchantId))?.retentionDays).toBe(retentionDays)
    }
    for (const retentionDays of [0, 3_651, 'ever']) {
      const reply = await admin('PATCH', '/v1/admin/merchants/shop', { retentionDays })
      expect(reply.json()).toMatchObject({ code: 'bad_query', errors: [{ pointer: '/retentionDays' }] })
    }
  })

  it('change their zone, and say which they had', async () => {
    const { admin, changed } = await setUp()
    await admin('POST', '/v1/admin/merchants', shop)
    const reply = await admin('PATCH', '/v1/admin/merchants/shop', { timeZone: 'Asia/Kolkata' })
    expect(reply.json()).toMatchObject({
      timeZone: 'Asia/Kolkata',
      formerZones: [{ timeZone: shop.timeZone, until: '2026-03-01T09:00:00.000Z' }],
    })
    expect(changed).toEqual(['shop'])
    const unknown = await admin('PATCH', '/v1/admin/merchants/shop', { timeZone: 'Mars/Olympus' })
    expect(unknown.json()).toMatchObject({ status: 400, code: 'unknown_zone' })
  })

  it('do not change currency or id, nor nothing at all', async () => {
    const { admin, changed } = await setUp()
    await admin('POST', '/v1/admin/merchants', shop)
    for (const change of [{}, { currency: 'USD' }, { id: 'x' }, { name: 7 }]) {
      expect((await admin('PATCH', '/v1/admin/merchants/shop', change)).json()).toMatchObject({ code: 'bad_query' })
    }
    expect((await admin('GET', '/v1/admin/merchants/shop')).json()).toEqual({
      ...shop,
      blockedNames: [],
      retentionDays: null,
      formerZones: [],
    })
    expect(changed).toEqual([])
  })

  it('get further keys with the rights asked for', async () => {
    const { admin, keys } = await setUp()
    await admin('POST', '/v1/admin/merchants', shop)
    const key = async (body: object) => (await admin('POST', '/v1/admin/merchants/shop/keys', body)).json()
    const page = await key({ kind: 'browser', rights: ['write'] })
    expect(page.key).toMatch(/^hl_w_/)
    expect((await keys.find(page.key))?.key).toMatchObject({ merchant: 'shop', kind: 'browser', rights: ['write'] })
    const both = await key({ kind: 'server', rights: ['read', 'write', 'historical'] })
    expect((await keys.find(both.key))?.key.rights).toEqual(['read', 'write', 'historical'])
    for (const body of [
      { kind: 'browser', rights: [] },
      { kind: 'browser', rights: ['admin'] },
      { kind: 'browser', rights: ['write', 'write'] },
      { kind: 'server', rights: ['historical'] },
      { kind: 'tv', rights: ['write'] },
      { rights: ['write'] },
    ]) {
      expect(await key(body), JSON.stringify(body)).toMatchObject({ status: 400, code: 'bad_query' })
    }
  })

  it('that do not exist are 404, whatever is asked of them', async () => {
    const { admin } = await setUp()
    const key = { kind: 'server', rights: ['read'] }
    for (const id of ['nobody', 'NOT-AN-ID', '%00']) {
      for (const reply of [
        await admin('GET', `/v1/admin/merchants/${id}`),
        await admin('PATCH', `/v1/admin/merchants/${id}`, { name: 'x' }),
        await admin('POST', `/v1/admin/merchants/${id}/keys`, key),
      ]) {
        expect(reply.json(), id).toMatchObject({ status: 404, code: 'not_found' })
      }
    }
  })
})

describe('the admin API', () => {
  const routes = [
    ['POST', '/v1/admin/merchants'],
    ['GET', '/v1/admin/merchants'],
    ['GET', '/v1/admin/merchants/shop'],
    ['PATCH', '/v1/admin/merchants/shop'],
    ['POST', '/v1/admin/merchants/shop/keys'],
    ['GET', '/v1/admin/books'],
    ['GET', '/v1/admin/tables/hits/snapshots'],
  ] as const

  it.each(routes)('lets only administrators in: %s %s', async (method, url) => {
    const { app, admin } = await setUp()
    const { writeKey, readKey } = (await admin('POST', '/v1/admin/merchants', shop)).json()
    const bare = await app.inject({ method, url })
    expect(bare.json()).toMatchObject({ status: 401, code: 'no_key' })
    expect((await admin(method, url, undefined, 'hl_a_guess')).json()).toMatchObject({ status: 401, code: 'bad_key' })
    for (const key of [writeKey, readKey]) {
      expect((await admin(method, url, undefined, key)).json()).toMatchObject({ status: 403, code: 'forbidden' })
    }
  })

  it('takes no key from the address, where logs would keep it', async () => {
    const { app } = await setUp()
    expect((await app.inject(`/v1/admin/books?key=${adminKey}`)).json()).toMatchObject({ code: 'no_key' })
  })

  it('refuses a stranger before it reads his body', async () => {
    const { app } = await setUp()
    const reply = await app.inject({
      method: 'POST',
      url: '/v1/admin/merchants',
      headers: { 'content-type': 'application/json' },
      payload: 'x'.repeat(adminBodyMaxBytes + 1),
    })
    expect(reply.json()).toMatchObject({ status: 401 })
  })

  it('answers the books of all merchants and of one', async () => {
    const { admin } = await setUp()
    await admin('POST', '/v1/admin/merchants', shop)
    const zero = { accepted: 0, stored: 0, duplicates: 0, failed: 0, dropped: {}, inFlight: 0, balanced: true }
    expect((await admin('GET', '/v1/admin/books')).json()).toMatchObject(zero)
    const reply = await admin('GET', '/v1/admin/books?merchant=shop&from=2026-03-01&to=2026-03-01T10:30:00Z')
    expect(reply.json()).toEqual({ ...zero, from: '2026-03-01T00:00:00.000Z', to: '2026-03-01T11:00:00.000Z' })
    expect((await admin('GET', '/v1/admin/books?merchant=nobody')).json()).toMatchObject({ code: 'not_found' })
    expect((await admin('GET', '/v1/admin/books?merchant=A')).json()).toMatchObject({ code: 'bad_query' })
    expect((await admin('GET', '/v1/admin/books?form=2026-03-01')).json()).toMatchObject({
      errors: [{ pointer: '/form' }],
    })
  })

  it('lists the snapshots of a table in the order of the lake, ids as strings', async () => {
    const at = Date.parse('2026-03-01T09:00:00Z')
    const made = { parent: null, at, operation: 'append', publish: 1, addedRows: 3 }
    const snapshots = [
      { ...made, id: '9007199254740993', totalRows: 7 },
      { ...made, id: '1', totalRows: 3, at: at - 1_000 },
    ]
    const { admin } = await setUp({ snapshots })
    const shown = { operation: 'append', parent: null, publish: 1, addedRows: 3, pinnedBy: [] }
    expect((await admin('GET', '/v1/admin/tables/hits/snapshots')).json()).toEqual([
      { ...shown, id: '9007199254740993', at: '2026-03-01T09:00:00.000Z', rows: 7 },
      { ...shown, id: '1', at: '2026-03-01T08:59:59.000Z', rows: 3 },
    ])
    expect((await admin('GET', '/v1/admin/tables/users/snapshots')).json()).toMatchObject({
      status: 404,
      code: 'not_found',
    })
  })
})

describe('health', () => {
  it('is live whether ready or not', async () => {
    const { app } = await setUp()
    expect((await app.inject('/livez')).statusCode).toBe(200)
    expect((await app.inject('/readyz')).statusCode).toBe(503)
  })

  it('is ready once every part is, and names the part that is not', async () => {
    const { app, readiness } = await setUp()
    for (const part of ['log', 'worker', 'lake', 'store'] as const) {
      const before = (await app.inject('/readyz')).json()
      expect(before).toMatchObject({ status: 503, code: 'not_ready', ready: false })
      expect(before.detail).toContain(`${part} is starting`)
      readiness.set(part, true)
    }
    expect((await app.inject('/readyz')).json()).toMatchObject({ ready: true, parts: { log: { ok: true } } })
    readiness.set('log', false, 'is full')
    const reply = await app.inject('/readyz')
    expect(reply.headers).toHaveProperty('retry-after')
    expect(reply.json()).toMatchObject({
      code: 'not_ready',
      detail: 'log is full',
      parts: { log: { reason: 'is full' } },
    })
  })

  it('has the parts of its role, and takes no word of others', async () => {
    const readiness = createReadiness([...clusterParts.worker, 'hits-rollups'])
    const app = await buildApp({ timers: new ManualClock(), readiness, metrics: createMetrics() })
    closers.push(() => app.close())
    for (const part of clusterParts.worker) readiness.set(part, true)
    expect((await app.inject('/readyz')).json()).toMatchObject({
      code: 'not_ready',
      detail: 'hits-rollups is starting',
    })
    readiness.set('hits-rollups', true)
    expect((await app.inject('/readyz')).statusCode).toBe(200)
    expect(() => readiness.set('trino' as 'worker', true)).toThrow('trino is no part of this process')
  })

  it('is all that a process without routes of its own answers, with its metrics', async () => {
    const readiness = createReadiness(clusterParts.maintenance)
    const app = await buildApp({ timers: new ManualClock(), readiness, metrics: createMetrics() })
    closers.push(() => app.close())
    expect((await app.inject('/metrics')).statusCode).toBe(200)
    expect((await app.inject('/v1/admin/books')).json()).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('metrics', () => {
  it('count requests by route pattern and status, problems by code, and name no merchant and no path of a client', async () => {
    const { app, admin } = await setUp()
    await admin('POST', '/v1/admin/merchants', { ...shop, id: 'very-secret-shop' })
    await admin('GET', '/v1/admin/merchants/very-secret-shop')
    await app.inject('/nowhere/very-secret-path')
    const reply = await app.inject('/metrics')
    expect(reply.headers['content-type']).toMatch(/^text\/plain/)
    const text = reply.body
    expect(text).toContain(
      'http_request_duration_seconds_count{method="GET",route="/v1/admin/merchants/:id",status="2xx"} 1',
    )
    expect(text).toContain('http_problems_total{code="not_found"} 1')
    expect(text).not.toContain('very-secret')
  })
})

describe('the app', () => {
  it('reads only the content types a route lists', async () => {
    const { app } = await setUp()
    const reply = await app.inject({
      method: 'POST',
      url: '/v1/admin/merchants',
      headers: { 'content-type': 'text/plain', authorization: `Bearer ${adminKey}` },
      payload: JSON.stringify(shop),
    })
    expect(reply.json()).toMatchObject({ status: 415, code: 'bad_content_type' })
  })

  it('serves the routes of its plugins, whose errors become problems too', async () => {
    const plugin: FastifyPluginAsync = async (app) => {
      app.get('/extra', async () => {
        throw new Error('hidden')
      })
    }
    const { app } = await setUp({ plugins: [plugin] })
    const reply = await app.inject('/extra')
    expect(reply.json()).toMatchObject({ status: 500, code: 'internal' })
    expect(reply.body).not.toContain('hidden')
    expect(reply.headers['x-content-type-options']).toBe('nosniff')
  })

  it('answers requests under way while it closes, and refuses new ones on connections that are open', async () => {
    let enter: () => void = () => undefined
    let leave: () => void = () => undefined
    const entered = new Promise<void>((resolve) => {
      enter = resolve
    })
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    const slow: FastifyPluginAsync = async (app) => {
      app.get('/slow', async () => {
        enter()
        await left
        return { done: true }
      })
    }
    const { app } = await setUp({ plugins: [slow] })
    const port = await listen(app)
    const underWay = send(port, 'GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    // Has asked once and keeps its connection open with half of a second request.
    const open = connect(port, '127.0.0.1')
    const second = read(open)
    open.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HT')
    await entered
    await once(open, 'data')
    const closed = app.close()
    await new Promise((resolve) => setImmediate(resolve))
    open.write('TP/1.1\r\nHost: x\r\n\r\n')
    expect(await second).toMatch(/HTTP\/1.1 200[\s\S]*HTTP\/1.1 503[\s\S]*shutting_down/)
    leave()
    expect(await underWay).toMatch(/HTTP\/1.1 200[\s\S]*\{"done":true\}/)
    await closed
    closers.pop()
  })
})

describe('a socket', () => {
  it('that sends no HTTP gets a problem and is closed', async () => {
    const { app } = await setUp()
    const answer = await send(await listen(app), 'nonsense\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\nContent-Type: application\/problem\+json/)
    expect(answer).toContain('"code":"bad_request"')
  })

  it('whose headers are over the limit gets 431', async () => {
    const { app } = await setUp()
    const answer = await send(await listen(app), `GET / HTTP/1.1\r\nX: ${'x'.repeat(17 * 1_024)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
    expect(answer).toContain('"code":"bad_header"')
  })

  it('that is slower with its body than the limit gets 408', async () => {
    const { app } = await setUp({ limits: { requestTimeoutMs: 50 } })
    const head = `POST /v1/admin/merchants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${adminKey}\r\n`
    const answer = await send(
      await listen(app),
      `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('"code":"request_timeout"')
  })

  it('too many from one address gets 503, and its place is free again when another closes', async () => {
    const { app, metrics } = await setUp({ limits: { connectionsPerAddress: 2 } })
    const port = await listen(app)
    const ask = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'
    const open = [await served(port, ask), await served(port, ask)]
    const refused = await send(port, ask)
    expect(refused).toMatch(/^HTTP\/1.1 503 [\s\S]*Retry-After: 1[\s\S]*too_many_connections/)
    expect(await metrics.registry.metrics()).toContain('http_connections_refused_total 1')
    open[0]?.destroy()
    // The server hears of the close in its own time.
    while (!(await send(port, ask.replace('Host', 'Connection: close\r\nHost'))).startsWith('HTTP/1.1 200')) {}
    open[1]?.destroy()
  })

  it('finds room again when all of its address have closed', async () => {
    const { app } = await setUp({ limits: { connectionsPerAddress: 1 } })
    const port = await listen(app)
    const ask = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    for (let n = 0; n < 3; n += 1) while (!(await send(port, ask)).startsWith('HTTP/1.1 200')) {}
  })

  it('of an address that speaks for many is not limited', async () => {
    const { app } = await setUp({
      limits: { connectionsPerAddress: 1, exemptFromConnectionLimit: (address) => address === '127.0.0.1' },
    })
    const port = await listen(app)
    const open = []
    for (let n = 0; n < 5; n += 1) open.push(await served(port, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'))
    for (const socket of open) socket.destroy()
  })
})

async function listen(app: { listen(options: object): Promise<string> }): Promise<number> {
  return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
}

/** Everything the server says until it closes. */
function read(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
}

function send(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  return read(socket)
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()))
}

/** A connection that was answered and stays open. */
async function served(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  const first = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))))
  expect(first).toMatch(/^HTTP\/1.1 200/)
  return socket
}
