import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { ControlStoreUnavailableError } from '../../core/errors.ts'
import { dayMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createDirectoryCache, type DirectoryCache, writeDelayMs, writeRetryMs } from './directory-cache.ts'
import { memoryKeptFile } from './forwarder-under-test.ts'
import { createKeyDirectory, hashKey } from './keys.ts'
import { createVisitorSalts } from './visitor-salt.ts'

const demo = {
  id: 'demo' as MerchantId,
  name: 'Demo',
  timeZone: 'Europe/Berlin',
  currency: 'EUR',
  blockedNames: ['secret'],
  visitorSeed: '0011223344556677',
  retentionDays: null,
}
const key = (text: string) => ({
  hash: hashKey(text),
  merchant: demo.id,
  kind: 'browser' as const,
  rights: ['write' as const],
  origins: ['https://shop.example'],
  quota: 7,
  tool: 'page',
})

class World {
  readonly clock = new ManualClock()
  readonly real = createMemoryControlStore()
  readonly file = memoryKeptFile()
  readonly errors: unknown[] = []
  state: 'there' | 'away' | 'broken' = 'there'
  cache!: DirectoryCache

  async start(maxKeys?: number): Promise<void> {
    const answer = <T>(call: () => Promise<T>): Promise<T> => {
      if (this.state === 'away') return Promise.reject(new ControlStoreUnavailableError('test'))
      return this.state === 'broken' ? Promise.reject(new Error('broken')) : call()
    }
    const store: Pick<ControlStore, 'findKey' | 'dailySecrets'> = {
      findKey: (hash) => answer(() => this.real.findKey(hash)),
      dailySecrets: (...call) => answer(() => this.real.dailySecrets(...call)),
    }
    this.cache = createDirectoryCache({
      store,
      file: this.file,
      timers: this.clock,
      onError: (error) => this.errors.push(error),
      ...(maxKeys !== undefined && { maxKeys }),
    })
    await this.cache.start()
  }

  async written(): Promise<string> {
    this.clock.advance(writeDelayMs)
    await new Promise((resolve) => setImmediate(resolve))
    return `${this.file.bytes}`
  }
}

async function world(): Promise<World> {
  const w = new World()
  await w.real.createMerchant(demo, [key('a'), key('b'), key('c')])
  await w.start()
  return w
}

describe('kept answers of the control store', () => {
  it('find a key that was found before, after a restart, while the store is away', async () => {
    const w = await world()
    const holder = await w.cache.findKey(hashKey('a'))
    expect(holder?.merchant).toEqual(demo)
    await w.written()
    w.state = 'away'
    await w.start()
    expect(await w.cache.findKey(hashKey('a'))).toEqual(holder)
    await expect(w.cache.findKey(hashKey('b'))).rejects.toThrow(ControlStoreUnavailableError)
  })

  it('are read from a file of before keys had origins, quotas and tools', async () => {
    const w = await world()
    await w.cache.findKey(hashKey('a'))
    const text = await w.written()
    const old = text.replace(',"origins":["https://shop.example"],"quota":7,"tool":"page"', '')
    expect(old).not.toBe(text)
    await w.file.replace(Buffer.from(old))
    w.state = 'away'
    await w.start()
    expect((await w.cache.findKey(hashKey('a')))?.key).toEqual({ ...key('a'), origins: [], quota: null, tool: null })
    expect(w.errors).toEqual([])
  })

  it('are asked for only where the store is away: what it answers counts, and what it forgot is forgotten', async () => {
    const w = await world()
    await w.cache.findKey(hashKey('a'))
    await w.real.updateMerchant(demo.id, { name: 'New' })
    expect((await w.cache.findKey(hashKey('a')))?.merchant?.name).toBe('New')
    expect(await w.written()).toContain('"New"')
    w.state = 'broken'
    await expect(w.cache.findKey(hashKey('a'))).rejects.toThrow('broken')
    const forgetful = createDirectoryCache({
      store: { findKey: async () => undefined, dailySecrets: async () => ({}) },
      file: w.file,
      timers: w.clock,
    })
    await forgetful.start()
    expect(await forgetful.findKey(hashKey('a'))).toBeUndefined()
    expect(await w.written()).not.toContain(hashKey('a'))
  })

  it('are so many keys and no more, those asked for last', async () => {
    const w = await world()
    await w.start(2)
    for (const text of ['a', 'b', 'a', 'c']) await w.cache.findKey(hashKey(text))
    const text = await w.written()
    expect(['a', 'b', 'c'].map((each) => text.includes(hashKey(each)))).toEqual([true, false, true])
  })

  it('let a collector know keys and derive visitors from its first moment on, with no store', async () => {
    const w = await world()
    const open = async () => {
      const keys = createKeyDirectory({ store: w.cache, clock: w.clock })
      const salts = createVisitorSalts({ store: w.cache, clock: w.clock, timers: w.clock, random: seededRandom(1) })
      await salts.start()
      const holder = await keys.find('a')
      const ready = salts.ready('Europe/Berlin', w.clock.now())
      const who = {
        merchant: demo.id,
        zone: 'Europe/Berlin',
        atMs: w.clock.now(),
        addressPrefix: null,
        userAgent: null,
      }
      return { holder, visitor: ready ? salts.visitor(who) : 'not ready' }
    }
    const before = await open()
    expect(before.visitor).toHaveLength(22)
    await w.cache.stop()
    w.state = 'away'
    await w.start()
    expect(await open()).toEqual(before)
  })

  it('hold no secret of a date that is over, also while the store is away', async () => {
    const w = await world()
    const dates = ['2026-03-01', '2026-03-02', '2026-03-03']
    const made = await w.cache.dailySecrets(dates, '2026-03-01', () => 'ab'.repeat(32))
    expect(await w.written()).toContain('2026-03-01')
    w.state = 'away'
    const found = await w.cache.dailySecrets([...dates.slice(1), '2026-03-04'], '2026-03-02', () => 'cd'.repeat(32))
    expect(found).toEqual({ '2026-03-02': made['2026-03-02'], '2026-03-03': made['2026-03-03'] })
    expect(await w.written()).not.toContain('2026-03-01')
    await expect(w.cache.dailySecrets(['2026-03-05'], '2026-03-05', () => '')).rejects.toThrow(
      ControlStoreUnavailableError,
    )
    expect(await w.written()).not.toContain('2026-03-0')
    w.clock.advance(dayMs)
  })

  it('are written once for many changes, and not at all where nothing changed', async () => {
    const w = await world()
    let writings = 0
    const replace = w.file.replace.bind(w.file)
    w.file.replace = (bytes) => {
      writings++
      return replace(bytes)
    }
    for (let i = 0; i < 5; i++) for (const text of ['a', 'b', 'c']) await w.cache.findKey(hashKey(text))
    await w.written()
    for (const text of ['a', 'b', 'c']) await w.cache.findKey(hashKey(text))
    await w.written()
    expect([writings, w.clock.pendingTimers]).toEqual([1, 0])
  })

  it('are written later where the disk refuses', async () => {
    const w = await world()
    const replace = w.file.replace.bind(w.file)
    w.file.replace = async () => {
      throw new Error('no room')
    }
    await w.cache.findKey(hashKey('a'))
    await w.written()
    expect(w.errors).toHaveLength(1)
    w.file.replace = replace
    w.clock.advance(writeRetryMs)
    expect(await w.written()).toContain(hashKey('a'))
  })

  it.each(['', '{"version":1', 'null', '{"version":2}', '{"version":1,"keys":[{}],"secrets":{}}'])(
    'begin empty, and say so, where the file is %j',
    async (text) => {
      const w = await world()
      w.file.bytes = Buffer.from(text)
      await w.start()
      expect(w.errors).toHaveLength(1)
      expect(await w.cache.findKey(hashKey('a'))).toBeDefined()
    },
  )
})
