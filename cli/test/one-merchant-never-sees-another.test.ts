/**
 * Every endpoint, asked with a key of one shop, for another shop's numbers and with hostile texts in every place that takes
 * one: nothing of the other shop comes back, nothing breaks, and no error speaks SQL. `HOSTILE_TEST_COUNT` sends more.
 */
import { Agent } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { hostileTexts } from './support/hostile.ts'
import { call, eventually, type Life, type Reply, readKeys, start, temporaryFolder } from './support/server.ts'

const texts = hostileTexts({ seed: 3, count: testLength('HOSTILE_TEST_COUNT', { short: 60, full: 300 }) })
/** In every hit of the other shop, and nowhere else. */
const secret = 'zebra-crossing-of-the-other'
const sqlWords =
  /\b(SELECT|FROM|WHERE|GROUP BY)\b|read_parquet|(Parser|Binder|Catalog|Conversion) Error|SQLSTATE|line \d+:\d+/
const atOnce = 8

interface Asker {
  readonly readKey: string
  readonly writeKey: string
}

describe('with the keys of one shop', () => {
  const folder = temporaryFolder()
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  let life: Life
  let own: Asker
  let other: Asker

  beforeAll(async () => {
    life = await start(folder.path, { HITLAKE_KEY_QUOTA: '1000000' })
    const { adminKey } = readKeys(folder.path)
    const make = async (id: string): Promise<Asker> => {
      const body = { id, name: id, timeZone: 'UTC', currency: 'EUR' }
      return (await call<Asker>(`${life.url}/v1/admin/merchants`, { key: adminKey, body })).body
    }
    own = await make('own-shop')
    other = await make('other-shop')
    const hit = { name: 'page_view', url: `https://x.example/${secret}`, visitor: secret, props: { key: secret } }
    const hits = Array.from({ length: 100 }, () => ({ ...hit, referrer: `https://${secret}.example/` }))
    await call(`${life.url}/v1/hits`, { key: other.writeKey, body: hits })
    await call(`${life.url}/v1/hits`, { key: own.writeKey, body: { name: 'page_view', url: 'https://x.example/own' } })
    const seen = (key: string) =>
      call<{ results: readonly { metrics: readonly number[] }[] }>(`${life.url}/v1/query`, {
        key,
        body: { metrics: ['hits'], dateRange: 'day' },
      })
    await eventually(
      async () => [await seen(own.readKey), await seen(other.readKey)].map(({ body }) => body.results?.[0]?.metrics[0]),
      (found) => found[0] === 1 && found[1] === 100,
    )
  })
  afterAll(async () => {
    agent.destroy()
    await life?.end('SIGKILL')
    folder.remove()
  })

  /** Asks with every text, and looks at each answer. */
  async function each(ask: (text: string) => Promise<Reply>): Promise<void> {
    let next = 0
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let at = next++; at < texts.length; at = next++) {
          const text = texts[at] as string
          const reply = await ask(text)
          const shown = `${JSON.stringify(text)}: ${reply.status} ${JSON.stringify(reply.body)}`
          expect(reply.status, shown).toBeLessThan(500)
          const body = JSON.stringify(reply.body)
          // What was sent may be told back; everything else of the answer is looked at.
          const rest = body.replaceAll(JSON.stringify(text).slice(1, -1), '')
          expect(rest, shown).not.toContain(secret)
          if (reply.status >= 400) expect(rest, shown).not.toMatch(sqlWords)
        }
      }),
    )
  }

  const post = (path: string, body: unknown, key = own.readKey) => call(`${life.url}${path}`, { key, body, agent })
  const get = (path: string, key = own.readKey) => call(`${life.url}${path}`, { key, agent })
  const day = { metrics: ['hits', 'visitors', 'sessions'], dateRange: 'day' }
  const enc = encodeURIComponent

  it('the other shop is forbidden by name, as one is that does not exist', async () => {
    for (const merchant of ['other-shop', 'no-such-shop']) {
      expect((await post('/v1/query', { ...day, merchant })).status).toBe(403)
      expect((await get(`/v1/merchants/${merchant}/timeseries`)).status).toBe(403)
    }
  })

  it('as the merchant', async () => {
    await each((merchant) => post('/v1/query', { ...day, merchant }))
    await each((merchant) => get(`/v1/merchants/${enc(merchant)}/timeseries`))
  })

  it.each(['page', 'source', 'name', 'props.key', 'os'])('as values of filters on %s', async (dimension) => {
    const operators = ['is', 'is_not', 'contains', 'contains_not']
    let next = 0
    // Each with a few of its own kind beside it, in another operator each time.
    await each((text) => {
      const values = [text, ...texts.slice(next, next + 9)]
      const operator = operators[next++ % operators.length]
      return post('/v1/query', { ...day, dimensions: ['page'], filters: [[operator, dimension, values]] })
    })
  })

  it('as names of properties, dimensions, metrics, zones, cursors, orders and ranges', async () => {
    await each((text) => post('/v1/query', { ...day, dimensions: [`props.${text}`] }))
    await each((text) => post('/v1/query', { ...day, dimensions: [text] }))
    await each((text) => post('/v1/query', { ...day, metrics: [text] }))
    await each((text) => post('/v1/query', { ...day, timeZone: text }))
    await each((text) => post('/v1/query', { ...day, dimensions: ['page'], cursor: text }))
    await each((text) => post('/v1/query', { ...day, orderBy: [[text, 'desc']] }))
    await each((text) => post('/v1/query', { ...day, dateRange: [text, text] }))
    await each((text) => post('/v1/query', { ...day, [text]: text }))
    await each((text) => post('/v1/query', text))
  })

  it('as parameters of a time series', async () => {
    const path = '/v1/merchants/own-shop/timeseries'
    for (const name of ['metrics', 'from', 'to', 'interval', 'timeZone', 'filter', 'format', 'merchant']) {
      await each((text) => get(`${path}?${name}=${enc(text)}`))
    }
    await each((text) => get(`${path}?filter=${enc(JSON.stringify(['is', 'page', [text]]))}`))
  })

  it('as keys', async () => {
    await each((text) => get(`/v1/hits.gif?key=${enc(text)}&name=page_view`))
    await each((text) => get(`/v1/meta?key=${enc(text)}`, other.writeKey))
  })

  it('as hits, which are data', async () => {
    await each((text) => post('/v1/hits', { name: 'page_view', url: text, title: text, props: { text } }, own.writeKey))
    await each((text) => post('/v1/hits/validate', { name: text, id: text, props: { [text]: 1 } }, own.writeKey))
    await each((text) => get(`/v1/hits.gif?key=${own.writeKey}&name=${enc(text)}&p.${enc(text)}=${enc(text)}`))
  })

  it('as whatever administrators are asked for, which is forbidden to shops', async () => {
    for (const path of ['merchants', 'books', 'tables', 'imports', 'reruns']) {
      await each((text) => get(`/v1/admin/${path}/${enc(text)}`))
    }
  })

  it('and afterwards the other shop has its hundred hits and the own shop none of them', async () => {
    const reply = await post('/v1/query', { ...day, dimensions: ['page'], filters: [['contains', 'page', [secret]]] })
    expect(reply.body).toMatchObject({ results: [] })
    const theirs = await post('/v1/query', { metrics: ['hits'], dateRange: 'day' }, other.readKey)
    expect(theirs.body).toMatchObject({ results: [{ metrics: [100] }] })
  })
})
