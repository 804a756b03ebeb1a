import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { CollectorReport } from '../../core/ports/cluster-store.ts'
import { forwarderWorld, memoryKeptFile } from './forwarder-under-test.ts'
import { clockOnceKnown, firstReportWaitMs, onceKnown, openKnownCollector } from './known-collector.ts'

const storeOf = (...reports: readonly CollectorReport[]) => ({ collectors: async () => reports })
const other: CollectorReport = { log: 'other', visibleThrough: 7_000, state: 'live' }

describe('a collector that is new', () => {
  it('takes no hit before the store has its first report, and any after', async () => {
    const file = memoryKeptFile()
    const known = await openKnownCollector({ file, log: 'the log', store: storeOf() })
    const w = await forwarderWorld()
    const log = onceKnown(w.log, known)
    await expect(log.append(Buffer.from('a'))).rejects.toMatchObject({ code: 'log_unavailable', reason: 'unannounced' })
    expect(w.log.next).toBe(0)
    await w.crash({ known })
    expect(w.reports).toHaveLength(0)
    await w.pass(100)
    expect(w.reports).toMatchObject([{ state: 'live' }])
    await onceKnown(w.log, known).append(Buffer.from('a'))
    expect(w.log.next).toBe(1)
  })

  it('is not known while the store is away, and is as soon as it answers', async () => {
    const file = memoryKeptFile()
    const known = await openKnownCollector({ file, log: 'the log', store: storeOf() })
    const w = await forwarderWorld({ known })
    w.store = 'away'
    await w.pass(3_000)
    expect(known.isKnown).toBe(false)
    w.store = 'there'
    await w.pass(1_100)
    expect(known.isKnown).toBe(true)
  })

  it('receives nothing before what others had reported by then, whatever its clock says, also after a restart', async () => {
    const file = memoryKeptFile()
    const store = storeOf({ ...other, visibleThrough: 5_000 }, other, { ...other, visibleThrough: 6_000 })
    const known = await openKnownCollector({ file, log: 'the log', store })
    const clock = clockOnceKnown({ now: () => 1_000 }, known)
    expect(clock.now()).toBe(1_000)
    await known.told()
    expect(clock.now()).toBe(7_000)
    const again = await openKnownCollector({ file, log: 'the log', store: storeOf() })
    expect(clockOnceKnown({ now: () => 1_000 }, again).now()).toBe(7_000)
    expect(clockOnceKnown({ now: () => 7_001 }, again).now()).toBe(7_001)
  })

  it('is not known where what the others reported cannot be read', async () => {
    const store = { collectors: () => Promise.reject(new Error('the store is away')) }
    const known = await openKnownCollector({ file: memoryKeptFile(), log: 'the log', store })
    await expect(known.told()).rejects.toThrow('away')
    expect(known.isKnown).toBe(false)
  })

  it(`is waited for ${firstReportWaitMs} ms, or until it is known`, async () => {
    const clock = new ManualClock()
    const known = await openKnownCollector({ file: memoryKeptFile(), log: 'the log', store: storeOf() })
    const ended: string[] = []
    const first = known.wait(clock).then(() => ended.push('first'))
    clock.advance(firstReportWaitMs - 1)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toEqual([])
    clock.advance(1)
    await first
    const second = known.wait(clock).then(() => ended.push('second'))
    await known.told()
    await second
    await known.wait(clock)
    expect(ended).toEqual(['first', 'second'])
  })
})

describe('a collector that the store knows', () => {
  it('is known to its next start, with the store away', async () => {
    const file = memoryKeptFile()
    const w = await forwarderWorld({ known: await openKnownCollector({ file, log: 'the log', store: storeOf() }) })
    await w.pass(1_000)
    const again = await openKnownCollector({ file, log: 'the log', store: storeOf() })
    expect(again.isKnown).toBe(true)
    await again.wait(new ManualClock())
  })

  it('is known though that cannot be kept, and it is kept as soon as it can be', async () => {
    const file = memoryKeptFile()
    let isFull = true
    const shaky = {
      read: () => file.read(),
      replace: (bytes: Uint8Array) => (isFull ? Promise.reject(new Error('the disk is full')) : file.replace(bytes)),
    }
    const known = await openKnownCollector({ file: shaky, log: 'the log', store: storeOf() })
    const w = await forwarderWorld({ known })
    await w.pass(1_000)
    expect([known.isKnown, file.bytes]).toEqual([true, undefined])
    isFull = false
    await w.pass(1_100)
    expect((await openKnownCollector({ file, log: 'the log', store: storeOf() })).isKnown).toBe(true)
  })

  it('is new again once it retired, from before the store hears of it', async () => {
    const file = memoryKeptFile()
    const known = await openKnownCollector({ file, log: 'the log', store: storeOf() })
    const w = await forwarderWorld({ known })
    await w.pass(1_000)
    const isKept = async () => (await openKnownCollector({ file, log: 'the log', store: storeOf() })).isKnown
    const before = w.reports.length
    const drained = w.forwarder.drain()
    for (let n = 0; n < 100 && w.reports.at(-1)?.state !== 'retired'; n++) {
      expect(w.reports.slice(before).every(({ state }) => state === 'live')).toBe(true)
      await w.pass(100)
    }
    expect(await drained).toBe('retired')
    expect(await isKept()).toBe(false)
  })

  it.each([
    ['is gone', undefined],
    ['is cut off', '{"log":"the l'],
    ['is no object', 'null'],
    ['is of another log', '{"log":"other","notBefore":1}'],
    ['holds no time', '{"log":"the log","notBefore":"late"}'],
  ])('is taken for new where the file %s', async (_, text) => {
    const file = memoryKeptFile()
    if (text !== undefined) await file.replace(Buffer.from(text))
    expect((await openKnownCollector({ file, log: 'the log', store: storeOf() })).isKnown).toBe(false)
  })
})
