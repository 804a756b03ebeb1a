import { gzipSync } from 'node:zlib'
import type { InjectOptions } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { quotaBurstSeconds } from '../../core/quota.ts'
import { preflightMaxAgeSeconds } from '../plugins/cors.ts'
import { type HitsWorld, hitsWorld } from './hits-under-test.ts'

const page = { name: 'page_view', visitor: 'v' }
const order = { ...page, name: 'purchase', revenue: { amount: '9.90', currency: 'EUR' } }

let world: HitsWorld
beforeEach(async () => {
  world = await hitsWorld()
})
afterEach(() => world.app.close())

const ask = (options: InjectOptions) => world.app.inject(options)
const post = (key: string, payload: unknown, headers: Record<string, string> = {}, url = '/v1/hits') =>
  ask({
    method: 'POST',
    url,
    payload: Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
  })
const pixel = (query: string, headers: Record<string, string> = {}) => ask({ url: `/v1/hits.gif?${query}`, headers })

describe('GET /v1/hits.gif', () => {
  it('answers a stored hit with a pixel that nobody keeps', async () => {
    const good = await pixel('key=writer&name=open&visitor=v&title=gr%C3%B6%C3%9Fe+x&p.mail=Spring')
    expect(good.statusCode).toBe(200)
    expect(good.headers).toMatchObject({
      'content-type': 'image/gif',
      'cache-control': 'no-store',
      'content-length': '43',
      'hitlake-durability': 'disk',
      'cross-origin-resource-policy': 'cross-origin',
    })
    expect(good.rawPayload.subarray(0, 6).toString()).toBe('GIF89a')
    expect(good.rawPayload).toHaveLength(43)
    const [batch, ...others] = await world.stored()
    expect(others).toEqual([])
    expect(batch?.hits).toMatchObject([{ name: 'open', visitor: 'v', title: 'größe x', props: { mail: 'Spring' } }])
  })

  it.each([
    ['without a key', 'name=open', 401, 'no_key'],
    ['with an unknown key', 'key=nobody&name=open', 401, 'bad_key'],
    ['with a key that may only read', 'key=reader&name=open', 403, 'forbidden'],
    ['without a name', 'key=writer', 400, 'nothing_accepted'],
    ['with a name that is too long', `key=writer&name=${'x'.repeat(65)}`, 400, 'nothing_accepted'],
    ['with a time of 1970', 'key=writer&name=open&time=1', 400, 'nothing_accepted'],
    ['with a time that is none', 'key=writer&name=open&time=noon', 400, 'nothing_accepted'],
    ['with __proto__ for a property', 'key=writer&name=open&p.__proto__=x', 400, 'nothing_accepted'],
    ['with an unknown parameter', 'key=writer&name=open&revenue=5', 400, 'bad_query'],
    ['with a name twice', 'key=writer&name=open&name=close', 400, 'bad_query'],
  ])('%s stores nothing and says so by its status', async (_name, query, status, code) => {
    const reply = await pixel(query)
    expect(reply.json()).toMatchObject({ status, code })
    expect(reply.headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
    expect(world.log.next).toBe(0)
  })

  it('stores nothing for HEAD, and nothing while the log takes nothing', async () => {
    expect((await ask({ method: 'HEAD', url: '/v1/hits.gif?key=writer&name=open' })).statusCode).toBe(404)
    expect(world.log.next).toBe(0)
    await world.log.close()
    expect((await pixel('key=writer&name=open&visitor=v')).statusCode).toBe(503)
  })

  it('is bound to the origins of its key by the Referer', async () => {
    expect((await pixel('key=bound&name=open', { referer: 'https://www.shop.example/mail' })).statusCode).toBe(200)
    expect((await pixel('key=bound&name=open', { referer: 'https://evil.example/' })).json()).toMatchObject({
      status: 403,
      code: 'bad_origin',
    })
    expect((await pixel('key=bound&name=open')).statusCode).toBe(403)
  })
})

describe('POST /v1/hits/validate', () => {
  const validate = (payload: unknown, key = 'writer') => post(key, payload, {}, '/v1/hits/validate')

  it('says of each hit what POST /v1/hits would, and stores none', async () => {
    const fat = { ...page, props: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [i, 'ü'.repeat(1_000)])) }
    const body = {
      hits: [page, { name: 5 }, { name: 'x' }, fat, { ...page, time: 0 }, order],
      sentAt: world.clock.now(),
    }
    const validated = await validate(body)
    expect(validated.statusCode).toBe(200)
    expect(world.log.next).toBe(0)
    const real = await post('writer', body)
    expect(real.statusCode).toBe(202)
    expect(validated.json()).toEqual(real.json())
    expect(validated.json()).toMatchObject({ accepted: 3, rejected: [{ index: 1 }, { index: 3 }, { index: 4 }] })
    expect(world.log.next).toBe(1)
  })

  it('is 200 though every hit is wrong, and needs no secret of the day', async () => {
    expect((await validate([{}])).json()).toMatchObject({ accepted: 0, rejected: [{ code: 'bad_field' }] })
    expect((await validate({ name: 'cookieless' })).json()).toEqual({ accepted: 1, rejected: [] })
  })

  it('judges by the rights of the key', async () => {
    const old = { ...page, time: '2001-01-01T00:00:00Z' }
    expect((await validate(old)).json()).toMatchObject({ rejected: [{ code: 'too_old' }] })
    expect((await validate(old, 'importer')).json()).toMatchObject({ accepted: 1 })
    expect((await validate(order, 'poor')).json()).toMatchObject({ rejected: [{ code: 'revenue_not_allowed' }] })
  })

  it.each([
    ['no hit', [], 400, 'no_hits', 'writer'],
    ['1,001 hits', Array(1_001).fill(page), 413, 'too_many_hits', 'writer'],
    ['a key that may only read', page, 403, 'forbidden', 'reader'],
  ])('refuses %s as a whole', async (_name, body, status, code, key) => {
    expect((await validate(body, key)).json()).toMatchObject({ status, code })
  })

  it('counts against the quota', async () => {
    expect((await validate(Array(5 * quotaBurstSeconds).fill(page), 'slow')).statusCode).toBe(200)
    expect((await validate(page, 'slow')).json()).toMatchObject({ status: 429, code: 'quota_exceeded' })
  })
})

describe('a beacon', () => {
  it('is text/plain, packed or not, with its key in the address', async () => {
    const headers = { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://shop.example' }
    const url = '/v1/hits?key=bound'
    const packed = gzipSync(JSON.stringify([page, page]))
    expect((await ask({ method: 'POST', url, headers, payload: JSON.stringify(page) })).statusCode).toBe(202)
    const reply = await ask({
      method: 'POST',
      url,
      headers: { ...headers, 'content-encoding': 'gzip' },
      payload: packed,
    })
    expect(reply.json()).toEqual({ accepted: 2, rejected: [] })
  })
})

describe('a key that may send no money', () => {
  it('has hits with revenue or a price rejected, and the others kept', async () => {
    const items = [{ name: 'a' }, { name: 'b', price: 5 }]
    const reply = await post('poor', [
      page,
      order,
      { ...page, items },
      { ...page, items: [{ name: 'a', quantity: 2 }] },
    ])
    expect(reply.json()).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, code: 'revenue_not_allowed', pointer: '/revenue', message: expect.any(String) },
        { index: 2, code: 'revenue_not_allowed', pointer: '/items/1/price', message: expect.any(String) },
      ],
    })
    expect((await post('writer', order)).statusCode).toBe(202)
  })
})

describe('the quota of a key', () => {
  it('is told with every answer and refuses whole requests beyond it', async () => {
    const first = await post('slow', Array(8).fill(page))
    expect(first.headers).toMatchObject({ 'ratelimit-policy': '"hits";q=10;w=2', ratelimit: '"hits";r=2;t=2' })
    const over = await post('slow', Array(3).fill(page))
    expect(over.json()).toMatchObject({ status: 429, code: 'quota_exceeded', quota: 5 })
    expect(over.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"hits";r=2;t=2' })
    expect((await world.stored()).flatMap(({ hits }) => hits)).toHaveLength(8)
    expect((await post('slow', [{}, {}])).headers.ratelimit).toBe('"hits";r=0;t=2')
    expect((await pixel('key=slow&name=open')).json()).toMatchObject({ status: 429 })
    world.clock.advance(200)
    expect((await pixel('key=slow&name=open')).headers.ratelimit).toBe('"hits";r=0;t=2')
  })

  it('is the configured one for all other keys', async () => {
    expect((await post('writer', page)).headers).toMatchObject({
      'ratelimit-policy': '"hits";q=10000;w=2',
      ratelimit: '"hits";r=9999;t=1',
    })
  })
})

describe('a page of another origin', () => {
  const origin = 'https://www.shop.example'
  const readable = { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'origin' }

  it.each([
    ['/v1/hits', 'POST'],
    ['/v1/hits/validate', 'POST'],
    ['/v1/hits.gif', 'GET'],
  ])('may ask %s first whether it may send', async (url, method) => {
    const reply = await ask({
      method: 'OPTIONS',
      url,
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    expect(reply.statusCode).toBe(204)
    expect(reply.body).toBe('')
    expect(reply.headers).toMatchObject({
      ...readable,
      'access-control-allow-methods': method,
      'access-control-allow-headers': 'authorization, content-type, content-encoding',
      'access-control-max-age': String(preflightMaxAgeSeconds),
    })
    const plain = await ask({ method: 'OPTIONS', url })
    expect(plain.headers.allow).toBe(`OPTIONS, ${method}`)
    expect(plain.headers['access-control-allow-origin']).toBeUndefined()
  })

  it('reads the answer to a browser key, refusals and quota included', async () => {
    const good = await post('bound', page, { origin })
    expect(good.statusCode).toBe(202)
    expect(good.headers).toMatchObject({
      ...readable,
      'access-control-expose-headers': 'hitlake-durability, ratelimit, ratelimit-policy, retry-after',
    })
    for (const [key, payload, status] of [
      ['writer', [{}], 400],
      ['nobody', page, 401],
      ['reader', page, 403],
    ] as const) {
      const reply = await post(key, payload, { origin })
      expect(reply.statusCode, key).toBe(status)
      expect(reply.headers, key).toMatchObject(readable)
    }
    const evil = await post('bound', page, { origin: 'https://evil.example' })
    expect(evil.json()).toMatchObject({ status: 403, code: 'bad_origin' })
    expect(evil.headers['access-control-allow-origin']).toBe('https://evil.example')
    expect(world.log.next).toBe(1)
  })

  it('stores with a server key, as a proxy would, but cannot read the answer', async () => {
    const reply = await post('server', page, { origin })
    expect(reply.statusCode).toBe(202)
    expect(reply.headers['access-control-allow-origin']).toBeUndefined()
  })

  it('has to say where it is when the key is bound', async () => {
    expect((await post('bound', page)).json()).toMatchObject({ status: 403, code: 'bad_origin' })
    expect((await post('bound', page, { referer: `${origin}/cart` })).statusCode).toBe(202)
    expect((await post('bound', page, { origin: 'null' })).statusCode).toBe(403)
    expect((await post('writer', page, { origin: 'null' })).statusCode).toBe(202)
  })
})
