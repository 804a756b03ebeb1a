import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../adapters/memory/memory-disk.ts'
import type { Offset } from '../ids.ts'
import type { HitLog } from '../ports/hit-log.ts'
import { type LogReader, type LogReaderOptions, openLogReader, readMaxBytes, readMinBytes } from './log-reader.ts'
import { appendGroups, logFolder, openSmallLog, payload, readAll, until } from './log-under-test.ts'
import { segmentName } from './segment-format.ts'
import { defaultReopenDelayMs } from './segment-log-options.ts'

let disk: MemoryDisk
let log: HitLog
beforeEach(async () => {
  disk = new MemoryDisk()
  log = await openSmallLog(disk)
})

function open(options: Partial<LogReaderOptions> = {}): Promise<LogReader> {
  return openLogReader({
    disk,
    folder: logFolder,
    id: log.id,
    from: 0 as Offset,
    durable: () => log.durable,
    ...options,
  })
}
const texts = async (reader: LogReader, maxBytes = 1) =>
  (await reader.read(maxBytes)).map((record) => String(record.payload))
const numbered = (...numbers: number[]) => numbers.map((number) => payload(number).toString())

describe('a reader of the log', () => {
  it('begins at any record, in any segment', async () => {
    await appendGroups(log, [[0, 1], [2], [3, 4, 5], [6], [7, 8]])
    for (let from = 0; from <= 9; from++) {
      expect((await readAll(disk, log, from as Offset)).map(String)).toEqual(
        numbered(...Array.from({ length: 9 - from }, (_, i) => from + i)),
      )
    }
  })

  it('gives one record at least, and stops when it has maxBytes', async () => {
    await appendGroups(log, [[0, 1, 7, 13]])
    const reader = await open()
    expect(await texts(reader, 1)).toEqual(numbered(0))
    expect(await texts(reader, 150)).toEqual(numbered(1, 7))
    expect(await texts(reader, 1_000_000)).toEqual(numbered(13))
    expect(await texts(reader, 1_000_000)).toEqual([])
    expect(reader.position).toBe(4)
  })

  it('follows the log across segments as it grows', async () => {
    const reader = await open()
    for (let number = 0; number < 40; number++) {
      expect(await texts(reader)).toEqual([])
      await appendGroups(log, [[number]])
      expect(await texts(reader)).toEqual(numbered(number))
    }
    expect((await disk.list(logFolder)).length).toBeGreaterThan(5)
  })

  it('gives nothing that is written but not yet durable', async () => {
    await appendGroups(log, [[0], [1], [2]])
    let durable = 1
    const reader = await open({ durable: () => durable as Offset })
    expect(await texts(reader, 1_000_000)).toEqual(numbered(0))
    expect(await texts(reader, 1_000_000)).toEqual([])
    durable = 3
    expect(await texts(reader, 1_000_000)).toEqual(numbered(1, 2))
  })

  it('reads records larger than its piece, and records that lie across two', async () => {
    for (const pieceMaxBytes of [1, 30, 100, 700]) {
      const own = new MemoryDisk()
      log = await openSmallLog(own, { segmentMaxBytes: 100_000 })
      const sizes = [0, 1, 20_000, 5, 700, 676, 100, 76, 30, 6]
      await Promise.all(sizes.map((size) => log.append(Buffer.alloc(size, size % 251))))
      const reader = await open({ disk: own, pieceMaxBytes })
      const found: Buffer[] = []
      for (let i = 0; found.length < sizes.length && i < 100; i++) {
        found.push(...(await reader.read(1)).map((record) => Buffer.from(record.payload)))
      }
      expect(found.map((bytes) => bytes.equals(Buffer.alloc(bytes.length, bytes.length % 251)))).not.toContain(false)
      expect(found.map((bytes) => bytes.length)).toEqual(sizes)
    }
  })

  it('asks the disk for about as much as there is, at the end of the log as far behind it', async () => {
    const own = new MemoryDisk()
    const asked: number[] = []
    const noting = new Proxy(own, {
      get(target, name) {
        if (name !== 'open') return Reflect.get(target, name).bind(target)
        return async (path: string, mode: 'read') => {
          const file = await target.open(path, mode)
          const read = (length: number, at: number) => {
            asked.push(length)
            return file.read(length, at)
          }
          return { ...file, read }
        }
      },
    })
    log = await openSmallLog(own, { segmentMaxBytes: 100_000_000 })
    await Promise.all(Array.from({ length: 200 }, () => log.append(Buffer.alloc(50_000))))
    const reader = await open({ disk: noting })
    while ((await reader.read(4_000_000)).length > 0);
    expect(asked.length).toBeLessThan(20)
    expect(Math.max(...asked)).toBe(readMaxBytes)
    for (let i = 0; i < 20; i++) {
      asked.length = 0
      await log.append(Buffer.alloc(500))
      expect(await reader.read(4_000_000)).toHaveLength(1)
    }
    expect(asked).toEqual([readMinBytes])
  })

  it('keeps payloads as they are until the next call', async () => {
    await appendGroups(log, [[0, 1, 2], [3], [4, 5]])
    const reader = await open({ pieceMaxBytes: 300 })
    const records = await reader.read(1_000_000)
    expect(records.map((record) => String(record.payload))).toEqual(numbered(0, 1, 2, 3, 4, 5))
  })

  it('refuses a place before the oldest record, also when it is trimmed while it reads', async () => {
    await appendGroups(log, [[0], [5], [6], [4], [11], [12]])
    const reader = await open()
    expect(await texts(reader)).toEqual(numbered(0))
    await log.trim(6 as Offset)
    const trimmed = { code: 'LOG_OFFSET_TRIMMED', oldest: log.oldest }
    await expect(open()).rejects.toMatchObject({ ...trimmed, asked: 0 })
    // The file it has open it reads to the end.
    const given: string[] = []
    const error = await (async () => {
      for (;;) given.push(...(await texts(reader)))
    })().catch((thrown) => thrown)
    expect(error).toMatchObject({ ...trimmed, asked: reader.position })
    expect(given).toEqual(numbered(5, 6, 4, 11).slice(0, given.length))
  })

  it('refuses a place behind the end: the log it belongs to is not this one', async () => {
    await appendGroups(log, [[0], [1]])
    await expect(open({ from: 3 as Offset })).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    expect((await open({ from: 2 as Offset })).position).toBe(2)
  })

  it('refuses the files of another log, and a folder without any', async () => {
    await expect(open({ id: 'f'.repeat(32) })).rejects.toMatchObject({ code: 'LOG_CORRUPT', byte: 0 })
    await expect(open({ folder: 'elsewhere' })).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
  })

  it('says so where files are taken away under it', async () => {
    await appendGroups(log, [[0], [5], [6], [4], [11], [12]])
    const [, second] = await disk.list(logFolder)
    const reader = await open()
    await disk.remove(`${logFolder}/${second}`)
    const error = await (async () => {
      for (;;) await reader.read(1)
    })().catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'LOG_CORRUPT', file: `${logFolder}/${segmentName(0)}` })
  })

  it('goes over to the segment that took the place of an empty one', async () => {
    const timers = new ManualClock()
    const own = new MemoryDisk()
    log = await openSmallLog(own, { timers })
    const reader = await open({ disk: own })
    expect(await texts(reader)).toEqual([])
    own.failAt(own.operations + 2, 'EIO')
    await expect(log.append(payload(1))).rejects.toMatchObject({ reason: 'failed' })
    timers.advance(defaultReopenDelayMs)
    await until(() => log.state === 'open')
    await log.append(payload(2))
    expect(await own.list(logFolder)).toEqual([segmentName(0)])
    expect(await texts(reader)).toEqual(numbered(2))
  })

  it('says so where a record is told to be durable that no file holds', async () => {
    const empty = await open({ durable: () => 1 as Offset })
    await expect(empty.read(1)).rejects.toMatchObject({ code: 'LOG_CORRUPT', file: `${logFolder}/${segmentName(0)}` })
    await appendGroups(log, [[0]])
    const reader = await open({ durable: () => 2 as Offset })
    expect(await texts(reader)).toEqual(numbered(0))
    await expect(reader.read(1)).rejects.toMatchObject({ code: 'LOG_CORRUPT', file: `${logFolder}/${segmentName(0)}` })
  })

  it('closes its file, and opens none when it fails', async () => {
    const opened: string[] = []
    const counting = new Proxy(disk, {
      get(target, name) {
        if (name !== 'open') return Reflect.get(target, name).bind(target)
        return async (path: string, mode: 'read') => {
          const file = await target.open(path, mode)
          opened.push(path)
          return { ...file, close: async () => void opened.splice(opened.indexOf(path), 1) }
        }
      },
    })
    await appendGroups(log, [[0], [5], [6], [4], [11], [12]])
    const reader = await open({ disk: counting })
    while ((await reader.read(1)).length > 0) expect(opened.length).toBe(1)
    await reader.close()
    await reader.close()
    expect(opened).toEqual([])
    await expect(open({ disk: counting, id: 'f'.repeat(32) })).rejects.toThrow()
    await expect(open({ disk: counting, from: 99 as Offset })).rejects.toThrow()
    expect(opened).toEqual([])
  })
})
