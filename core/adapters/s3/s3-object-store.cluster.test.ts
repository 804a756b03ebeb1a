import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { ObjectStoreRefusedError, ObjectStoreUnavailableError } from '../../errors.ts'
import { objectStoreContract } from '../../ports/object-store.contract.ts'
import { systemRandom, systemTimers } from '../node/system.ts'
import { type S3Access, s3Client, s3MaxAttempts } from './s3-calls.ts'
import { type S3ObjectStore, type S3ObjectStoreOptions, s3ObjectStore } from './s3-object-store.ts'
import { s3PartBytes } from './s3-upload.ts'

const { env } = process
const access = {
  endpoint: env.HITLAKE_S3_ENDPOINT ?? '',
  region: env.HITLAKE_S3_REGION ?? 'us-east-1',
  accessKey: env.HITLAKE_S3_ACCESS_KEY ?? '',
  secretKey: env.HITLAKE_S3_SECRET_KEY ?? '',
} satisfies S3Access
const bucket = /^s3:\/\/([^/]+)/.exec(env.HITLAKE_OBJECTS_URI ?? '')?.[1] ?? 'lake'
/** Of this run, in a bucket that others use too. */
const run = `test-objects-${randomUUID()}`
const client = s3Client(access)
const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

afterAll(async () => {
  const all = await open({ prefix: run })
  await Promise.all((await all.list('')).map((name) => all.remove(name)))
  for (const end of ends.splice(0)) await end()
  client.destroy()
})

let prefixes = 0
async function open(more: Partial<S3ObjectStoreOptions> = {}): Promise<S3ObjectStore & { readonly scratch: string }> {
  const scratch = more.scratch ?? (await mkdtemp(join(tmpdir(), 'hitlake-s3-')))
  const prefix = more.prefix ?? `${run}/${prefixes++}`
  const store = await s3ObjectStore({
    ...access,
    bucket,
    timers: systemTimers,
    random: systemRandom,
    ...more,
    prefix,
    scratch,
  })
  ends.push(async () => {
    await store.close()
    await rm(scratch, { recursive: true, force: true })
  })
  return Object.assign(store, { scratch })
}

objectStoreContract('s3ObjectStore', async () => ({ store: await open(), cleanup: async () => {} }))

describe('a name in a bucket', () => {
  it('goes to one of many writers in several processes’ stores, each time', async () => {
    const prefix = `${run}/race`
    const stores = await Promise.all([1, 2, 3, 4].map(() => open({ prefix })))
    for (let round = 0; round < 25; round++) {
      const name = `v/${round}`
      const writers = [...stores, ...stores]
      const won = await Promise.all(writers.map((store, i) => store.putIfAbsent(name, Buffer.from(`${i}`))))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect((await stores[0]?.get(name))?.toString()).toBe(`${won.indexOf(true)}`)
    }
  })
})

describe('a large body', () => {
  async function* bytesOf(total: number, breakAt = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    const chunk = Buffer.alloc(700_001)
    for (let at = 0; at < total; at += chunk.length) {
      if (at >= breakAt) throw new Error('the source broke')
      chunk.fill(Math.floor(at / chunk.length) % 251)
      yield chunk.subarray(0, Math.min(chunk.length, total - at))
    }
  }

  const unfinished = async () =>
    ((await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).filter(({ Key }) =>
      Key?.startsWith(run),
    )

  it.each([s3PartBytes - 1, s3PartBytes, s3PartBytes + 1, 2 * s3PartBytes, 20_000_003])(
    'of %d bytes comes back as it was, from a stream and from memory',
    async (total) => {
      const store = await open()
      const chunks: Buffer[] = []
      for await (const chunk of bytesOf(total)) chunks.push(Buffer.from(chunk))
      const whole = Buffer.concat(chunks)
      await store.put('streamed', bytesOf(total))
      await store.put('given', whole)
      for (const name of ['streamed', 'given']) {
        expect(await store.size(name)).toBe(total)
        expect((await store.get(name))?.equals(whole)).toBe(true)
        const middle = await store.getRange(name, s3PartBytes - 10, 20)
        expect(middle?.equals(whole.subarray(s3PartBytes - 10, s3PartBytes + 10))).toBe(true)
      }
    },
  )

  it('that breaks off in a later part leaves no object and no unfinished upload', async () => {
    const store = await open()
    await expect(store.put('x', bytesOf(40_000_000, 20_000_000))).rejects.toThrow('the source broke')
    expect(await store.list('')).toEqual([])
    expect(await unfinished()).toEqual([])
  })
})

describe('a list', () => {
  it('goes on over all pages, and shows nothing of the neighbours', async () => {
    const prefix = `${run}/pages`
    const [store, neighbour] = [await open({ prefix }), await open({ prefix: `${prefix}-2` })]
    await neighbour.put('n/other', Buffer.from('x'))
    const names = Array.from({ length: 1_203 }, (_, i) => `n/${String(i).padStart(5, '0')}`)
    for (let at = 0; at < names.length; at += 40) {
      await Promise.all(names.slice(at, at + 40).map((name) => store.put(name, Buffer.from('x'))))
    }
    expect(await store.list('')).toEqual(names)
    expect(await store.list('n/011')).toEqual(names.filter((name) => name.startsWith('n/011')))
  })
})

describe('a local copy', () => {
  it('is made once for many that ask at once, and stays until it is forgotten or the object removed', async () => {
    const store = await open()
    for (const name of ['a.parquet', 'b.parquet']) await store.put(name, Buffer.from(name))
    const paths = await Promise.all([1, 2, 3, 4].map(() => store.localPath('a.parquet')))
    expect(new Set(paths).size).toBe(1)
    expect(paths[0]).toMatch(/\.parquet$/)
    expect(await readdir(store.scratch)).toHaveLength(1)
    await store.localPath('b.parquet')
    await store.forgetLocal('a.parquet')
    expect(await readdir(store.scratch)).toHaveLength(1)
    await store.remove('b.parquet')
    expect(await readdir(store.scratch)).toEqual([])
  })

  it('leaves nothing behind where there is no object, and is asked for anew next time', async () => {
    const store = await open()
    await expect(store.localPath('late')).rejects.toThrow(RangeError)
    await store.put('late', Buffer.from('x'))
    await store.localPath('late')
    expect(await readdir(store.scratch)).toHaveLength(1)
  })

  it('of a process before is gone when the store opens', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'hitlake-s3-'))
    await writeFile(join(scratch, 'old'), 'x')
    const store = await open({ scratch })
    expect(await readdir(store.scratch)).toEqual([])
  })
})

/** Between the store and the server: passes bytes on until told otherwise. */
async function road() {
  const target = new URL(access.endpoint)
  const sockets = new Set<Socket>()
  const state = { lostAnswers: 0, requests: 0, open: true }
  const server = createServer((inner) => {
    if (!state.open) {
      inner.destroy()
      return
    }
    const outer = connect(Number(target.port), target.hostname)
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    inner.on('data', (bytes) => {
      if (/^(GET|PUT|POST|HEAD|DELETE) /.test(bytes.toString('latin1', 0, 8))) state.requests += 1
      outer.write(bytes)
    })
    outer.on('data', (bytes) => {
      if (state.lostAnswers > 0) {
        state.lostAnswers -= 1
        inner.destroy()
        outer.destroy()
      } else inner.write(bytes)
    })
    inner.on('close', () => outer.destroy())
    outer.on('close', () => inner.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  ends.push(async () => {
    cut()
    await new Promise((resolve) => server.close(resolve))
  })
  return { state, cut, endpoint: `http://127.0.0.1:${port}` }
}

describe('a server in trouble', () => {
  it('that took a write and whose answer was lost: the writer still learns that the name is its own', async () => {
    const { state, endpoint } = await road()
    const store = await open({ endpoint, retryMinMs: 1 })
    state.lostAnswers = 1
    expect(await store.putIfAbsent('mine', Buffer.from('x'))).toBe(true)
    state.lostAnswers = 1
    expect(await store.putIfAbsent('mine', Buffer.from('x'))).toBe(false)
  })

  it('is asked again, a bounded number of times, and then the caller is told to come later', async () => {
    const { state, cut, endpoint } = await road()
    const store = await open({ endpoint, retryMinMs: 1 })
    await store.put('x', Buffer.from('kept'))
    state.lostAnswers = s3MaxAttempts - 1
    expect((await store.get('x'))?.toString()).toBe('kept')
    state.open = false
    cut()
    for (const call of [
      () => store.get('x'),
      () => store.put('x', Buffer.from('lost')),
      () => store.put('x', Buffer.alloc(s3PartBytes + 1)),
      () => store.putIfAbsent('y', Buffer.from('y')),
      () => store.list(''),
      () => store.size('x'),
      () => store.remove('x'),
      () => store.localPath('x'),
    ]) {
      await expect(call()).rejects.toMatchObject({
        constructor: ObjectStoreUnavailableError,
        retry: 'afterBackoff',
        attempts: s3MaxAttempts,
      })
    }
    state.open = true
    expect((await store.get('x'))?.toString()).toBe('kept')
    expect(await readdir(store.scratch)).toEqual([])
  })

  it('that answers nothing is given up after the time of a request', async () => {
    const silent = createServer((socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    ends.push(async () => silent.close())
    const { port } = silent.address() as { readonly port: number }
    const endpoint = `http://127.0.0.1:${port}`
    const store = await open({ endpoint, requestTimeoutMs: 200, maxAttempts: 2, retryMinMs: 1 })
    const started = performance.now()
    await expect(store.get('x')).rejects.toThrow(ObjectStoreUnavailableError)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('that refuses the key is not asked twice', async () => {
    const { state, endpoint } = await road()
    const store = await open({ endpoint, secretKey: 'wrong' })
    await expect(store.put('x', Buffer.from('x'))).rejects.toMatchObject({
      constructor: ObjectStoreRefusedError,
      retry: 'never',
    })
    expect(state.requests).toBe(1)
    await expect((await open({ bucket: 'there-is-none' })).get('x')).rejects.toThrow(ObjectStoreRefusedError)
  })
})
