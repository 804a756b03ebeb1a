import { request as httpRequest } from 'node:http'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import type { KeyRight } from '../../../core/ports/control-store.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createWorld, type ShopHit, shop } from '../../core/test/time-series-world.ts'
import { problemDetails } from '../plugins/problem-details.ts'
import { queryBodyMaxBytes, queryRoutes } from './query.ts'

const a = shop('a', 'UTC')
const b = shop('b', 'Europe/Berlin')
const secret = 'only-of-b'
const hit = (merchant: ShopHit['merchant'], page: string): ShopHit => ({
  merchant,
  time: Date.parse('2026-04-05T05:30:00Z'),
  name: 'page_view',
  visitor: 1n,
  micros: 0n,
  dimensions: { page, 'props.x': page },
})

let app: FastifyInstance | undefined
afterEach(() => app?.close())

async function served() {
  const world = await createWorld('2026-04-05T06:07:08.009Z')
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
  await world.store.createMerchant(b, [key('read-b', b, 'read')])
  await world.store.addKey(key('admin', null, 'admin'))
  world.append(hit(a, '/'), hit(b, secret), hit(b, secret))
  await world.commit()
  await world.versions.refresh()
  const keys = createKeyDirectory({ store: world.store, clock: world.clock })
  const made = Fastify()
  app = made
  await made.register(problemDetails)
  await made.register(queryRoutes({ keys, queries: world.queries, store: world.store, timers: world.clock }))
  const post = async (body: unknown, bearer?: string, type = 'application/json') => {
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const authorization = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
    const headers = { 'content-type': type, ...authorization }
    const reply = await made.inject({ method: 'POST', url: '/v1/query', headers, payload })
    return { status: reply.statusCode, headers: reply.headers, body: reply.json() }
  }
  return { ...world, post, app: made }
}

const day = { dateRange: 'day', metrics: ['hits'] }

describe('POST /v1/query', () => {
  it('answers a read key of its own merchant, named or not, with headers that keep shared caches out', async () => {
    const { post } = await served()
    for (const body of [day, { ...day, merchant: 'a' }]) {
      const { status, body: answer, headers } = await post(body, 'read-a')
      expect(status).toBe(200)
      expect(answer.results).toEqual([{ dimensions: [], metrics: [1] }])
      expect(answer.query.merchant).toBe('a')
      expect(headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'private',
        vary: 'Authorization, Accept, Accept-Encoding',
      })
    }
  })

  it('answers an admin key of the merchant it names', async () => {
    const { post } = await served()
    expect((await post({ ...day, merchant: 'b' }, 'admin')).body.results[0].metrics).toEqual([2])
    expect(await post({ ...day, merchant: 'c' }, 'admin')).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await post(day, 'admin')).toMatchObject({ status: 400, body: { errors: [{ pointer: '/merchant' }] } })
  })

  it.each([
    ['no key', undefined, 'a', 401, 'no_key'],
    ['an unknown key', 'guessed', 'a', 401, 'bad_key'],
    ['a key that may only write', 'write-a', 'a', 403, 'forbidden'],
    ['a key of another merchant', 'read-a', 'b', 403, 'forbidden'],
    ['a key that asks of a merchant that is not there', 'read-a', 'nobody', 403, 'forbidden'],
  ])('refuses %s', async (_, bearer, merchant, status, code) => {
    const { post } = await served()
    expect(await post({ ...day, merchant }, bearer)).toMatchObject({ status, body: { code } })
  })

  it('refuses bodies that are none', async () => {
    const { post } = await served()
    expect(await post('{"dateRange":', 'read-a')).toMatchObject({ status: 400, body: { code: 'bad_json' } })
    expect(await post(day, 'read-a', 'text/csv')).toMatchObject({ status: 415, body: { code: 'bad_content_type' } })
    expect(await post({ ...day, merchant: 7 }, 'read-a')).toMatchObject({ status: 400, body: { code: 'bad_query' } })
    const large = JSON.stringify({ ...day, filters: 'x'.repeat(queryBodyMaxBytes) })
    expect(await post(large, 'read-a')).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    expect(await post('['.repeat(100_000), 'read-a')).toMatchObject({ status: 400 })
  })

  it('never shows one merchant anything of another, whatever texts stand in the question', async () => {
    const { post } = await served()
    await post({ ...day, dimensions: ['page'] }, 'read-b') // its cells are there
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        secret,
        'b',
        "b' or '1'='1",
        'b/[1,"rollup",["page"],null]',
        '__proto__',
        'a\0b',
        '../b',
        '"],null]',
      ),
    )
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, async (merchant, key, value) => {
        const own = await post(
          { ...day, dimensions: ['page', `props.${key}`], filters: [['contains_not', 'page', [value]]] },
          'read-a',
        )
        expect([200, 400]).toContain(own.status)
        // The question itself, whatever it names, is repeated to who asked it.
        expect(JSON.stringify(own.body.results ?? [])).not.toContain(secret)
        if (own.status === 200) expect(own.body.results.length).toBeLessThanOrEqual(1)
        const foreign = await post({ ...day, merchant }, 'read-a')
        expect(merchant === 'a' || foreign.status === 403).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('gives up what it asked the engine when the client leaves', async () => {
    const world = await served()
    let aborted = 0
    world.engineMeets.onAbort = () => {
      aborted += 1
    }
    world.engineMeets.gate = new Promise(() => {})
    await world.app.listen({ port: 0, host: '127.0.0.1' })
    const address = world.app.server.address() as { port: number }
    const headers = { authorization: 'Bearer read-a', 'content-type': 'application/json' }
    const client = httpRequest({ port: address.port, path: '/v1/query', method: 'POST', headers })
    client.on('error', () => {})
    client.end(JSON.stringify(day))
    await until(() => world.questions.length > 0)
    client.destroy()
    await until(() => aborted > 0)
    expect(aborted).toBe(1)
  })
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
