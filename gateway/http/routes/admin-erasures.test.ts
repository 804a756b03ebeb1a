import type { FastifyInstance } from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { openErasuresPerMerchantMax } from '../../../core/ports/erasure-store.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { buildApp } from '../../app.ts'
import { type EraseSubject, erasureByMaxLength } from '../../core/erasure-requests.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createReadiness } from '../../core/readiness.ts'
import { createMetrics } from '../plugins/metrics.ts'
import { adminErasuresRoutes, erasuresPerPage } from './admin-erasures.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers) await close()
})

const shop = 'shop' as MerchantId
const now = Date.parse('2026-03-01T10:00:00Z')

async function world() {
  const clock = new ManualClock(now)
  const store = createMemoryControlStore()
  const key = { kind: 'server', origins: [], quota: null, tool: null } as const
  await store.addKey({ ...key, merchant: null, hash: hashKey('admin'), rights: ['admin'] })
  for (const id of [shop, 'other' as MerchantId]) {
    const merchant = { id, name: id, timeZone: 'UTC', currency: 'EUR', blockedNames: [] }
    await store.createMerchant({ ...merchant, visitorSeed: '0'.repeat(16), retentionDays: null }, [
      { ...key, merchant: id, hash: hashKey(`${id}-reads`), rights: ['read'] },
      { ...key, merchant: id, hash: hashKey(`${id}-writes`), rights: ['write'] },
    ])
  }
  const keys = createKeyDirectory({ store, clock })
  const app = await buildApp({
    timers: clock,
    readiness: createReadiness([]),
    metrics: createMetrics(),
    plugins: [
      async (each: FastifyInstance) => {
        await each.register(adminErasuresRoutes, {
          ...{ store, keys, random: seededRandom(1) },
          erase: (asked: Parameters<EraseSubject>[0]) =>
            store.eraseHits({ ...asked, through: clock.now(), now: clock.now() }),
        })
      },
    ],
  })
  closers.push(() => app.close())
  const ask = async (method: 'GET' | 'POST', path: string, payload?: object, as = 'admin') => {
    const headers = { authorization: `Bearer ${as}` }
    const url = `/v1/admin/erasures${path}`
    const { statusCode, body, headers: sent } = await app.inject({ method, url, headers, ...(payload && { payload }) })
    return { status: statusCode, body: JSON.parse(body), location: sent.location }
  }
  return { ask, clock, store, keys }
}

describe('an erasure', () => {
  it('is of all that came until now, and is looked at where its answer says', async () => {
    const { ask } = await world()
    const { status, body, location } = await ask('POST', '', { merchant: shop, visitor: 'v-1', by: 'ticket 51' })
    const at = '2026-03-01T10:00:00.000Z'
    expect(status).toBe(202)
    expect(body).toEqual({
      ...{ id: 1, merchant: 'shop', visitor: 'v-1', state: 'asked', by: 'ticket 51' },
      ...{ through: at, askedAt: at, movedAt: at },
    })
    expect(location).toBe('/v1/admin/erasures/1')
    expect((await ask('GET', '/1')).body).toEqual(body)
  })

  it('asked for again goes up to the later moment, under the same number', async () => {
    const { ask, clock } = await world()
    await ask('POST', '', { merchant: shop, user: 'ada' })
    clock.advance(1_000)
    expect((await ask('POST', '', { merchant: shop, user: 'ada' })).body).toMatchObject({
      ...{ id: 1, user: 'ada', through: '2026-03-01T10:00:01.000Z' },
    })
  })

  it('of a whole merchant draws another seed, so that hashes left anywhere belong to nobody; others keep theirs', async () => {
    const { ask, store, keys } = await world()
    await keys.find('shop-writes')
    expect((await ask('POST', '', { merchant: shop, all: true })).body).toMatchObject({ all: true })
    const seed = (await store.merchant(shop))?.visitorSeed
    expect(seed).toMatch(/^[0-9a-f]{16}$/)
    expect(seed).not.toBe('0'.repeat(16))
    expect((await keys.find('shop-writes'))?.merchant?.visitorSeed).toBe(seed)
    await ask('POST', '', { merchant: 'other', visitor: 'v' })
    expect((await store.merchant('other' as MerchantId))?.visitorSeed).toBe('0'.repeat(16))
  })

  it.each([
    ['nobody', { merchant: shop }],
    ['two at once', { merchant: shop, visitor: 'v', user: 'u' }],
    ['all and one', { merchant: shop, visitor: 'v', all: true }],
    ['all: false', { merchant: shop, all: false }],
    ['an empty visitor', { merchant: shop, visitor: '' }],
    ['a visitor longer than hits can name', { merchant: shop, visitor: 'v'.repeat(1_025) }],
    ['a field that does not exist', { merchant: shop, visitor: 'v', through: 1 }],
    ['no merchant', { visitor: 'v' }],
  ])('of %s is refused, and nothing is recorded', async (_name, body) => {
    const { ask, store } = await world()
    expect(await ask('POST', '', body)).toMatchObject({ status: 400, body: { code: 'bad_query' } })
    expect(await store.erasures({ limit: 1 })).toEqual([])
  })

  it('names who asks in a text of so many characters, and no more', async () => {
    const { ask } = await world()
    const asked = (by: string) => ask('POST', '', { merchant: shop, visitor: 'v', by })
    expect(await asked('x'.repeat(erasureByMaxLength + 1))).toMatchObject({ status: 400, body: { code: 'bad_query' } })
    expect(await asked('x'.repeat(erasureByMaxLength))).toMatchObject({ status: 202 })
  })

  it('of a merchant that does not exist is 404; of one that has 1,000 under way 409', async () => {
    const { ask, store } = await world()
    expect(await ask('POST', '', { merchant: 'nobody', all: true })).toMatchObject({ status: 404 })
    for (let n = 0; n < openErasuresPerMerchantMax; n++) {
      const subject = { kind: 'visitor', value: `v-${n}` } as const
      await store.eraseHits({ merchant: shop, subject, through: now, by: 'test', now })
    }
    const refused = await ask('POST', '', { merchant: shop, user: 'one more' })
    expect(refused).toMatchObject({ status: 409, body: { code: 'too_many_erasures' } })
    expect(await ask('POST', '', { merchant: shop, visitor: 'v-0' })).toMatchObject({ status: 202 })
  })

  it('is nothing that keys of merchants may ask for or see', async () => {
    const { ask } = await world()
    for (const as of ['shop-reads', 'shop-writes']) {
      expect(await ask('POST', '', { merchant: shop, all: true }, as)).toMatchObject({ status: 403 })
      expect(await ask('GET', '', undefined, as)).toMatchObject({ status: 403 })
      expect(await ask('GET', '/1', undefined, as)).toMatchObject({ status: 403 })
    }
  })
})

describe('erasures', () => {
  it('are listed by number, a page at a time, of one merchant, and those under way', async () => {
    const { ask, store } = await world()
    for (let n = 1; n <= erasuresPerPage + 1; n++) await ask('POST', '', { merchant: shop, visitor: `v-${n}` })
    await ask('POST', '', { merchant: 'other', user: 'u' })
    await store.moveErasure(1, { from: 'asked', to: 'removed', through: now, now })
    const first = (await ask('GET', '')).body
    expect(first.erasures.map(({ id }: { id: number }) => id)).toEqual(
      Array.from({ length: erasuresPerPage }, (_, i) => i + 1),
    )
    expect(first.erasures[0].state).toBe('removed')
    const second = (await ask('GET', `?after=${first.next}`)).body
    expect(second.erasures.map(({ id }: { id: number }) => id)).toEqual([erasuresPerPage + 1, erasuresPerPage + 2])
    expect(second).not.toHaveProperty('next')
    expect((await ask('GET', '?merchant=other')).body.erasures).toMatchObject([{ merchant: 'other' }])
    const open = (await ask('GET', '?state=open&merchant=shop')).body
    expect(open.erasures[0].id).toBe(2)
    expect(open).not.toHaveProperty('next')
  })

  it('are refused by a parameter that is wrong, and not found by a number that is none', async () => {
    const { ask } = await world()
    for (const query of ['?state=closed', '?after=-1', '?after=x', '?merchant=A', '?page=2', '?after=1&after=2']) {
      expect(await ask('GET', query), query).toMatchObject({ status: 400, body: { code: 'bad_query' } })
    }
    for (const id of ['1', '0', 'x', '1e3', '9'.repeat(40)]) {
      expect(await ask('GET', `/${id}`), id).toMatchObject({ status: 404, body: { code: 'not_found' } })
    }
  })
})
