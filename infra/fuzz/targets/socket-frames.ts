/**
 * What a client sends on `/v1/hits/socket`, byte by byte. Promise: each whole message is answered, with a code of the table
 * where it is refused, and what its answer counts is in the log; a stream that is no WebSocket's is ended, and nothing else.
 */
import { type AddressInfo, connect, type Socket } from 'node:net'
import { errorEntry } from '../../../core/error-table.ts'
import { socketFrameMaxBytes } from '../../../gateway/core/socket-frame.ts'
import type { Draw } from '../../sim/random.ts'
import { type CollectorWorld, collectorWorld, promisedRejections } from '../collector-world.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson } from '../mutate-json.ts'
import { decodeFrames, encodeFrames, readStream, type SocketFrame } from '../socket-stream.ts'
import { BrokenPromise, type FuzzTarget, promised, type Verdict } from '../target.ts'
import { hitWords } from './hits-requests.ts'

/** An answer that has not come by then is missing: wall time, far beyond what a busy machine makes of a millisecond. */
const answerMaxMs = 30_000

const text = (payload: string | Buffer, more: Partial<SocketFrame> = {}): SocketFrame => ({
  ...{ fin: true, reserved: 0, opcode: 1, isMasked: true, payload: Buffer.from(payload) },
  ...more,
})

const page = '{"name":"page_view","visitor":"v"}'

export const socketFrames: FuzzTarget = {
  name: 'socket-frames',
  form: 'bytes',
  share: 2,
  examples: async () => {
    const streams = {
      one: [text(page)],
      numbered: [
        text(`{"seq":1,"hits":[${page},{"name":5}]}`),
        text(`{"seq":2,"hits":[${page}],"sentAt":1772366400000}`),
      ],
      fragments: [
        text(page.slice(0, 9), { fin: false }),
        text('ping', { opcode: 9 }),
        text(page.slice(9), { opcode: 0 }),
      ],
      binary: [text(`[${page},${page}]`, { opcode: 2 }), text('', { opcode: 10 }), text('')],
      goodbye: [text(page), text(Buffer.from([0x03, 0xe8]), { opcode: 8 })],
      many: Array.from({ length: 70 }, (_, i) => text(`{"seq":${i},"hits":[${page}]}`)),
    }
    return Object.fromEntries(Object.entries(streams).map(([name, frames]) => [name, encodeFrames(frames)]))
  },
  mutate(draw, corpus) {
    if (draw.oneIn(6)) return mutateBytes(draw, draw.of(corpus), draw.of(corpus))
    let frames = [...decodeFrames(draw.of(corpus)).frames]
    for (let left = draw.between(1, 4); left > 0; left--) frames = changedFrames(draw, frames, corpus)
    return encodeFrames(frames)
  },
  async open() {
    const world = await collectorWorld()
    await world.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = world.app.server.address() as AddressInfo
    return { judge: (input) => judge(world, port, input), close: () => world.close() }
  },
}

function changedFrames(draw: Draw, frames: readonly SocketFrame[], corpus: readonly Buffer[]): SocketFrame[] {
  const [lent] = decodeFrames(draw.of(corpus)).frames
  if (frames.length === 0) return lent === undefined ? [] : [lent]
  const which = draw.below(frames.length)
  const frame = frames[which] as SocketFrame
  const put = (...by: readonly SocketFrame[]) => frames.toSpliced(which, 1, ...by)
  const payloads = [frame.payload, ...(lent ? [lent.payload] : [])].filter(({ length }) => length > 0)
  switch (draw.below(8)) {
    case 0:
    case 1:
    case 2:
      return payloads.length === 0 ? put() : put({ ...frame, payload: mutateJson(draw, payloads, hitWords) })
    case 3:
      return put({ ...frame, opcode: draw.below(16) })
    case 4: {
      const cut = draw.below(frame.payload.length + 1)
      const rest = { ...frame, opcode: draw.oneIn(8) ? frame.opcode : 0, payload: frame.payload.subarray(cut) }
      return put({ ...frame, fin: false, payload: frame.payload.subarray(0, cut) }, rest)
    }
    case 5:
      return draw.of([
        put({ ...frame, fin: !frame.fin }),
        put({ ...frame, isMasked: false }),
        put({ ...frame, reserved: draw.below(8) }),
      ])
    case 6: {
      const claimed = draw.of([
        0,
        125,
        126,
        0xffff,
        0x10000,
        socketFrameMaxBytes,
        socketFrameMaxBytes + 1,
        2 ** 31,
        2 ** 52,
      ])
      return put({ ...frame, claimed })
    }
    default:
      return lent === undefined ? put(frame, frame) : put(frame, lent)
  }
}

interface Answer {
  readonly accepted?: number
  readonly rejected?: unknown
  readonly error?: { readonly code: string }
}

async function judge(world: CollectorWorld, port: number, input: Buffer): Promise<Verdict> {
  world.clock.advance(1_000)
  const { messages, end } = readStream(input, socketFrameMaxBytes)
  const { answers, ended } = await talk(port, input, messages.length, end !== 'open')
  if (end === 'open') {
    promised(answers.length === messages.length, () => `${messages.length} messages, ${answers.length} answers`)
    promised(!ended || messages.length === answers.length, () => 'the server ended a stream that is right')
  } else promised(answers.length <= messages.length, () => `${messages.length} messages, ${answers.length} answers`)
  let accepted = 0
  for (const answer of answers) {
    const { error } = answer
    if (error === undefined) {
      accepted += answer.accepted ?? Number.NaN
      promisedRejections(answer.rejected)
      continue
    }
    const status = errorEntry(error.code)?.status ?? 0
    promised(status >= 400 && status < 500, () => `a frame is answered with the code ${error.code}`)
  }
  const stored = (await world.storedSince()).reduce((sum, { hits }) => sum + hits.length, 0)
  const fits = end === 'open' ? stored === accepted : stored >= accepted
  promised(fits, () => `${accepted} hits accepted, ${stored} in the log`)
  return end === 'broken' ? 'refused' : 'accepted'
}

/** Sends all at once, and takes answers until there are as many as awaited, or the server has ended the stream. */
function talk(
  port: number,
  input: Buffer,
  awaited: number,
  untilEnd: boolean,
): Promise<{ readonly answers: readonly Answer[]; readonly ended: boolean }> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    let upgraded = false
    const timer = setTimeout(
      () => done(new BrokenPromise(`${awaited} answers awaited; not there in time`)),
      answerMaxMs,
    )
    const answers = () =>
      decodeFrames(received).frames.flatMap(({ opcode, payload }) =>
        opcode === 1 ? [JSON.parse(payload.toString('utf8')) as Answer] : [],
      )
    const done = (error: Error | undefined, ended = false) => {
      clearTimeout(timer)
      socket.removeAllListeners().on('error', () => {})
      socket.resetAndDestroy()
      if (error === undefined) resolve({ answers: answers(), ended })
      else reject(error)
    }
    const look = () => {
      if (!untilEnd && answers().length >= awaited) done(undefined)
    }
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (!upgraded) {
        const headEnd = received.indexOf('\r\n\r\n')
        if (headEnd < 0) return
        if (!received.toString('latin1').startsWith('HTTP/1.1 101')) return done(new Error(received.toString('latin1')))
        upgraded = true
        received = received.subarray(headEnd + 4)
        socket.write(input)
      }
      look()
    })
    // A server that reset the connection has ended it, too.
    socket.on('error', () => done(undefined, true))
    socket.on('close', () => done(undefined, true))
    socket.on('end', () => done(undefined, true))
    socket.write(
      'GET /v1/hits/socket?key=writer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  })
}
