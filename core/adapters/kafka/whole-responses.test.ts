import { once } from 'node:events'
import { createRequire } from 'node:module'
import net, { type AddressInfo } from 'node:net'
import fc from 'fast-check'
import kafkajs, { type ISocketFactory } from 'kafkajs'
import { afterEach, describe, expect, it } from 'vitest'
import { responseMaxBytes, wholeResponses, wholeResponsesSocket } from './whole-responses.ts'

const framed = (payload: Uint8Array) => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

describe('responses', () => {
  it('are given whole, each once, however their bytes come', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
    fc.assert(
      fc.property(payloads, fc.array(fc.nat({ max: 60 }), { minLength: 1 }), (payloads, sizes) => {
        const responses = payloads.map(framed)
        const all = Buffer.concat(responses)
        const given: string[] = []
        const take = wholeResponses((response) => void given.push(response.toString('hex')))
        let at = 0
        for (let n = 0; at < all.length; n++) {
          const size = 1 + (sizes[n % sizes.length] ?? 0)
          take(all.subarray(at, at + size))
          at += size
        }
        expect(given).toEqual(responses.map((response) => response.toString('hex')))
      }),
    )
  })

  it('are of so many bytes at most, and of none below zero', () => {
    const given: number[] = []
    const take = () => wholeResponses((response) => void given.push(response.length), 100)
    take()(framed(Buffer.alloc(100)))
    expect(given).toEqual([104])
    const tooLong = () => take()(framed(Buffer.alloc(101)))
    expect(tooLong).toThrow(new RangeError('no response of Kafka has 101 bytes'))
    expect(() => take()(Buffer.from([255, 255, 255, 255]))).toThrow('no response of Kafka has -1 bytes')
    expect(() => wholeResponses(() => {})(Buffer.from([4, 0, 0, 0]))).not.toThrow()
    expect(() => wholeResponses(() => {})(Buffer.from([4, 0, 0, 1]))).toThrow(`has ${responseMaxBytes + 1} bytes`)
    expect(given).toEqual([104])
  })
})

/** What kafkajs has for a connection to a broker; not public. It is used again when the connection was lost. */
interface KafkaConnection {
  connect(): Promise<boolean>
  disconnect(): Promise<boolean>
  processData(bytes: Buffer): void
  readonly connectionStatus: string
  readonly bytesBuffered: number
}
const require = createRequire(import.meta.url)
const Connection = require('kafkajs/src/network/connection.js') as new (options: object) => KafkaConnection
const defaultSocket = (require('kafkajs/src/network/socketFactory.js') as () => ISocketFactory)()
const { logLevel } = kafkajs
const quiet = { debug() {}, info() {}, warn() {}, error() {}, namespace: () => quiet }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A broker that says to each connection what it is given, and then ends it where that is said. */
async function brokerThatSays(says: readonly { readonly bytes: Buffer; readonly ends: boolean }[]) {
  let connections = 0
  const server = net.createServer((socket) => {
    const { bytes, ends } = says[connections++] ?? { bytes: Buffer.alloc(0), ends: true }
    socket.on('error', () => {})
    if (ends) socket.end(bytes)
    else socket.write(bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

describe('a connection that is made again after it was cut in the middle of a response', () => {
  const response = (correlationId: number, length: number) => {
    const payload = Buffer.alloc(length, 7)
    payload.writeInt32BE(correlationId)
    return framed(payload)
  }
  const cut = response(1, 500).subarray(0, 200)
  const whole = response(2, 60)

  async function readBy(socketFactory: ISocketFactory) {
    const address = await brokerThatSays([
      { bytes: cut, ends: true },
      { bytes: whole, ends: false },
    ])
    const connection = new Connection({
      ...{ ...address, socketFactory, logger: quiet, logLevel: logLevel.NOTHING },
      ...{ requestTimeout: 1_000, connectionTimeout: 1_000 },
    })
    const taken: number[] = []
    const process = connection.processData.bind(connection)
    connection.processData = (bytes) => {
      taken.push(bytes.length)
      process(bytes)
    }
    const seen = async (count: number) => {
      while (taken.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await connection.connect()
    // By itself, once the connection is lost.
    while (connection.connectionStatus !== 'disconnected') await new Promise((resolve) => setTimeout(resolve, 5))
    const before = taken.length
    await connection.connect()
    closers.push(() => connection.disconnect())
    await seen(before + 1)
    return { taken: taken.slice(before), buffered: connection.bytesBuffered }
  }

  it('begins with what the new connection brings', async () => {
    expect(await readBy(wholeResponsesSocket)).toEqual({ taken: [64], buffered: 0 })
  })

  it('would by kafkajs alone go on with what was cut off', async () => {
    expect((await readBy(defaultSocket)).buffered).toBe(200 + 64)
  })
})

describe('a connection that brings what is no response', () => {
  it('is ended with an error, and ends nothing else', async () => {
    const address = await brokerThatSays([{ bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\n'), ends: false }])
    const ssl = {}
    const socket = wholeResponsesSocket({ ...address, ssl, onConnect: () => {} })
    socket.on('data', () => {})
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ message: 'no response of Kafka has 1213486160 bytes' })
    expect(socket.destroyed).toBe(true)
  })

  it('and so is one whose reader fails', async () => {
    const address = await brokerThatSays([{ bytes: framed(Buffer.alloc(8)), ends: false }])
    const socket = wholeResponsesSocket({ ...address, ssl: {}, onConnect: () => {} })
    socket.on('data', () => {
      throw new Error('beyond the end')
    })
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ message: 'beyond the end' })
  })
})
