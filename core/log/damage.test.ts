import { beforeAll, describe, expect, it } from 'vitest'
import { MemoryDisk } from '../adapters/memory/memory-disk.ts'
import { CorruptLogError, OffsetTrimmedError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { openLogReader } from './log-reader.ts'
import { appendGroups, edit, fileBytes, logFolder, openSmallLog, payload, readAll } from './log-under-test.ts'
import { frameHeaderBytes, headerBytes, segmentBase, segmentName } from './segment-format.ts'
import type { LogEvent } from './segment-log-options.ts'

interface RecordPlace {
  readonly offset: number
  readonly file: string
  readonly at: number
  readonly end: number
  /** The last group of the file it is in. */
  readonly inLastGroup: boolean
}

// Three segments; the last holds three groups, of two, one and two records.
const groups = [[1], [2, 3], [4], [7, 8, 9], [5], [10, 11], [19], [13, 26]]
const lastGroups = groups.slice(-3)

let pristine: MemoryDisk
let id: string
let names: readonly string[]
let records: readonly RecordPlace[]

beforeAll(async () => {
  pristine = new MemoryDisk()
  const log = await openSmallLog(pristine, { segmentMaxBytes: 1_150 })
  await appendGroups(log, groups)
  id = log.id
  await log.close()
  names = await pristine.list(logFolder)
  records = placesOf(names)
  expect(names).toHaveLength(3)
  const inLast = records.filter(({ file }) => file === names[2])
  expect(inLast).toHaveLength(lastGroups.flat().length)
})

/** Where each record lies, reckoned from the sizes alone. */
function placesOf(files: readonly string[]): RecordPlace[] {
  const lastGroupSize = lastGroups.at(-1)?.length ?? 0
  const all = groups.flat()
  return files.flatMap((file, index) => {
    const base = segmentBase(file) ?? 0
    const next = segmentBase(files[index + 1] ?? '') ?? all.length
    let at = headerBytes
    return all.slice(base, next).map((number, i) => {
      const end = at + frameHeaderBytes + payload(number).length
      const place = { offset: base + i, file, at, end, inLastGroup: base + i >= all.length - lastGroupSize }
      at = end
      return place
    })
  })
}

/** The state of the disk with one byte changed. */
async function withFlippedByte(file: string, byte: number, mask: number): Promise<MemoryDisk> {
  const disk = pristine.crash('keep')
  await edit(disk, `${logFolder}/${file}`, async (open) => {
    const [old] = await open.read(1, byte)
    await open.write(Buffer.from([(old ?? 0) ^ mask]), byte)
  })
  return disk
}

const stateOf = async (disk: MemoryDisk) =>
  Promise.all(
    (await disk.list(logFolder)).map(
      async (name) => `${name} ${(await fileBytes(disk, `${logFolder}/${name}`)).toString('hex')}`,
    ),
  )

describe('one changed byte', () => {
  it.each([0x01, 0x80, 0xff])(
    'in a header stops the log, naming the file, and changes nothing (mask %i)',
    async (mask) => {
      for (const file of names) {
        for (let byte = 0; byte < headerBytes; byte++) {
          const disk = await withFlippedByte(file, byte, mask)
          const before = await stateOf(disk)
          const error = await openSmallLog(disk).catch((thrown) => thrown)
          expect(error, `${file} byte ${byte}`).toBeInstanceOf(CorruptLogError)
          expect(error.file).toBe(`${logFolder}/${file}`)
          expect(await stateOf(disk)).toEqual(before)
        }
      }
    },
  )

  it.each([0x01, 0xff])(
    'in a record of a sealed segment stops the reader at that record, naming file and byte, after all before it (mask %i)',
    async (mask) => {
      for (const record of records.filter(({ file }) => file !== names[2])) {
        for (let byte = record.at; byte < record.end; byte++) {
          const disk = await withFlippedByte(record.file, byte, mask)
          const log = await openSmallLog(disk)
          const reader = await openLogReader({
            disk,
            folder: logFolder,
            id,
            from: log.oldest,
            durable: () => log.durable,
          })
          const numbers = groups.flat().slice(0, record.offset)
          const given: string[] = []
          let error: unknown
          while (error === undefined) {
            const found = await reader.read(10_000).catch((thrown) => {
              error = thrown
              return []
            })
            given.push(...found.map(({ payload: bytes }) => bytes.toString()))
          }
          expect(given).toEqual(numbers.map((number) => payload(number).toString()))
          expect(error).toBeInstanceOf(CorruptLogError)
          expect(error).toMatchObject({ file: `${logFolder}/${record.file}`, byte: record.at })
          // It stays there.
          expect(reader.position).toBe(record.offset)
          await expect(reader.read(1)).rejects.toThrow(CorruptLogError)
          await reader.close()
          await log.close()
        }
      }
    },
  )

  it.each([0x01, 0xff])(
    'in the last segment cuts the last group from there, but stops the log where a later group proves a sync (mask %i)',
    async (mask) => {
      for (const record of records.filter(({ file }) => file === names[2])) {
        for (let byte = record.at; byte < record.end; byte++) {
          const disk = await withFlippedByte(record.file, byte, mask)
          const before = await stateOf(disk)
          const events: LogEvent[] = []
          const opened = await openSmallLog(disk, { onEvent: (event) => events.push(event) }).catch((thrown) => thrown)
          if (record.inLastGroup) {
            expect(opened.next, `byte ${byte}`).toBe(record.offset)
            expect(events).toMatchObject([{ kind: 'tail-cut', byte: record.at, file: `${logFolder}/${record.file}` }])
            expect((await readAll(disk, opened)).map(String)).toEqual(
              groups
                .flat()
                .slice(0, record.offset)
                .map((number) => payload(number).toString()),
            )
          } else {
            expect(opened, `byte ${byte}`).toBeInstanceOf(CorruptLogError)
            expect(opened).toMatchObject({ file: `${logFolder}/${record.file}`, byte: record.at })
            expect(await stateOf(disk)).toEqual(before)
          }
        }
      }
    },
  )
})

describe('a file that ends early', () => {
  it('is a torn tail in the last segment, at any length: whole records before it stay', async () => {
    const file = names[2] ?? ''
    const size = (await pristine.size(`${logFolder}/${file}`)) ?? 0
    for (let length = headerBytes; length <= size; length++) {
      const disk = pristine.crash('keep')
      await edit(disk, `${logFolder}/${file}`, (open) => open.truncate(length))
      const log = await openSmallLog(disk)
      const whole = records.filter((record) => record.file !== file || record.end <= length)
      expect(log.next).toBe(whole.length)
      expect((await fileBytes(disk, `${logFolder}/${file}`)).length).toBe(
        whole.at(-1)?.file === file ? whole.at(-1)?.end : headerBytes,
      )
    }
  })

  it('stops the log where it ends inside a header: a segment gets its name with its header whole', async () => {
    for (const file of names) {
      const disk = pristine.crash('keep')
      await edit(disk, `${logFolder}/${file}`, (open) => open.truncate(headerBytes - 1))
      await expect(openSmallLog(disk)).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    }
  })

  it.each([-1, 1])('stops the log where a sealed segment is %i byte off the length it was sealed with', async (by) => {
    for (const file of names.slice(0, 2)) {
      const disk = pristine.crash('keep')
      const path = `${logFolder}/${file}`
      const size = (await disk.size(path)) ?? 0
      await edit(disk, path, async (open) => (by < 0 ? open.truncate(size + by) : open.write(Buffer.from('x'), size)))
      await expect(openSmallLog(disk)).rejects.toMatchObject({ file: path, byte: Math.min(size, size + by) })
    }
  })
})

describe('bytes behind the last record', () => {
  it('are cut where they are zeros or noise, as many as there may be', async () => {
    for (const tail of [Buffer.alloc(1), Buffer.alloc(3_000_000), Buffer.alloc(2_000_000, 'noise')]) {
      const disk = pristine.crash('keep')
      const path = `${logFolder}/${names[2]}`
      const size = (await disk.size(path)) ?? 0
      await edit(disk, path, (open) => open.write(tail, size))
      const log = await openSmallLog(disk)
      expect(log.next).toBe(groups.flat().length)
      expect(await disk.size(path)).toBe(size)
    }
  })

  it('prove a sync wherever the later record lies, across the pieces the search reads', async () => {
    for (const gap of [1_000, 1024 * 1024 - 2, 1024 * 1024 - 1, 1024 * 1024 + 1, 3_000_000]) {
      const disk = pristine.crash('keep')
      const path = `${logFolder}/${names[2]}`
      const bytes = await fileBytes(disk, path)
      const [damaged, , later] = records.filter(({ file }) => file === names[2])
      const laterFrame = bytes.subarray(later?.at, later?.end)
      await edit(disk, path, async (open) => {
        await open.truncate(damaged?.at ?? 0)
        await open.write(laterFrame, (damaged?.at ?? 0) + 1 + gap)
      })
      await expect(openSmallLog(disk)).rejects.toMatchObject({ byte: damaged?.at })
    }
  })

  it('prove nothing where a client sent them: a payload cannot pose as a record', async () => {
    const disk = new MemoryDisk()
    const log = await openSmallLog(disk)
    await log.append(Buffer.from('first'))
    // What an outsider can know: the format, and records of a log of their own.
    const own = new MemoryDisk()
    const ownLog = await openSmallLog(own, { random: { bytes: (count) => new Uint8Array(count).fill(3) } })
    await appendGroups(ownLog, [[1], [2], [3], [4]])
    const ownBytes = await fileBytes(own, `${logFolder}/${segmentName(0)}`)
    await log.append(ownBytes.subarray(headerBytes))
    const path = `${logFolder}/${segmentName(0)}`
    await edit(disk, path, (open) => open.write(Buffer.from([0]), headerBytes + frameHeaderBytes + 5))
    const again = await openSmallLog(disk)
    expect((await readAll(disk, again)).map(String)).toEqual(['first'])
  })
})

describe('a missing or foreign file', () => {
  it('stops the log where it is in the middle', async () => {
    const disk = pristine.crash('keep')
    await disk.remove(`${logFolder}/${names[1]}`)
    await expect(openSmallLog(disk)).rejects.toMatchObject({ file: `${logFolder}/${names[2]}` })
  })

  it('is a trim where it is the oldest', async () => {
    const disk = pristine.crash('keep')
    await disk.remove(`${logFolder}/${names[0]}`)
    const log = await openSmallLog(disk)
    expect(log.oldest).toBe(segmentBase(names[1] ?? ''))
    await expect(readAll(disk, log, 0 as Offset)).rejects.toThrow(OffsetTrimmedError)
  })

  it('stops the log where it is another log’s, or has another’s name', async () => {
    const other = new MemoryDisk()
    const otherLog = await openSmallLog(other, {
      segmentMaxBytes: 1_150,
      random: { bytes: (count) => new Uint8Array(count).fill(9) },
    })
    await appendGroups(otherLog, groups)
    const foreign = pristine.crash('keep')
    const path = `${logFolder}/${names[1]}`
    const bytes = await fileBytes(other, path)
    await edit(foreign, path, (open) => open.write(bytes, 0))
    await expect(openSmallLog(foreign)).rejects.toMatchObject({ file: path })

    const renamed = pristine.crash('keep')
    await renamed.rename(path, `${logFolder}/${segmentName(4_711)}`)
    await expect(openSmallLog(renamed)).rejects.toMatchObject({ file: `${logFolder}/${segmentName(4_711)}` })
  })

  it('is left alone where it is no segment', async () => {
    const disk = pristine.crash('keep')
    for (const name of ['notes.txt', '1.log', `${segmentName(99)}.gz`]) {
      await (await disk.open(`${logFolder}/${name}`, 'create')).close()
    }
    const log = await openSmallLog(disk)
    expect(log.next).toBe(groups.flat().length)
    expect(await disk.list(logFolder)).toEqual(expect.arrayContaining(['notes.txt', '1.log', `${segmentName(99)}.gz`]))
  })
})
