import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import type { HitBatch } from '../../../core/hit.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { openLogReader } from '../../../core/log/log-reader.ts'
import { openSegmentLog } from '../../../core/log/segment-log.ts'
import type { KeyRight } from '../../../core/ports/control-store.ts'
import type { HitLog } from '../../../core/ports/hit-log.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { decodeHitBatch } from '../../../schemas/avro/hit-batch.ts'
import { createCollector } from '../../core/accept-hits.ts'
import { createClientAddress } from '../../core/client-address.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createVisitorSalts } from '../../core/visitor-salt.ts'
import { defaultBodyMaxBytes, defaultBodyMaxMs, forgottenShare } from '../body.ts'
import { problemDetails } from '../plugins/problem-details.ts'
import { hitsRoutes } from './hits.ts'

const page = { name: 'page_view' }
const json = 'application/json'
const bodyMaxBytes = 64 * 1024

let clock: ManualClock
let disk: MemoryDisk
let log: HitLog
let app: FastifyInstance
const sockets: Socket[] = []

beforeEach(async () => {
  clock = new ManualClock()
  disk = new MemoryDisk()
  log = await openSegmentLog({ disk, folder: 'log', timers: clock, random: seededRandom(1) })
  app = await gateway({ bodyMaxBytes })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await app.close()
})

async function gateway(limits: { bodyMaxBytes?: number }): Promise<FastifyInstance> {
  const store = createMemoryControlStore()
  const merchant = 'demo' as MerchantId
  const key = (text: string, rights: KeyRight[]) => ({
    hash: hashKey(text),
    merchant,
    kind: 'browser' as const,
    rights,
    origins: [],
    quota: null,
    tool: null,
  })
  await store.createMerchant(
    {
      id: merchant,
      name: 'Demo',
      timeZone: 'UTC',
      currency: 'EUR',
      blockedNames: [],
      visitorSeed: '00',
      retentionDays: null,
    },
    [key('writer', ['write']), key('reader', ['read'])],
  )
  const salts = createVisitorSalts({ store, clock, timers: clock, random: seededRandom(2) })
  const made = Fastify()
  await made.register(problemDetails, {})
  await made.register(
    hitsRoutes({
      collector: createCollector({ clock, random: seededRandom(3), log, salts }),
      keys: createKeyDirectory({ store, clock }),
      timers: clock,
      clientAddress: createClientAddress(['127.0.0.1']),
      limits,
    }),
  )
  return made
}

async function post(payload: string | Buffer | object, options: InjectOptions = {}) {
  // A header that a case sets to undefined is not sent.
  const headers = Object.entries({ authorization: 'Bearer writer', 'content-type': json, ...options.headers })
  const reply = await app.inject({
    method: 'POST',
    url: '/v1/hits',
    payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    ...options,
    headers: Object.fromEntries(headers.filter(([, value]) => value !== undefined)),
  })
  return {
    status: reply.statusCode,
    headers: reply.headers,
    ...(reply.json() as { code?: string; detail?: string; accepted?: number }),
  }
}

async function stored(): Promise<HitBatch[]> {
  const reader = await openLogReader({ disk, folder: 'log', id: log.id, from: 0 as Offset, durable: () => log.durable })
  const records = await reader.read(64 * 1024 * 1024)
  const batches = records.map(({ payload }) => decodeHitBatch(payload))
  await reader.close()
  return batches
}

describe('POST /v1/hits', () => {
  it('answers 202 with what was accepted and how durable it is', async () => {
    const reply = await app.inject({
      method: 'POST',
      url: '/v1/hits',
      payload: [page, { name: 5 }],
      headers: { authorization: 'Bearer writer' },
    })
    expect(reply.statusCode).toBe(202)
    expect(reply.headers).toMatchObject({
      'hitlake-durability': 'disk',
      'content-type': 'application/json; charset=utf-8',
    })
    expect(reply.json()).toEqual({
      accepted: 1,
      rejected: [{ index: 1, code: 'bad_field', pointer: '/name', message: expect.any(String) }],
    })
    expect(log.durable).toBe(1)
  })

  it('takes the hits beside one that means harm', async () => {
    const harm = { ...page, context: { campaign: { medium: { length: { toString: 1 } } } } }
    expect(await post([page, harm, page])).toMatchObject({
      status: 202,
      accepted: 2,
      rejected: [{ index: 1, code: 'bad_field', pointer: '/context/campaign/medium' }],
    })
  })

  it.each([
    json,
    'application/json; charset=utf-8',
    'text/plain',
    'text/plain;charset=UTF-8',
    'APPLICATION/JSON',
    'application/json; charset="utf8"',
  ])('reads %s', async (type) => {
    expect(await post(page, { headers: { 'content-type': type } })).toMatchObject({ status: 202, accepted: 1 })
  })

  it('takes the key from the header or the address, and the client from a configured proxy', async () => {
    expect(await post(page, { url: '/v1/hits?key=writer', headers: { authorization: undefined } })).toMatchObject({
      status: 202,
    })
    await post(page, {
      headers: { 'x-forwarded-for': '8.8.8.8, 203.0.113.9', 'user-agent': 'Firefox', 'accept-language': 'ne' },
    })
    expect((await stored()).map((batch) => batch.addressPrefix)).toEqual(['127.0.0.0/24', '203.0.113.0/24'])
    expect((await stored())[1]).toMatchObject({ requestUserAgent: 'Firefox', requestLanguage: 'ne', merchant: 'demo' })
  })

  it('unpacks gzip', async () => {
    const packed = gzipSync(JSON.stringify([page, page]))
    expect(await post(packed, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 202, accepted: 2 })
    expect(await post(packed, { headers: { 'content-encoding': ' GZIP ' } })).toMatchObject({ status: 202 })
    expect(await post(page, { headers: { 'content-encoding': 'identity' } })).toMatchObject({ status: 202 })
  })

  it('keeps strings of any language as they are, and the last of equal keys', async () => {
    await post('{"name":"first","title":"größe 尺寸 😀 \\ud83d\\ude00","name":"last"}')
    expect((await stored())[0]?.hits[0]).toMatchObject({ name: 'last', title: 'größe 尺寸 😀 😀' })
  })
})

describe('a refused request', () => {
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, 0x20))

  it.each<[string, number, string, string | Buffer | object, InjectOptions]>([
    ['without a key', 401, 'no_key', page, { headers: { authorization: undefined } }],
    ['with another scheme', 401, 'no_key', page, { headers: { authorization: 'Basic writer' } }],
    ['with an empty key', 401, 'no_key', page, { url: '/v1/hits?key=', headers: { authorization: undefined } }],
    [
      'with two keys',
      401,
      'no_key',
      page,
      { url: '/v1/hits?key=writer&key=reader', headers: { authorization: undefined } },
    ],
    ['with an unknown key', 401, 'bad_key', page, { headers: { authorization: 'Bearer nobody' } }],
    ['with a key that may not write', 403, 'forbidden', page, { headers: { authorization: 'Bearer reader' } }],
    ['of another content type', 415, 'bad_content_type', page, { headers: { 'content-type': 'text/html' } }],
    [
      'of a form',
      415,
      'bad_content_type',
      'name=x',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    ['of an unreadable content type', 415, 'bad_content_type', page, { headers: { 'content-type': 'json' } }],
    ['of no content type', 415, 'bad_content_type', Buffer.from('{}'), { headers: { 'content-type': undefined } }],
    ['in UTF-16', 415, 'bad_content_type', page, { headers: { 'content-type': 'application/json; charset=utf-16' } }],
    ['packed otherwise', 415, 'bad_content_type', page, { headers: { 'content-encoding': 'br' } }],
    ['packed twice', 415, 'bad_content_type', page, { headers: { 'content-encoding': 'gzip, gzip' } }],
    ['that says gzip and is not', 400, 'bad_json', page, { headers: { 'content-encoding': 'gzip' } }],
    [
      'cut off inside gzip',
      400,
      'bad_json',
      gzipSync(JSON.stringify(page)).subarray(0, -9),
      { headers: { 'content-encoding': 'gzip' } },
    ],
    ['of broken JSON', 400, 'bad_json', '{"name":"x"', {}],
    ['of JSON with an end', 400, 'bad_json', '{"name":"x"} {}', {}],
    ['of NaN', 400, 'bad_json', '[NaN]', {}],
    ['of an empty body', 400, 'bad_json', '', {}],
    ['of bytes that are not UTF-8', 400, 'bad_json', Buffer.from([...Buffer.from('{"name":"'), 0xff, 0x22, 0x7d]), {}],
    ['of an overlong NUL', 400, 'bad_json', Buffer.from([...Buffer.from('{"name":"'), 0xc0, 0x80, 0x22, 0x7d]), {}],
    ['of raw control characters', 400, 'bad_json', '{"name":"a\nb"}', {}],
    ['of an empty array', 400, 'no_hits', [], {}],
    ['of 1,001 hits', 413, 'too_many_hits', Array(1_001).fill(page), {}],
    ['of 65 levels', 400, 'too_deep', '['.repeat(65) + ']'.repeat(65), {}],
    ['of 30,000 levels', 400, 'too_deep', '['.repeat(30_000) + ']'.repeat(30_000), {}],
    ['of 10,000 objects inside each other', 400, 'too_deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, {}],
    ['over the limit', 413, 'body_too_large', Buffer.alloc(bodyMaxBytes + 1, 0x20), {}],
    ['over the limit once unpacked', 413, 'body_too_large', bomb, { headers: { 'content-encoding': 'gzip' } }],
    ['of nothing acceptable', 400, 'nothing_accepted', [{}], {}],
    ['with __proto__ in it', 400, 'nothing_accepted', '{"name":"x","__proto__":{"id":"y"}}', {}],
    ['of a text', 400, 'nothing_accepted', '"page_view"', {}],
    ['of null', 400, 'nothing_accepted', 'null', {}],
  ])('%s gets %i %s and leaves nothing in the log', async (_name, status, code, payload, options) => {
    expect(await post(payload, options)).toMatchObject({
      status,
      code,
      headers: { 'content-type': expect.stringContaining('application/problem+json') },
    })
    expect(log.next).toBe(0)
  })

  it('with nothing acceptable says why, hit by hit', async () => {
    expect(await post([{}, { ...page, revenu: 1 }])).toMatchObject({
      status: 400,
      code: 'nothing_accepted',
      accepted: 0,
      rejected: [
        { index: 0, code: 'bad_field', pointer: '/name' },
        { index: 1, code: 'unknown_field', pointer: '/revenu' },
      ],
    })
  })

  it('while the log takes nothing is 503 with a time to come back', async () => {
    await log.close()
    expect(await post(page)).toMatchObject({ status: 503, code: 'log_unavailable', headers: { 'retry-after': '5' } })
  })

  it('has passed at the limits themselves', async () => {
    const exactly = Buffer.alloc(bodyMaxBytes, 0x20)
    exactly.write(JSON.stringify(page))
    expect(await post(exactly)).toMatchObject({ status: 202 })
    expect(await post(gzipSync(exactly), { headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 202 })
    expect(await post(JSON.stringify(Array(1_000).fill(page)))).toMatchObject({ status: 202, accepted: 1_000 })
    expect([defaultBodyMaxBytes, defaultBodyMaxMs]).toEqual([4 * 1024 * 1024, 15_000])
  })

  it('leaves the routes of others their own content types', async () => {
    app.post('/other', async (request) => request.body)
    const reply = await app.inject({ method: 'POST', url: '/other', payload: { a: 1 } })
    expect(reply.json()).toEqual({ a: 1 })
  })
})

describe('on a socket', () => {
  const head = (lines: readonly string[]) =>
    ['POST /v1/hits?key=writer HTTP/1.1', 'host: x', `content-type: ${json}`, ...lines, '', ''].join('\r\n')

  async function open(): Promise<{ socket: Socket; answer: () => string; ended: Promise<unknown> }> {
    if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
    sockets.push(socket)
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('error', () => {})
    await once(socket, 'connect')
    return { socket, answer: () => received, ended: once(socket, 'close') }
  }
  async function until(reached: () => boolean): Promise<void> {
    for (let turn = 0; !reached(); turn++) {
      if (turn > 100_000) throw new Error('it does not come')
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  it('a body slower than 15 s is 408, and the connection ends', async () => {
    const { socket, answer, ended } = await open()
    socket.write(head(['content-length: 20']))
    socket.write('{"name":')
    await until(() => clock.pendingTimers === 1)
    clock.advance(defaultBodyMaxMs - 1)
    expect(answer()).toBe('')
    clock.advance(1)
    await ended
    expect(answer()).toMatch(/^HTTP\/1.1 408 .*request_timeout/s)
    expect(answer()).toMatch(/connection: close/i)
  })

  it('a body in pieces is read whole, its timer is gone, and the connection serves on', async () => {
    const { socket, answer } = await open()
    const body = JSON.stringify([page, { ...page, title: 'größe' }])
    for (let round = 1; round <= 2; round++) {
      socket.write(head(['transfer-encoding: chunked']))
      for (const byte of Buffer.from(body))
        socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]))
      socket.write('0\r\n\r\n')
      await until(() => answer().split('"accepted":2').length === round + 1)
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('a body that goes on over the limit is refused when it ends, so that the client can read why', async () => {
    const { socket, answer } = await open()
    socket.write(head([`content-length: ${bodyMaxBytes * 2}`]))
    socket.write(Buffer.alloc(bodyMaxBytes * 2, 0x20))
    await until(() => answer().includes('body_too_large'))
    expect(answer()).toMatch(/^HTTP\/1.1 413 /)
  })

  it('a body that goes on for ever is cut off', async () => {
    const { socket, answer, ended } = await open()
    socket.write(head(['transfer-encoding: chunked']))
    const chunk = Buffer.alloc(bodyMaxBytes, 0x20)
    for (let i = 0; i <= forgottenShare; i++) {
      socket.write(`${bodyMaxBytes.toString(16)}\r\n`)
      socket.write(chunk)
      socket.write('\r\n')
    }
    await until(() => answer().includes('body_too_large'))
    await ended
  })

  it('a body that is announced far over the limit is not waited for', async () => {
    const { socket, answer, ended } = await open()
    socket.write(head([`content-length: ${bodyMaxBytes * forgottenShare + 1}`]))
    await ended
    expect(answer()).toMatch(/^HTTP\/1.1 413 /)
  })

  it('a client that goes away in the middle leaves no timer and no record behind', async () => {
    const { socket } = await open()
    socket.write(head(['content-length: 20']))
    await until(() => clock.pendingTimers === 1)
    socket.destroy()
    await until(() => clock.pendingTimers === 0)
    expect(log.next).toBe(0)
  })
})
