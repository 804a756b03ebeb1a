/** What is emitted into a file and read back is what was accepted: each hit once, in order, whoever was stopped where. */
import avro from 'avsc'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { MemoryDisk } from '../../../core/adapters/memory/memory-disk.ts'
import { EmitRefusedError, SnapshotNotFoundError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { FeedHit } from '../../../core/hit.ts'
import { avroType } from '../../../schemas/avro/avro-type.ts'
import { decodeHistoryHit, historyHitSchema } from '../../../schemas/avro/history.ts'
import { progressPath } from '../../adapters/emit/emit-to-file.ts'
import type { EmitFormat } from '../../adapters/emit/formats.ts'
import { acceptedHitOfFailed } from '../../jobs/accepted-hit.ts'
import {
  executorOf,
  firstDay,
  liveWorld,
  localLakes,
  memoryLakes,
  merchants,
  requestOf,
  rerun,
  traffic,
} from '../rerun/test/rerun-world.ts'
import { acceptedOf, begunOn, bytesOf, emitted, everything, fileEmission } from './test/emit-world.ts'

/** By avsc's own reader of such files; with our types for money. */
async function readAvro(bytes: Buffer): Promise<readonly FeedHit[]> {
  const { Readable } = await import('node:stream')
  const decoder = new avro.streams.BlockDecoder({ parseHook: () => avroType(historyHitSchema) })
  const found: FeedHit[] = []
  for await (const value of Readable.from([bytes]).pipe(decoder)) {
    found.push(decodeHistoryHit(avroType(historyHitSchema).toBuffer(value)))
  }
  return found
}

async function readLines(bytes: Buffer): Promise<readonly FeedHit[]> {
  const lines = bytes.toString('utf8').split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((original) => {
    const { source, partition, offset, index } = JSON.parse(original) as Record<string, never>
    const {
      source: _s,
      partition: _p,
      offset: _o,
      index: _i,
      ...hit
    } = acceptedHitOfFailed({
      original,
      ...{ _src: source, _part: partition, _off: offset, _idx: index },
    }) as FeedHit & Record<string, unknown>
    return { ...hit, source } as unknown as FeedHit
  })
}

const readers: Readonly<Record<EmitFormat, (bytes: Buffer) => Promise<readonly FeedHit[]>>> = {
  avro: readAvro,
  ndjson: readLines,
}

for (const [name, lakes, runs] of [
  ['in memory', memoryLakes(), 20],
  ['in a folder', localLakes(), 3],
] as const) {
  describe(`an emission of a lake ${name}`, () => {
    afterAll(() => lakes.close())

    it.each(['ndjson', 'avro'] as const)('into %s holds every accepted hit once, in order', async (format) => {
      await fc.assert(
        fc.asyncProperty(
          traffic,
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 1, max: 5 }),
          async (all, groupMaxHits, chunkMaxHits) => {
            const world = await liveWorld(await lakes.open(), [all])
            const disk = new MemoryDisk()
            const done = await emitted(fileEmission(world, disk, { format, groupMaxHits, chunkMaxHits }))
            const expected = (await acceptedOf(world)).map(({ hit }) => hit)
            expect(await readers[format](await bytesOf(disk, `out.${format}`))).toEqual(expected)
            expect(done).toMatchObject({ state: 'done', mark: { hits: expected.length } })
            expect(done.mark.undecodable).toBe(all.filter(({ kind }) => kind === 'poison').length)
          },
        ),
        { numRuns: runs },
      )
    })

    it('holds the hits of a merchant and of days alone where these are asked for', async () => {
      await fc.assert(
        fc.asyncProperty(traffic, fc.constantFrom(null, ...merchants), async (all, merchant) => {
          const world = await liveWorld(await lakes.open(), [all])
          const disk = new MemoryDisk()
          const request = { ...everything, merchant, from: firstDay + dayMs, to: firstDay + 3 * dayMs }
          await emitted(fileEmission(world, disk, { format: 'ndjson', request }))
          const expected = (await acceptedOf(world)).filter(
            ({ hit }) =>
              (merchant === null || hit.merchant === merchant) && hit.time >= request.from && hit.time < request.to,
          )
          expect(await readLines(await bytesOf(disk, 'out.ndjson'))).toEqual(expected.map(({ hit }) => hit))
        }),
        { numRuns: runs },
      )
    })
  })
}

const lakes = memoryLakes()
const someTraffic = () => fc.sample(traffic, { numRuns: 5, seed: 5 }).flat()

describe('an emission where several generations share the tables', () => {
  it('holds each accepted hit once, from the generation that answers at its place', async () => {
    await fc.assert(
      fc.asyncProperty(traffic, fc.constantFrom(null, ...merchants), async (all, merchant) => {
        const world = await liveWorld(await lakes.open(), [all])
        const expected = (await acceptedOf(world)).map(({ hit }) => hit)
        const place = { merchant, from: firstDay + dayMs, to: firstDay + 3 * dayMs }
        const request = requestOf({ via: 'stream', places: [place] })
        const { staged } = await rerun(executorOf(world), { request, rows: world.rows })
        const rows = await Promise.all(
          world.rows.map(async (each) => {
            const files = staged.filter(({ table }) => table === each.table)
            if (files.length === 0) return each
            return { ...each, snapshot: (await world.lake.publish(each.table, 2, files)).snapshot }
          }),
        )
        const answers = { base: 1, entries: [{ sink: 'hits' as const, generation: 2, ...place }] }
        const disk = new MemoryDisk()
        const begin = async () => ({ ...begunOn(world, everything, 'out.ndjson'), rows, answers })
        await emitted(fileEmission(world, disk, { format: 'ndjson', begin }))
        expect(await readLines(await bytesOf(disk, 'out.ndjson'))).toEqual(expected)
      }),
      { numRuns: 20 },
    )
  })
})

describe('an emission that is stopped', () => {
  it.each(['ndjson', 'avro'] as const)(
    'and gone on with makes the same file of %s, at whatever operation of the disk, and whatever the disk lost',
    async (format) => {
      const world = await liveWorld(await lakes.open(), [someTraffic()])
      const limits = { groupMaxHits: 40, chunkMaxHits: 11 }
      const whole = new MemoryDisk()
      await emitted(fileEmission(world, whole, { format, ...limits }))
      const expected = (await acceptedOf(world)).map(({ hit }) => hit)
      const policies = ['drop', 'keep', 'names', 'bytes', { seed: 3 }] as const
      for (let stop = 1; stop <= whole.operations; stop++) {
        const disk = new MemoryDisk()
        disk.stopAt(stop)
        await expect(emitted(fileEmission(world, disk, { format, ...limits }))).rejects.toThrow()
        const left = disk.crash(policies[stop % policies.length] as 'drop')
        const second = left.operations + 1 + (stop % 17)
        left.stopAt(second)
        await emitted(fileEmission(world, left, { format, ...limits })).catch(() => undefined)
        const last = left.crash('drop')
        await emitted(fileEmission(world, last, { format, ...limits }))
        expect(await readers[format](await bytesOf(last, `out.${format}`)), `stopped at ${stop}`).toEqual(expected)
      }
    },
  )

  it('goes on with the snapshots it began with, and leaves out what was erased meanwhile', async () => {
    const world = await liveWorld(await lakes.open(), [someTraffic()])
    const disk = new MemoryDisk()
    const options = fileEmission(world, disk, { format: 'ndjson', chunkMaxHits: 5, groupMaxHits: 10 })
    let marks = 0
    const onMark = () => {
      marks += 1
      if (marks === 3) throw new Error('stopped')
    }
    await expect(emitted({ ...options, onMark })).rejects.toThrow('stopped')
    const before = await readLines(await bytesOf(disk, 'out.ndjson'))
    expect(before.length).toBeGreaterThan(5)
    const subject = { kind: 'visitor', value: 'v1' } as const
    const through = firstDay + 30 * dayMs
    for (const merchant of merchants) {
      await world.store.eraseHits({ merchant, subject, through, by: 'test', now: through })
    }
    await emitted({ ...options, begin: () => Promise.reject(new Error('begun twice')) })
    const expected = (await acceptedOf(world)).filter(({ hit }, n) => n < before.length || hit.visitor !== 'v1')
    expect(await readLines(await bytesOf(disk, 'out.ndjson'))).toEqual(expected.map(({ hit }) => hit))
  })

  it('does nothing once it is done', async () => {
    const world = await liveWorld(await lakes.open(), [someTraffic()])
    const disk = new MemoryDisk()
    const done = await emitted(fileEmission(world, disk, { format: 'avro' }))
    const { operations } = disk
    expect(await emitted(fileEmission(world, disk, { format: 'avro' }))).toEqual(done)
    expect(disk.operations).toBe(operations)
  })
})

describe('an emission is refused', () => {
  async function worldAndDisk() {
    return { world: await liveWorld(await lakes.open(), [someTraffic()]), disk: new MemoryDisk() }
  }
  async function put(disk: MemoryDisk, path: string, text: string) {
    const file = await disk.open(path, 'create')
    await file.write(Buffer.from(text), 0)
  }

  it('where there is a file that it did not begin, which stays as it is', async () => {
    const { world, disk } = await worldAndDisk()
    await put(disk, 'out.ndjson', 'mine')
    await expect(emitted(fileEmission(world, disk, { format: 'ndjson' }))).rejects.toThrow(EmitRefusedError)
    expect((await bytesOf(disk, 'out.ndjson')).toString()).toBe('mine')
    expect(await disk.list('')).toEqual(['out.ndjson'])
  })

  it('where one was begun that asked for something else', async () => {
    const { world, disk } = await worldAndDisk()
    await emitted(fileEmission(world, disk, { format: 'ndjson' }))
    const other = { ...everything, merchant: 'tea' }
    await expect(emitted(fileEmission(world, disk, { format: 'ndjson', request: other }))).rejects.toThrow(
      /asked for something else/,
    )
  })

  it('where the file has lost what was written, or the progress is none', async () => {
    const { world, disk } = await worldAndDisk()
    const options = fileEmission(world, disk, { format: 'avro', chunkMaxHits: 5 })
    const onMark = () => {
      throw new Error('stopped')
    }
    await expect(emitted({ ...options, onMark })).rejects.toThrow('stopped')
    const file = await disk.open('out.avro', 'write')
    await file.truncate(30)
    await expect(emitted(options)).rejects.toThrow(/lacks what was written/)
    await disk.remove('out.avro')
    await expect(emitted(options)).rejects.toThrow(/is gone/)
    await put(disk, 'other.avro.progress.json', '{}')
    await expect(emitted({ ...options, path: 'other.avro' })).rejects.toThrow(/cannot be read/)
    expect(progressPath('other.avro')).toBe('other.avro.progress.json')
  })

  it('where the snapshot is not known', async () => {
    const { world, disk } = await worldAndDisk()
    const rows = world.rows.map((each) => ({ ...each, snapshot: '12345' }))
    const options = fileEmission({ ...world, rows }, disk, { format: 'ndjson' })
    await expect(emitted(options)).rejects.toThrow(SnapshotNotFoundError)
  })
})
