/** A log small enough to enumerate, and a way to read all of it, for the tests of this folder. */
import { ManualClock } from '../adapters/memory/manual-clock.ts'
import { seededRandom } from '../adapters/memory/seeded-random.ts'
import type { Offset } from '../ids.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { HitLog } from '../ports/hit-log.ts'
import { openLogReader } from './log-reader.ts'
import { openSegmentLog } from './segment-log.ts'
import type { SegmentLogOptions } from './segment-log-options.ts'

export const logFolder = 'log'

/** Segments of 600 bytes: three or four groups each. */
export function openSmallLog(disk: Disk, options: Partial<SegmentLogOptions> = {}): Promise<HitLog> {
  return openSegmentLog({
    disk,
    folder: logFolder,
    timers: new ManualClock(),
    random: seededRandom(7),
    segmentMaxBytes: 600,
    ...options,
  })
}

/** A payload that no other number has; sizes from 6 bytes to more than a sector. */
export function payload(number: number): Buffer {
  return Buffer.from(`hit ${number} ${'x'.repeat((number * 97) % 613)}`)
}

/** All durable records of an open log, by a reader of its own, from the oldest on. */
export async function readAll(disk: Disk, log: HitLog, from: Offset = log.oldest): Promise<Buffer[]> {
  const reader = await openLogReader({ disk, folder: logFolder, id: log.id, from, durable: () => log.durable })
  try {
    const found: Buffer[] = []
    for (;;) {
      const records = await reader.read(1_000)
      if (records.length === 0) return found
      for (const record of records) {
        if (record.offset !== from + found.length)
          throw new Error(`offset ${record.offset} after ${from + found.length - 1}`)
        found.push(Buffer.from(record.payload))
      }
    }
  } finally {
    await reader.close()
  }
}

/** Appends payloads one group each. */
export async function appendGroups(log: HitLog, groups: readonly (readonly number[])[]): Promise<void> {
  for (const group of groups) await Promise.all(group.map((number) => log.append(payload(number))))
}

export async function edit(disk: Disk, path: string, change: (file: DiskFile) => Promise<void>): Promise<void> {
  const file = await disk.open(path, 'write')
  await change(file)
  await file.datasync()
  await file.close()
}

export async function fileBytes(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  const bytes = await file.read(await file.size(), 0)
  await file.close()
  return bytes
}

/** Lets everything that is ready run until `reached`; no clock moves. */
export async function until(reached: () => boolean): Promise<void> {
  for (let turn = 0; !reached(); turn++) {
    if (turn > 10_000) throw new Error('it does not come')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
