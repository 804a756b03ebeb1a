/**
 * What the segment log costs above what any log must do. Opening 1 GB beside reading the same bytes; durable appends beside
 * bare write + fdatasync of the same bytes in the same groups; following beside reading the same bytes.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  write,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemRandom, systemTimers } from '../core/adapters/node/system.ts'
import type { Offset } from '../core/ids.ts'
import { openLogReader } from '../core/log/log-reader.ts'
import { frameHeaderBytes } from '../core/log/segment-format.ts'
import { openSegmentLog } from '../core/log/segment-log.ts'
import type { Bench } from './runner.ts'

const folder = 'log'
/** A batch of 50 hits, encoded. */
const payload = Buffer.alloc(12_000, 'hit')
const groupRecords = 16
const groups = 400
const bigLogBytes = 1024 ** 3

const open = (root: string) =>
  openSegmentLog({ disk: nodeDisk(root), folder, timers: systemTimers, random: systemRandom })

/** Runs with a folder of its own, removed afterwards. */
async function inFolder<T>(run: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  try {
    return await run(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const perSecond = (count: number, startMs: number) => (count * 1_000) / (performance.now() - startMs)

let bigLogRoot = ''

async function makeBigLog(): Promise<void> {
  bigLogRoot = mkdtempSync(join(tmpdir(), 'hitlake-bench-'))
  const log = await open(bigLogRoot)
  while (log.bytes < bigLogBytes) await Promise.all(Array.from({ length: 256 }, () => log.append(payload)))
  await log.close()
}

async function removeBigLog(): Promise<void> {
  rmSync(bigLogRoot, { recursive: true, force: true })
}

/** Reads every file of a folder in pieces of 1 MiB; gives the bytes. */
function readFolder(path: string): number {
  const piece = Buffer.alloc(1024 * 1024)
  let bytes = 0
  for (const name of readdirSync(path)) {
    const file = openSync(join(path, name), 'r')
    for (let got = readSync(file, piece); got > 0; got = readSync(file, piece)) bytes += got
    closeSync(file)
  }
  return bytes
}

async function appendToLog(): Promise<number> {
  return inFolder(async (root) => {
    const log = await open(root)
    const start = performance.now()
    for (let i = 0; i < groups; i++) await Promise.all(Array.from({ length: groupRecords }, () => log.append(payload)))
    const rate = perSecond(groups * groupRecords, start)
    await log.close()
    return rate
  })
}

async function writeAndSync(): Promise<number> {
  return inFolder(async (root) => {
    const file = openSync(join(root, 'plain'), 'w')
    const bytes = Buffer.alloc(groupRecords * (frameHeaderBytes + payload.length), 'hit')
    const start = performance.now()
    for (let i = 0; i < groups; i++) {
      await new Promise<void>((done, failed) => {
        write(file, bytes, 0, bytes.length, i * bytes.length, (error) => {
          if (error) failed(error)
          else fdatasync(file, (failure) => (failure ? failed(failure) : done()))
        })
      })
    }
    const rate = perSecond(groups * groupRecords, start)
    closeSync(file)
    return rate
  })
}

/** Appends in the shape of single hits: small records, as many in a group as come while the last one syncs. */
async function appendSmall(): Promise<number> {
  return inFolder(async (root) => {
    const log = await open(root)
    const small = Buffer.alloc(240, 'hit')
    const count = 300_000
    const start = performance.now()
    for (let sent = 0; sent < count; sent += 5_000) {
      await Promise.all(Array.from({ length: 5_000 }, () => log.append(small)))
    }
    const rate = perSecond(count, start)
    await log.close()
    return rate
  })
}

async function writeSmall(): Promise<number> {
  return inFolder(async (root) => {
    const file = openSync(join(root, 'plain'), 'w')
    const small = Buffer.alloc(240 + frameHeaderBytes, 'hit')
    const group = Buffer.alloc(small.length * 5_000)
    const count = 300_000
    const start = performance.now()
    for (let sent = 0; sent < count; sent += 5_000) {
      const waiting: Promise<void>[] = []
      for (let i = 0; i < 5_000; i++) {
        group.set(small, i * small.length)
        waiting.push(Promise.resolve())
      }
      writeSync(file, group)
      fdatasyncSync(file)
      await Promise.all(waiting)
    }
    const rate = perSecond(count, start)
    closeSync(file)
    return rate
  })
}

/** Of a rate of one a so many seconds. */
const inSeconds = (rate: number) => Number((1 / rate).toPrecision(3))

export const benches: readonly Bench[] = [
  {
    name: 'open a log of 1 GB (1 / seconds)',
    unit: 'opens/s',
    setup: makeBigLog,
    teardown: removeBigLog,
    control: {
      name: 'read the same bytes',
      run: async () => {
        const start = performance.now()
        readFolder(join(bigLogRoot, folder))
        return perSecond(1, start)
      },
    },
    candidate: {
      name: 'openSegmentLog',
      run: async () => {
        const start = performance.now()
        const log = await open(bigLogRoot)
        const rate = perSecond(1, start)
        await log.close()
        return rate
      },
    },
    also: ({ candidate: { median, min, max }, ratio }) => [
      {
        ...{ name: 'seconds to open a log of 1 GB', value: inSeconds(median), unit: 's' },
        ...{ spread: [inSeconds(max), inSeconds(min)], note: `${ratio.pairs} runs, page cache warm` },
      },
    ],
  },
  {
    name: 'durable appends, groups of 16 records of 12 KB',
    unit: 'records/s',
    control: { name: 'write + fdatasync of the same groups', run: writeAndSync },
    candidate: { name: 'append', run: appendToLog },
  },
  {
    name: 'durable appends, bursts of 5,000 records of 240 bytes',
    unit: 'records/s',
    control: { name: 'copy, write + fdatasync', run: writeSmall },
    candidate: { name: 'append', run: appendSmall },
  },
  {
    name: 'follow a log of 1 GB',
    unit: 'MB/s',
    setup: makeBigLog,
    teardown: removeBigLog,
    control: {
      name: 'read the same bytes',
      run: async () => {
        const start = performance.now()
        return perSecond(readFolder(join(bigLogRoot, folder)) / 1e6, start)
      },
    },
    candidate: {
      name: 'log reader, every CRC checked',
      run: async () => {
        const log = await open(bigLogRoot)
        const { bytes, id, durable } = log
        const start = performance.now()
        const reader = await openLogReader({
          disk: nodeDisk(bigLogRoot),
          folder,
          id,
          from: 0 as Offset,
          durable: () => durable,
        })
        while ((await reader.read(4 * 1024 * 1024)).length > 0);
        const rate = perSecond(bytes / 1e6, start)
        await reader.close()
        await log.close()
        return rate
      },
    },
  },
]
