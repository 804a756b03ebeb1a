import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mulberry32 } from '../../cli/seed/random.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'

// A server that says back what it hears, and keeps what it heard; real sockets on loopback.
let server: Server
let heard: string
let ends: string[]
const ofServer = new Set<Socket>()
let proxy: FaultProxy
const clients: Socket[] = []

beforeEach(async () => {
  heard = ''
  const seen: string[] = []
  ends = seen
  server = createServer((socket) => {
    ofServer.add(socket)
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1')
      socket.write(bytes)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => seen.push(String(error.code)))
    socket.on('close', () => {
      ofServer.delete(socket)
      seen.push('close')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startFaultProxy({ target: (server.address() as AddressInfo).port, random: mulberry32(1) })
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy.close()
  for (const socket of ofServer) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

interface Client {
  readonly socket: Socket
  readonly said: () => string
  /** How it ended: an error's code, or that it was closed. */
  readonly ended: Promise<string>
}

async function connect(port = proxy.port): Promise<Client> {
  const socket = tcpConnect(port, '127.0.0.1')
  clients.push(socket)
  let said = ''
  socket.on('data', (bytes) => {
    said += bytes.toString('latin1')
  })
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    socket.on('close', () => resolve('close'))
  })
  await once(socket, 'connect')
  return { socket, said: () => said, ended }
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}
const heartbeat = async (client: Client) => {
  const before = client.said().length
  client.socket.write('.')
  await until(() => client.said().length > before)
}

describe('a wire that is whole', () => {
  it('brings a megabyte there and back unchanged, and the end of one side without that of the other', async () => {
    const client = await connect()
    const text = Array.from({ length: 2 ** 17 }, (_, n) => String.fromCharCode(n % 251).repeat(8)).join('')
    client.socket.end(text, 'latin1')
    expect(await client.ended).toBe('close')
    expect(client.said()).toBe(text)
    expect(heard).toBe(text)
    await until(() => proxy.connections === 0)
  })

  it('ends for the client where nobody listens', async () => {
    const away = await startFaultProxy({ target: 1, random: Math.random })
    const client = await connect(away.port)
    expect(await client.ended).toMatch(/close|ECONNRESET/)
    await away.close()
  })
})

describe('a wire that is slow', () => {
  for (const condition of [
    { kind: 'delay', minMs: 1, maxMs: 20 },
    { kind: 'throttle', bytesPerSecond: 100_000 },
  ] as const) {
    it(`by ${condition.kind} loses nothing and keeps the order`, async () => {
      proxy.become(condition)
      const client = await connect()
      const text = Array.from({ length: 500 }, (_, n) => `message ${n};`).join('')
      for (const part of text.match(/.{1,700}/g) ?? []) client.socket.write(part)
      await until(() => client.said().length === text.length)
      expect(client.said()).toBe(text)
    })
  }

  it('lets nothing by while it holds, and everything when it is whole again', async () => {
    const client = await connect()
    await heartbeat(client)
    proxy.become({ kind: 'hold' })
    client.socket.write('late')
    const other = await connect()
    other.socket.write('later')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(heard).toBe('.')
    expect(proxy.connections).toBe(2)
    proxy.become({ kind: 'whole' })
    await until(() => client.said() === '.late' && other.said() === 'later')
  })

  it('goes on at once when it is whole again, however long the delay would have been', async () => {
    const client = await connect()
    await heartbeat(client)
    proxy.become({ kind: 'delay', minMs: 3_600_000, maxMs: 3_600_000 })
    client.socket.write('x')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(heard).toBe('.')
    proxy.become({ kind: 'whole' })
    await until(() => client.said() === '.x')
  })
})

describe('a wire that breaks', () => {
  it('by a cut ends every connection and each new one until it is whole', async () => {
    const client = await connect()
    await heartbeat(client)
    proxy.become({ kind: 'cut' })
    expect(await client.ended).toMatch(/close|ECONNRESET/)
    await until(() => ends.length > 0)
    const refused = await connect()
    expect(await refused.ended).toMatch(/close|ECONNRESET/)
    proxy.become({ kind: 'whole' })
    await heartbeat(await connect())
  })

  it('by a reset does so in the middle of a message, for both sides, and again for each new connection', async () => {
    const places = new Set<number>()
    for (let round = 0; round < 5; round++) {
      heard = ''
      ends.length = 0
      proxy.become({ kind: 'whole' })
      const client = await connect()
      await heartbeat(client)
      proxy.become({ kind: 'reset', maxBytes: 1_000 })
      client.socket.write('x'.repeat(5_000))
      expect(await client.ended).toBe('ECONNRESET')
      await until(() => ofServer.size === 0)
      expect(ends).toEqual(['ECONNRESET', 'close'])
      expect(heard.length).toBeLessThan(1_001)
      places.add(heard.length)
    }
    expect(places.size).toBeGreaterThan(1)
  })

  it('by half: the client is told nothing, what it sends is lost, and it ends by itself', async () => {
    const client = await connect()
    await heartbeat(client)
    expect(proxy.halfOpen('client')).toBe(1)
    await until(() => ends.includes('close'))
    expect(proxy.connections).toBe(0)
    client.socket.write('unheard')
    await heartbeat(await connect())
    expect(client.said()).toBe('.')
    expect(heard).toBe('..')
    expect(client.socket.destroyed).toBe(false)
    client.socket.end()
    expect(await client.ended).toBe('close')
  })

  it('by half: the server is told nothing, while the client begins anew', async () => {
    const client = await connect()
    await heartbeat(client)
    expect(proxy.halfOpen('server')).toBe(1)
    expect(await client.ended).toMatch(/close|ECONNRESET/)
    await heartbeat(await connect())
    expect(ends).toEqual([])
    expect(ofServer.size).toBe(2)
  })

  it('by half while it holds is found out by the client alone, too', async () => {
    const client = await connect()
    await heartbeat(client)
    proxy.become({ kind: 'hold' })
    client.socket.write('held')
    await new Promise((resolve) => setTimeout(resolve, 20))
    proxy.halfOpen('client')
    proxy.become({ kind: 'whole' })
    client.socket.end('more')
    expect(await client.ended).toBe('close')
    expect(heard).toBe('.')
  })
})
