import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import type { Offset } from '../../../core/ids.ts'
import { durableOf } from '../../../core/log/durable-source.ts'
import { openSegmentLog } from '../../../core/log/segment-log.ts'
import { feedContract } from '../../../core/ports/feed.contract.ts'
import { memoryFeed } from '../memory/memory-feed.ts'
import { logFeed } from './log-feed.ts'

async function logUnderTest() {
  const disk = new MemoryDisk()
  const timers = new ManualClock()
  const log = await openSegmentLog({ disk, folder: 'log', timers, random: seededRandom(1), segmentMaxBytes: 600 })
  return { disk, timers, log }
}

feedContract('the log feed', async () => {
  const { disk, timers, log } = await logUnderTest()
  return {
    feed: logFeed({ source: log.id, disk, folder: 'log', durable: durableOf(log), timers }),
    push: (_partition, payload) => log.append(payload),
    trim: (_partition, before) => log.trim(before),
    advance: (byMs) => timers.advance(byMs),
    cleanup: () => log.close(),
  }
})

feedContract('the memory feed', async () => {
  const timers = new ManualClock()
  const feed = memoryFeed({ source: 'memory', partitions: [3, 5], timers })
  return {
    feed,
    push: async (partition, payload) => feed.push(partition, payload),
    trim: async (partition, before) => feed.trim(partition, before),
    advance: (byMs) => timers.advance(byMs),
    cleanup: async () => undefined,
  }
})

describe('the log feed', () => {
  it('follows what another thread tells of the log, not the files themselves', async () => {
    const { disk, timers, log } = await logUnderTest()
    let told = 0
    let tell = () => undefined as unknown
    const durable = {
      current: () => told as Offset,
      onChange(listener: () => void) {
        tell = listener
        return () => undefined
      },
    }
    const feed = logFeed({ source: log.id, disk, folder: 'log', durable, timers })
    const reader = await feed.read(0, 0 as Offset)
    await log.append(Buffer.from('a'))
    await log.append(Buffer.from('b'))
    expect(await reader.next({ maxBytes: 100, waitMs: 0 })).toEqual([])
    const waiting = reader.next({ maxBytes: 100, waitMs: 1_000 })
    told = 1
    tell()
    expect((await waiting).map(({ payload }) => payload.toString())).toEqual(['a'])
    expect(await feed.end(0)).toBe(1)
    await reader.close()
  })

  it('leaves no timer and no listener behind a wait', async () => {
    const { disk, timers, log } = await logUnderTest()
    let listeners = 0
    const source = durableOf(log)
    const durable = {
      current: () => source.current(),
      onChange(listener: () => void) {
        listeners++
        const stop = source.onChange(listener)
        return () => {
          listeners--
          stop()
        }
      },
    }
    const feed = logFeed({ source: log.id, disk, folder: 'log', durable, timers })
    const reader = await feed.read(0, 0 as Offset)
    const ends = [() => timers.advance(10), () => reader.wake(), () => log.append(Buffer.from('a'))]
    for (const end of ends) {
      const found = reader.next({ maxBytes: 100, waitMs: 10 })
      expect([listeners, timers.pendingTimers]).toEqual([1, 1])
      void end()
      await found
      expect([listeners, timers.pendingTimers]).toEqual([0, 0])
    }
    await reader.close()
  })

  it('ends a wait that is on when it is closed', async () => {
    const { disk, timers, log } = await logUnderTest()
    const feed = logFeed({ source: log.id, disk, folder: 'log', durable: durableOf(log), timers })
    const reader = await feed.read(0, 0 as Offset)
    const found = reader.next({ maxBytes: 100, waitMs: 10 })
    await reader.close()
    expect(await found).toEqual([])
  })
})
