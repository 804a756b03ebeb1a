import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { CorruptCheckpointError } from '../../../core/errors.ts'
import { nodeSyncReader } from '../../adapters/local/node-sync-reader.ts'
import { decodeState } from './checkpoint-format.ts'
import type { DedupeOptions } from './dedupe-state.ts'
import { day, hour, noon, open, prefix, small } from './test/support.ts'

describe('a damaged state', () => {
  async function saved(settings: Partial<DedupeOptions> = {}) {
    const objects = memoryObjectStore()
    const state = await open({ objects, ...small, ...settings })
    for (let i = 0; i < 2_000; i++) state.firstSeen('shop', `${i}`, noon)
    const checkpoint = await state.checkpoint()
    const [object = ''] = await objects.list('')
    return { objects, object, saved: checkpoint.saved, bytes: (await objects.get(object)) ?? Buffer.alloc(0) }
  }

  it('is refused by name, wherever a byte of a segment is wrong', async () => {
    const { objects, object, saved: checkpoint, bytes } = await saved()
    const reader = nodeSyncReader()
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const broken = Buffer.from(bytes)
        broken[at] = (broken[at] as number) ^ change
        await objects.put(object, broken)
        const judge = async (settings: Partial<DedupeOptions>) => {
          const state = await open({ objects, saved: checkpoint, ...small, ...settings })
          for (let i = 0; i < 2_000; i++) expect(state.firstSeen('shop', `${i}`, noon)).toBe(false)
        }
        for (const settings of [{ heldMaxEntries: 1e6 }, { reader }]) {
          const error = await judge(settings).catch((thrown: unknown) => thrown)
          expect(error).toBeInstanceOf(CorruptCheckpointError)
          expect(error).toMatchObject({ object, code: 'CHECKPOINT_CORRUPT' })
        }
      }),
      { numRuns: 100 },
    )
    reader.close()
    await objects.cleanup()
  })

  it('is refused where a segment is cut short, empty, another one, or gone', async () => {
    const { objects, object, saved: checkpoint, bytes } = await saved()
    const other = await saved({ withinMs: hour, random: seededRandom(99) })
    for (const shape of [bytes.subarray(0, -1), bytes.subarray(0, 100), Buffer.alloc(0), other.bytes]) {
      await objects.put(object, shape)
      await expect(open({ objects, saved: checkpoint })).rejects.toThrow(CorruptCheckpointError)
    }
    await objects.remove(object)
    await expect(open({ objects, saved: checkpoint })).rejects.toThrow(`${object} is damaged: it is not there`)
  })

  it('is refused where the checkpoint itself is not what was written', async () => {
    const { objects, saved: checkpoint } = await saved()
    fc.assert(
      fc.property(fc.nat({ max: checkpoint.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const broken = Buffer.from(checkpoint)
        broken[at] = (broken[at] as number) ^ change
        expect(() => decodeState('x', broken)).toThrow(CorruptCheckpointError)
        expect(() => decodeState('x', checkpoint.subarray(0, at))).toThrow(CorruptCheckpointError)
      }),
    )
    await expect(open({ objects, saved: new Uint8Array(0) })).rejects.toThrow(CorruptCheckpointError)
  })

  it('is refused where a count in the checkpoint lies under a checksum that is right', async () => {
    const { objects, saved: checkpoint } = await saved()
    for (const count of [2, 1_000_000, 2 ** 32 - 1]) {
      const lying = Buffer.from(checkpoint)
      lying.writeUInt32LE(count, 32)
      lying.writeUInt32LE(crc32(lying.subarray(0, -4)), lying.length - 4)
      expect(() => decodeState('x', lying)).toThrow(CorruptCheckpointError)
    }
    const longer = Buffer.concat([checkpoint.subarray(0, -4), Buffer.alloc(7), Buffer.alloc(4)])
    longer.writeUInt32LE(crc32(longer.subarray(0, -4)), longer.length - 4)
    expect(() => decodeState('x', longer)).toThrow('7 bytes follow its entries')
    await objects.cleanup()
  })

  it('is noticed when the file goes bad while it is open', async () => {
    const { objects, object, saved: checkpoint } = await saved()
    const missing = {
      readAt: () => {
        throw new Error('EIO')
      },
      forget: () => undefined,
    }
    const state = await open({ objects, saved: checkpoint, ...small, reader: missing })
    expect(() => state.firstSeen('shop', '1', noon)).toThrow(`${object} is damaged: it cannot be read`)
    const short = await open({ objects, saved: checkpoint, ...small, reader: { ...missing, readAt: () => 5 } })
    expect(() => short.firstSeen('shop', '1', noon)).toThrow(/not all there/)
    await objects.cleanup()
  })
})

describe('a state saved by version 1', () => {
  const golden = new URL('./golden/', import.meta.url)
  const bytesOf = (name: string) => readFileSync(new URL(name, golden))
  const segment = '000000000000-9e79b1f2c3d4'

  it('opens and knows what it knew', async () => {
    const objects = memoryObjectStore()
    await objects.put(`${prefix}/${segment}`, bytesOf('segment.v1.bin'))
    const reader = nodeSyncReader()
    for (const heldMaxEntries of [0, 1e6]) {
      const state = await open({ objects, reader, heldMaxEntries, saved: bytesOf('state.v1.bin') })
      for (let i = 0; i < 600; i++) expect(state.firstSeen('shop', `in-segment-${i}`, noon + day - 1)).toBe(false)
      for (let i = 0; i < 5; i++) expect(state.firstSeen('shop', `inline-${i}`, noon + day - 1)).toBe(false)
      expect(state.firstSeen('shop', 'never', noon + day - 1)).toBe(true)
      expect(state.firstSeen('shop', 'in-segment-0', noon + day)).toBe(true)
      expect(state.firstSeen('shop', 'in-segment-1', noon + day)).toBe(false)
    }
    reader.close()
    await objects.cleanup()
  })

  it('is what the same hits still make, byte for byte', async () => {
    const objects = memoryObjectStore()
    const random = {
      bytes: (count: number) => Uint8Array.of(0x9e, 0x79, 0xb1, 0xf2, 0xc3, 0xd4, 0xe5, 0xf6).subarray(0, count),
    }
    const state = await open({ objects, random, inlineMaxEntries: 50 })
    for (let i = 0; i < 600; i++) state.firstSeen('shop', `in-segment-${i}`, noon + i)
    await state.checkpoint()
    for (let i = 0; i < 5; i++) state.firstSeen('shop', `inline-${i}`, noon + 1_000 + i)
    const { saved } = await state.checkpoint()
    expect(await objects.list('')).toEqual([`${prefix}/${segment}`])
    expect(await objects.get(`${prefix}/${segment}`)).toEqual(bytesOf('segment.v1.bin'))
    expect(Buffer.from(saved)).toEqual(bytesOf('state.v1.bin'))
  })
})
