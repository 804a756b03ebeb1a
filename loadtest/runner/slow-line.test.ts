import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openSlowLine } from './slow-line.ts'

const open: { close(): unknown }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

/** Answers with all it was sent, once the sender has ended. */
async function echo(): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = []
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => socket.end(Buffer.concat(chunks)))
  })
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function sendWhole(url: string, sent: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen: true })
    socket.on('error', reject)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => {
      socket.destroy()
      resolve(Buffer.concat(chunks))
    })
    socket.end(sent)
  })
}

describe('a slow line', () => {
  it('carries every byte both ways, and no more of them a second than it is told', async () => {
    const line = await openSlowLine(await echo(), 10_000)
    open.push(line)
    const sent = Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256))
    const began = performance.now()
    expect((await sendWhole(line.url, sent)).equals(sent)).toBe(true)
    // Three slices each way; the first of each goes at once.
    expect(performance.now() - began).toBeGreaterThanOrEqual(380)
  })

  it('turns connections beyond the limit away, and not before', async () => {
    const line = await openSlowLine(await echo(), 1_000, 1)
    open.push(line)
    const first = sendWhole(line.url, Buffer.alloc(200))
    const second = await sendWhole(line.url, Buffer.alloc(200)).catch(() => 'turned away')
    expect(second).not.toHaveLength(200)
    expect(await first).toHaveLength(200)
  })

  it('ends with all its connections', async () => {
    const line = await openSlowLine(await echo(), 10)
    const waiting = sendWhole(line.url, Buffer.alloc(1_000)).catch(() => 'cut')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await line.close()
    expect(await waiting).not.toHaveLength(1_000)
  })
})
