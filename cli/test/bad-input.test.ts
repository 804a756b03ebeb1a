import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mulberry32 } from '../seed/random.ts'
import { call, eventually, type Keys, type Life, readKeys, start, temporaryFolder } from './support/server.ts'

// Against the running server: whatever comes in, the answer has a code, is never a 5xx, and never hangs; and what was
// good in it is kept. The limits one by one are tested at the route (gateway/http/routes/hits.test.ts).
describe('bad input', () => {
  const folder = temporaryFolder()
  let life: Life
  let keys: Keys

  beforeAll(async () => {
    life = await start(folder.path)
    keys = readKeys(folder.path)
  })
  afterAll(async () => {
    await life?.end('SIGKILL')
    folder.remove()
  })

  const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    call<{ code?: string; accepted?: number; rejected?: { index: number; code: string }[] }>(`${life.url}/v1/hits`, {
      key: keys.writeKey,
      body,
      headers,
    })

  it.each([
    ['broken JSON', '{"name":', {}, 400, 'bad_json'],
    ['nothing', '', {}, 400, 'bad_json'],
    ['an empty array', '[]', {}, 400, 'no_hits'],
    [
      'another content type',
      'name=page_view',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'bad_content_type',
    ],
    ['an unknown key', '{"name":"a"}', { authorization: 'Bearer nobody' }, 401, 'bad_key'],
    ['too many hits', JSON.stringify(Array(1_001).fill({ name: 'a' })), {}, 413, 'too_many_hits'],
    ['too many bytes', ' '.repeat(4 * 1_024 * 1_024 + 1), {}, 413, 'body_too_large'],
    ['a body nested too deep', `${'['.repeat(100)}${']'.repeat(100)}`, {}, 400, 'too_deep'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'bad_json'],
    ['what says gzip and is not', 'plain', { 'content-encoding': 'gzip' }, 400, 'bad_json'],
    ['a bomb', gzipSync(Buffer.alloc(64 * 1_024 * 1_024, 0x20)), { 'content-encoding': 'gzip' }, 413, 'body_too_large'],
    ['a lone bad hit', '{"name":""}', {}, 400, 'nothing_accepted'],
  ] as const)('%s', async (_, body, headers, status, code) => {
    const reply = await post(body, headers)
    expect(reply.body).toMatchObject({ code })
    expect(reply.status).toBe(status)
    expect(reply.headers['content-type']).toContain('application/problem+json')
  })

  it('no key', async () => {
    const reply = await call(`${life.url}/v1/hits`, { body: { name: 'page_view' } })
    expect(reply).toMatchObject({ status: 401, body: { code: 'no_key' } })
  })

  it('a read key may not write, a write key may not read', async () => {
    expect((await call(`${life.url}/v1/hits`, { key: keys.readKey, body: { name: 'a' } })).status).toBe(403)
    const series = `${life.url}/v1/merchants/demo/timeseries`
    expect((await call(series, { key: keys.writeKey })).status).toBe(403)
  })

  it('good hits of a bad batch are kept, each bad one has its code', async () => {
    const old = new Date(Date.now() - 31 * 86_400_000).toISOString()
    const batch = [
      { name: 'page_view', id: 'good-1' },
      { name: 'page_view', time: old },
      { name: 'purchase', revenue: { amount: '1.2345678', currency: 'EUR' } },
      { name: 'purchase', revenue: { amount: 1, currency: 'XXXX' } },
      { name: 'page_view', surprise: 1 },
      { name: 'x'.repeat(65) },
      { name: 'page_view', props: { big: 'x'.repeat(40_000) } },
      'not an object',
      { name: 'page_view', id: 'good-2' },
    ]
    const { status, body } = await post(JSON.stringify(batch))
    expect(status).toBe(202)
    expect(body.accepted).toBe(2)
    expect(body.rejected?.map(({ index, code }) => [index, code])).toEqual([
      [1, 'too_old'],
      [2, 'bad_amount'],
      [3, 'bad_currency'],
      [4, 'unknown_field'],
      [5, 'bad_field'],
      [6, 'bad_field'],
      [7, 'bad_field'],
    ])
  })

  it('2,000 mutilated requests: an answer below 500 to each, and the server counts on', async () => {
    const random = mulberry32(3)
    const good = JSON.stringify({
      sentAt: new Date().toISOString(),
      hits: [
        {
          name: 'page_view',
          time: Date.now(),
          props: { a: 'ü"\\', b: 1e3, c: null },
          items: [{ id: '1', price: 2.5 }],
        },
      ],
    })
    const odd = [
      '"',
      '{',
      '[',
      ']',
      '}',
      ',',
      ':',
      '\\u0000',
      '\\ud800',
      '1e999',
      '-0',
      'null',
      '__proto__',
      '\u0000',
      '9'.repeat(40),
    ]
    const mutilate = (): Buffer => {
      let text = good
      for (let cuts = 1 + Math.floor(random() * 4); cuts > 0; cuts--) {
        const at = Math.floor(random() * text.length)
        const length = Math.floor(random() * 6)
        text = text.slice(0, at) + (odd[Math.floor(random() * odd.length)] ?? '') + text.slice(at + length)
      }
      const bytes = Buffer.from(text)
      if (random() < 0.2 && bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      return bytes
    }
    const statuses = new Map<number, number>()
    for (let round = 0; round < 100; round++) {
      const replies = await Promise.all(Array.from({ length: 20 }, () => post(mutilate())))
      for (const { status, body } of replies) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status !== 202) expect(body.code).toMatch(/^[a-z_]+$/)
      }
    }
    // Both kinds came up, or the test tests nothing.
    expect([...statuses.keys()].sort()).toEqual([202, 400])
    const books = await eventually(
      () => call<{ inFlight: number; balanced: boolean }>(`${life.url}/v1/admin/books`, { key: keys.adminKey }),
      ({ body }) => body.inFlight === 0,
    )
    expect(books.body.balanced).toBe(true)
  })

  it.each([
    ['no HTTP at all', '\u0000\u0001\u0002 hello\r\n\r\n'],
    ['a header too long', `POST /v1/hits HTTP/1.1\r\nHost: a\r\nX-A: ${'b'.repeat(20_000)}\r\n\r\n`],
    ['two lengths', 'POST /v1/hits HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'],
  ])('bytes on the socket: %s', async (_, bytes) => {
    const { hostname, port } = new URL(life.url)
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname)
      socket.once('data', (chunk) => {
        resolve(String(chunk))
        socket.destroy()
      })
      socket.on('error', reject)
      socket.write(bytes)
    })
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect((await call(`${life.url}/livez`)).status).toBe(200)
  })

  it('every question that cannot be answered has a code and says what can be mended', async () => {
    const ask = (path: string, key = keys.readKey) => call<{ code: string }>(`${life.url}${path}`, { key })
    const series = '/v1/merchants/demo/timeseries'
    expect(await ask(`${series}?metrics=hits,vistors`)).toMatchObject({ status: 400, body: { code: 'unknown_metric' } })
    expect(await ask(`${series}?timeZone=Mars/Base`)).toMatchObject({ status: 400, body: { code: 'unknown_zone' } })
    expect(await ask(`${series}?interval=minute`)).toMatchObject({ status: 400, body: { code: 'bad_query' } })
    expect(await ask(`${series}?from=2026-13-01&to=2026-01-01`)).toMatchObject({
      status: 400,
      body: { code: 'bad_query' },
    })
    expect(await ask(`${series}?from=1990-01-01&to=2026-01-01`)).toMatchObject({
      status: 422,
      body: { code: 'too_many_buckets' },
    })
    expect(await ask('/v1/merchants/other/timeseries')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await ask("/v1/merchants/demo'--/timeseries")).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await ask('/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})
