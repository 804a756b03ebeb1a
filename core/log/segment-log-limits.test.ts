import { describe, expect, it } from 'vitest'
import { ManualClock } from '../adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../adapters/memory/memory-disk.ts'
import type { Offset } from '../ids.ts'
import { appendGroups, openSmallLog, payload, readAll, until } from './log-under-test.ts'
import { frameHeaderBytes, headerBytes } from './segment-format.ts'
import { defaultReopenDelayMs, type LogEvent } from './segment-log-options.ts'

const frame = (number: number) => frameHeaderBytes + payload(number).length

describe('the limits of the segment log', () => {
  const full = { name: 'LogUnavailableError', code: 'log_unavailable', reason: 'full' }

  it('refuse a record over recordMaxBytes, and take one of exactly that', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { recordMaxBytes: 1_000 })
    await expect(log.append(Buffer.alloc(1_001))).rejects.toThrow('recordMaxBytes')
    expect(await log.append(Buffer.alloc(1_000, 'a'))).toBe(0)
    expect(await log.append(Buffer.alloc(0))).toBe(1)
    expect((await readAll(disk, log)).map((bytes) => bytes.length)).toEqual([1_000, 0])
  })

  it('refuse what would wait beyond queueMaxBytes, and take it when the queue is written', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk, { queueMaxBytes: frame(1) + frame(2), segmentMaxBytes: 1_000_000 })
    const waiting = [log.append(payload(1))]
    // The first group is being written: it counts until it is on disk.
    await Promise.resolve()
    waiting.push(log.append(payload(2)))
    await expect(log.append(Buffer.alloc(0))).rejects.toMatchObject(full)
    expect(await Promise.all(waiting)).toEqual([0, 1])
    expect(await log.append(payload(2))).toBe(2)
  })

  it('refuse appends at maxBytes until trim makes room, the only segment included', async () => {
    const disk = new MemoryDisk()
    const events: string[] = []
    const maxBytes = headerBytes + frame(1) + frame(2)
    const log = await openSmallLog(disk, {
      maxBytes,
      segmentMaxBytes: 1_000_000,
      onEvent: ({ kind }) => events.push(kind),
    })
    await appendGroups(log, [[1], [2]])
    expect(log).toMatchObject({ bytes: maxBytes, state: 'open' })
    await expect(log.append(Buffer.alloc(0))).rejects.toMatchObject(full)
    expect(log).toMatchObject({ next: 2, durable: 2, state: 'full' })
    await until(() => log.bytes > maxBytes)
    await log.trim(1 as Offset)
    await expect(log.append(Buffer.alloc(0))).rejects.toMatchObject(full)
    await log.trim(2 as Offset)
    expect(log).toMatchObject({ oldest: 2, bytes: headerBytes, state: 'open' })
    expect(await log.append(payload(3))).toBe(2)
    expect(events).toEqual(['unavailable', 'available'])
  })

  it('refuse small records too once a large one met maxBytes, so that `state` says what append does', async () => {
    const disk = new MemoryDisk()
    const maxBytes = 2 * headerBytes + frame(1) + frame(7)
    const log = await openSmallLog(disk, { maxBytes, segmentMaxBytes: 1_000_000 })
    await appendGroups(log, [[1]])
    await expect(log.append(payload(2))).rejects.toMatchObject(full)
    await until(() => log.bytes === 2 * headerBytes + frame(1))
    await expect(log.append(payload(7))).rejects.toMatchObject(full)
    await log.trim(log.durable)
    expect(await log.append(payload(7))).toBe(1)
  })

  it('keep a segment no longer than segmentMaxAgeMs after its first record, once its records may go', async () => {
    const disk = new MemoryDisk()
    const timers = new ManualClock()
    const open = () => openSmallLog(disk, { timers, segmentMaxAgeMs: 1_000, segmentMaxBytes: 1_000_000 })
    const log = await open()
    expect(timers.pendingTimers).toBe(0)
    await appendGroups(log, [[1]])
    timers.advance(999)
    await appendGroups(log, [[2]])
    await log.trim(2 as Offset)
    expect(log.oldest).toBe(0)
    timers.advance(1)
    await until(() => log.oldest === 2)
    expect(log).toMatchObject({ bytes: headerBytes, next: 2 })
    await appendGroups(log, [[3]])
    timers.advance(1_000)
    await until(() => log.bytes === 2 * headerBytes + frame(3))
    expect(log.oldest).toBe(2)
    await log.close()
    const again = await open()
    await log.close()
    await appendGroups(again, [[4]])
    timers.advance(1_000)
    await until(() => again.bytes === 3 * headerBytes + frame(3) + frame(4))
    await again.trim(4 as Offset)
    expect(again.oldest).toBe(4)
  })

  it('refuse appends while more than diskMaxShare of the disk is in use, and look again', async () => {
    const disk = new MemoryDisk({ capacityBytes: 100_000 })
    const timers = new ManualClock()
    const events: LogEvent[] = []
    const open = () => openSmallLog(disk, { timers, diskMaxShare: 0.5, onEvent: (event) => events.push(event) })
    await (await open()).close()
    disk.resize(2 * headerBytes - 1)
    const log = await open()
    expect(log.state).toBe('full')
    await expect(log.append(payload(1))).rejects.toMatchObject(full)
    timers.advance(defaultReopenDelayMs)
    await until(() => timers.pendingTimers === 1)
    expect(log.state).toBe('full')
    disk.resize(100_000)
    timers.advance(defaultReopenDelayMs)
    await until(() => log.state === 'open')
    expect(await log.append(payload(1))).toBe(0)
    expect(timers.pendingTimers).toBe(0)
  })

  it('notice a disk that fills while hits come, every few megabytes', async () => {
    const mib = 1024 * 1024
    const disk = new MemoryDisk({ capacityBytes: 20 * mib })
    const log = await openSmallLog(disk, { diskMaxShare: 0.5, segmentMaxBytes: 64 * mib })
    let stored = 0
    const refusal = await (async () => {
      for (;;) {
        await log.append(Buffer.alloc(mib))
        stored++
      }
    })().catch((error) => error)
    expect(refusal).toMatchObject(full)
    expect(stored).toBeGreaterThanOrEqual(10)
    expect(stored).toBeLessThanOrEqual(14)
    expect(log.durable).toBe(stored)
  })
})
