import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { socketFrameMaxBytes } from '../../core/socket-frame.ts'
import { socketPingMs } from '../../core/socket-hub.ts'
import { socketMaxUnanswered } from '../../core/socket-session.ts'
import { type HitsWorld, hitsWorld } from './hits-under-test.ts'

const page = { name: 'page_view', visitor: 'v' }
type Answer = {
  seq?: number
  accepted?: number
  rejected?: unknown[]
  durability?: string
  error?: { code: string; message: string; retryAfter?: number }
}

let world: HitsWorld
let port: number
const clients: WebSocket[] = []
const problems: string[] = []

beforeEach(async () => {
  problems.length = 0
  await start()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate()
  await world.app.close()
})

async function start(changed: Parameters<typeof hitsWorld>[0] = {}): Promise<void> {
  world = await hitsWorld({ onSocketProblem: (code) => problems.push(code), ...changed })
  await world.app.listen({ port: 0, host: '127.0.0.1' })
  port = (world.app.server.address() as AddressInfo).port
}

/** A client whose answers come one after the other. */
async function open(query = '?key=writer', headers: Record<string, string> = {}, options: { autoPong?: boolean } = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/hits/socket${query}`, { headers, ...options })
  clients.push(socket)
  const answers: Answer[] = []
  const awaited: (() => void)[] = []
  socket.on('message', (data) => {
    answers.push(JSON.parse(String(data)))
    awaited.shift()?.()
  })
  const closed = once(socket, 'close').then(([code]) => code as number)
  await once(socket, 'open')
  return {
    socket,
    closed,
    answers,
    send: (frame: unknown) =>
      socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
    async next(): Promise<Answer> {
      if (answers.length === 0) await new Promise<void>((resolve) => awaited.push(resolve))
      return answers.shift() as Answer
    },
  }
}

/** How an upgrade is refused. */
async function refused(
  query: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Answer & { code?: string } }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/hits/socket${query}`, { headers })
  clients.push(socket)
  socket.on('error', () => undefined)
  const [, response] = await once(socket, 'unexpected-response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, body: JSON.parse(text) }
}

async function until(reached: () => boolean): Promise<void> {
  for (let turn = 0; !reached(); turn++) {
    if (turn > 200_000) throw new Error('it does not come')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a frame', () => {
  it('is what POST /v1/hits takes, and is answered when its hits are durable', async () => {
    const { send, next } = await open()
    for (const frame of [
      page,
      [page, page],
      { hits: [page], sentAt: world.clock.now() },
      Buffer.from(JSON.stringify(page)),
    ]) {
      send(frame)
      expect(await next()).toEqual({ accepted: Array.isArray(frame) ? 2 : 1, rejected: [], durability: 'disk' })
    }
    expect((await world.stored()).map(({ hits }) => hits.length)).toEqual([1, 2, 1, 1])
  })

  it('may carry a number, which its answer has too', async () => {
    const { send, next } = await open()
    send({ seq: 7, hits: [page, { name: 5 }] })
    expect(await next()).toEqual({
      seq: 7,
      accepted: 1,
      rejected: [{ index: 1, code: 'bad_field', pointer: '/name', message: expect.any(String) }],
      durability: 'disk',
    })
    send({ seq: 0, hits: [{}], sentAt: 1 })
    expect(await next()).toMatchObject({ seq: 0, accepted: 0, rejected: [{ index: 0 }] })
    send({ seq: 2, ...page })
    expect(await next()).toMatchObject({ accepted: 0, rejected: [{ code: 'unknown_field', pointer: '/seq' }] })
  })

  it('is stored with what the upgrade said of its sender', async () => {
    const { send, next } = await open('?key=writer', {
      'user-agent': 'Firefox',
      'accept-language': 'ne',
      'sec-ch-ua-mobile': '?1',
    })
    send({ name: 'x' })
    await next()
    expect(await world.stored()).toMatchObject([
      {
        requestUserAgent: 'Firefox',
        requestLanguage: 'ne',
        addressPrefix: '127.0.0.0/24',
        keyKind: 'browser',
        merchant: 'demo',
      },
    ])
  })

  it('says how durable its hits are, each when it knows', async () => {
    await world.app.close()
    const confirms: ((durability: 'kafka' | 'disk') => void)[] = []
    await start({ confirm: () => new Promise((resolve) => confirms.push(resolve)) })
    const { send, next } = await open()
    send({ seq: 1, hits: [page] })
    send({ seq: 2, hits: [page] })
    await until(() => confirms.length === 2)
    confirms[1]?.('kafka')
    expect(await next()).toMatchObject({ seq: 2, durability: 'kafka' })
    confirms[0]?.('disk')
    expect(await next()).toMatchObject({ seq: 1, durability: 'disk' })
  })

  it.each<[string, string | Buffer | object, string, number | undefined]>([
    ['broken JSON', '{"seq":1,', 'bad_json', undefined],
    ['nothing', '', 'bad_json', undefined],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'bad_json', undefined],
    ['a number that is none', { seq: 'a', hits: [page] }, 'bad_query', undefined],
    ['a negative number', { seq: -1, hits: [page] }, 'bad_query', undefined],
    ['a number beyond 2^53', '{"seq":9007199254740992,"hits":[]}', 'bad_query', undefined],
    ['something beside the hits', { seq: 3, hits: [page], key: 'x' }, 'bad_query', 3],
    ['hits that are no array', { seq: 3, hits: page }, 'bad_query', 3],
    ['no hit', { seq: 3, hits: [] }, 'no_hits', 3],
    ['1,001 hits', { seq: 3, hits: Array(1_001).fill(page) }, 'too_many_hits', 3],
    ['65 levels', `${'['.repeat(65)}${']'.repeat(65)}`, 'too_deep', undefined],
  ])('of %s is answered, and the socket stays', async (_name, frame, code, seq) => {
    const { send, next } = await open()
    send(frame)
    const answer = await next()
    expect(answer).toEqual({ ...(seq !== undefined && { seq }), error: { code, message: expect.any(String) } })
    expect(problems).toEqual([code])
    expect(world.log.next).toBe(0)
    send(page)
    expect(await next()).toMatchObject({ accepted: 1 })
  })

  it('in text that is no UTF-8 does not cost the socket', async () => {
    const { socket, next } = await open()
    socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })
    expect(await next()).toMatchObject({ error: { code: 'bad_json' } })
  })

  it('over the quota is told when to come back, and none of it is stored', async () => {
    const { send, next } = await open('?key=slow')
    send({ seq: 1, hits: Array(10).fill(page) })
    send({ seq: 2, hits: [page, page] })
    const answers = [await next(), await next()]
    expect(answers.find(({ seq }) => seq === 1)).toMatchObject({ accepted: 10 })
    expect(answers.find(({ seq }) => seq === 2)).toEqual({
      seq: 2,
      error: { code: 'quota_exceeded', message: expect.any(String), retryAfter: 1 },
    })
    expect((await world.stored()).flatMap(({ hits }) => hits)).toHaveLength(10)
    world.clock.advance(1_000)
    send({ seq: 3, hits: [page, page] })
    expect(await next()).toMatchObject({ seq: 3, accepted: 2 })
  })

  it('while the log takes nothing is told when to come back', async () => {
    const { send, next } = await open()
    await world.log.close()
    send(page)
    expect(await next()).toMatchObject({ error: { code: 'log_unavailable', retryAfter: 5 } })
  })

  it('of a key that is no more is refused', async () => {
    const { send, next } = await open()
    send(page)
    await next()
    world.keys.find = () => undefined
    send({ seq: 1, hits: [page] })
    expect(await next()).toMatchObject({ seq: 1, error: { code: 'bad_key' } })
  })

  it('of a megabyte is read, and one byte more closes the socket with 1009', async () => {
    const exactly = Buffer.alloc(socketFrameMaxBytes, 0x20)
    exactly.write(JSON.stringify(page))
    const { send, next, closed } = await open()
    send(exactly)
    expect(await next()).toMatchObject({ accepted: 1 })
    send(Buffer.concat([exactly, Buffer.from(' ')]))
    expect(await closed).toBe(1009)
    expect(world.log.next).toBe(1)
  })
})

describe('back pressure', () => {
  it('stops reading at 64 frames without an answer, and goes on when answers leave', async () => {
    await world.app.close()
    const confirms: (() => void)[] = []
    await start({ confirm: () => new Promise((resolve) => confirms.push(() => resolve('kafka'))) })
    const { socket, send, answers } = await open()
    // Of 3 KB: together more than all buffers between the two ends hold.
    const frames = 3_000
    for (let seq = 0; seq < frames; seq++)
      send({ seq, hits: [{ ...page, props: { a: 'y'.repeat(1_000) }, url: 'x'.repeat(2_000) }] })
    await until(() => confirms.length === socketMaxUnanswered)
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(confirms).toHaveLength(socketMaxUnanswered)
    expect(world.log.next).toBe(socketMaxUnanswered)
    expect(socket.bufferedAmount).toBeGreaterThan(0)
    while (answers.length < frames) {
      for (const confirm of confirms.splice(0)) confirm()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(answers.map(({ seq }) => seq)).toEqual(Array.from({ length: frames }, (_, seq) => seq))
    expect((await world.stored()).flatMap(({ hits }) => hits)).toHaveLength(frames)
  })
})

describe('opening a socket', () => {
  it('takes the key from the header or the address', async () => {
    const { send, next } = await open('', { authorization: 'Bearer writer' })
    send(page)
    expect(await next()).toMatchObject({ accepted: 1 })
  })

  it.each([
    ['without a key', '', {}, 401, 'no_key'],
    ['with an unknown key', '?key=nobody', {}, 401, 'bad_key'],
    ['with a key that may only read', '?key=reader', {}, 403, 'forbidden'],
    ['from an origin that is not the key’s', '?key=bound', { origin: 'https://evil.example' }, 403, 'bad_origin'],
    ['from nowhere, with a key that is bound', '?key=bound', {}, 403, 'bad_origin'],
  ] as const)('%s is refused as a request', async (_name, query, headers, status, code) => {
    expect(await refused(query, headers)).toMatchObject({ status, body: { status, code } })
  })

  it('from an origin of the key passes', async () => {
    const { send, next } = await open('?key=bound', { origin: 'https://www.shop.example' })
    send(page)
    expect(await next()).toMatchObject({ accepted: 1 })
  })

  it('takes one of the connections its address may have, for as long as it is open', async () => {
    await world.app.close()
    await start({ connectionsPerAddress: 2 })
    const first = await open()
    await open()
    expect(await refused('?key=writer')).toMatchObject({ status: 503, body: { code: 'too_many_connections' } })
    first.socket.close()
    await first.closed
    const { send, next } = await open()
    send(page)
    expect(await next()).toMatchObject({ accepted: 1 })
  })

  it('while the server stops is refused', async () => {
    await world.app.close()
    const confirms: (() => void)[] = []
    await start({ confirm: () => new Promise((resolve) => confirms.push(() => resolve('disk'))) })
    const busy = await open()
    busy.send(page)
    // Is connected before the end begins, and asks after.
    const late = connect(port, '127.0.0.1')
    await once(late, 'connect')
    await until(() => confirms.length === 1)
    const closed = world.app.close()
    await new Promise((resolve) => setImmediate(resolve))
    late.write(
      'GET /v1/hits/socket?key=writer HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    let text = ''
    for await (const chunk of late) text += chunk
    expect(text).toMatch(/^HTTP\/1.1 503 [\s\S]*shutting_down/)
    confirms[0]?.()
    await closed
  })

  it('is not what a plain GET does', async () => {
    const reply = await world.app.inject('/v1/hits/socket?key=writer')
    expect(reply.json()).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('other requests for another protocol', () => {
  const ask = async (lines: string[]): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.write([...lines, '', ''].join('\r\n'))
    let text = ''
    for await (const chunk of socket) text += chunk
    return text
  }
  const h2c = ['host: x', 'connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__']

  it('are answered as if they had not asked', async () => {
    const answer = await ask([`GET /v1/hits.gif?key=writer&name=open&visitor=v HTTP/1.1`, ...h2c])
    expect(answer).toMatch(/^HTTP\/1.1 200 [\s\S]*image\/gif[\s\S]*GIF89a/)
    const elsewhere = ['host: x', 'connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13']
    expect(await ask(['GET /v1/hits HTTP/1.1', ...elsewhere])).toMatch(/^HTTP\/1.1 404 [\s\S]*not_found/)
    expect(await ask(['GET /v1/hits/socket?key=writer HTTP/1.1', ...h2c])).toMatch(/^HTTP\/1.1 404 /)
  })

  it('with a body are refused', async () => {
    const answer = await ask(['POST /v1/hits?key=writer HTTP/1.1', ...h2c, 'content-length: 20'])
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*bad_request/)
  })

  it('to the socket that are no WebSocket handshake are refused', async () => {
    const answer = await ask([
      'GET /v1/hits/socket?key=writer HTTP/1.1',
      'host: x',
      'connection: Upgrade',
      'upgrade: websocket',
    ])
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /)
  })
})

describe('the life of a socket', () => {
  it('goes on while its peer answers pings, and ends when it does not', async () => {
    const alive = await open()
    const dead = await open('?key=writer', {}, { autoPong: false })
    const pings: unknown[] = []
    alive.socket.on('ping', () => pings.push(1))
    dead.socket.on('ping', () => pings.push(2))
    world.clock.advance(socketPingMs)
    await until(() => pings.length === 2)
    alive.send(page)
    await alive.next()
    world.clock.advance(socketPingMs)
    expect(await dead.closed).toBe(1006)
    alive.send(page)
    expect(await alive.next()).toMatchObject({ accepted: 1 })
  })

  it('ends with 1001 when the server stops, what is under way being answered first', async () => {
    await world.app.close()
    const confirms: (() => void)[] = []
    await start({ confirm: () => new Promise((resolve) => confirms.push(() => resolve('disk'))) })
    const busy = await open()
    const idle = await open()
    busy.send({ seq: 1, hits: [page] })
    await until(() => confirms.length === 1)
    let state: 'open' | 'closed' = 'open'
    const closed = world.app.close().then(() => {
      state = 'closed'
    })
    expect(await idle.closed).toBe(1001)
    expect(busy.socket.readyState).toBe(WebSocket.OPEN)
    expect(state).toBe('open')
    confirms[0]?.()
    expect(await busy.next()).toMatchObject({ seq: 1, accepted: 1 })
    expect(await busy.closed).toBe(1001)
    await closed
  })

  it('leaves no timer behind', async () => {
    const before = world.clock.pendingTimers
    const { socket, closed } = await open()
    expect(world.clock.pendingTimers).toBe(before + 1)
    socket.close()
    await closed
    await until(() => world.clock.pendingTimers === before)
  })
})
