/** Mutators: what they take apart they put together again, and what they make is near what it was made of. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeHitBatch, knownSchemas } from '../../schemas/avro/hit-batch.ts'
import { arbitraryBatch } from '../../schemas/avro/hit-batch-under-test.ts'
import { drawOf } from '../sim/random.ts'
import { readCorpus } from './corpus.ts'
import { containerOf, containerParts } from './iceberg-files.ts'
import { textOf, treeOf } from './json-tree.ts'
import { minimise } from './minimise.ts'
import { readLong, spansOf, zigzag } from './mutate-avro.ts'
import { inputMaxBytes, mutateBytes } from './mutate-bytes.ts'
import { mutateJson } from './mutate-json.ts'
import { decodeFrames, encodeFrames, readStream } from './socket-stream.ts'

describe('JSON as a tree', () => {
  it('is printed as it was read, digits, escapes and equal keys included', () => {
    const strange = '{"a":1e999,"a":-0,"\\u0061":[12345678901234567890,"\\ud800"],"":{}}'
    expect(textOf(treeOf(strange) ?? { kind: 'leaf', text: '' })).toBe(strange)
    fc.assert(
      fc.property(fc.json(), (text) => {
        const tree = treeOf(text)
        expect(tree && JSON.parse(textOf(tree))).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each(['', '{', '[1,]', '{"a"}', '1 2', '[1 2]', ']', '{"a":1,}'])('is no tree of %j', (text) => {
    expect(treeOf(text)).toBeUndefined()
  })
})

describe('mutations', () => {
  it('of JSON are JSON, most of the time, and other JSON', () => {
    const corpus = [Buffer.from('{"name":"page_view","items":[{"id":"a","price":1.5}],"props":{"x":true}}')]
    const made = Array.from({ length: 400 }, (_, i) =>
      mutateJson(drawOf(i, 'json'), corpus, { values: ['7'], keys: ['id'] }),
    )
    expect(made.filter((each) => treeOf(each.toString()) !== undefined).length).toBeGreaterThan(300)
    expect(new Set(made.map(String)).size).toBeGreaterThan(250)
  })

  it('never grow beyond the limit', () => {
    const large = Buffer.alloc(inputMaxBytes, 7)
    for (let i = 0; i < 200; i++)
      expect(mutateBytes(drawOf(i, 'size'), large, large).length).toBeLessThanOrEqual(inputMaxBytes)
  })

  it('of Avro know where each value begins and ends', () => {
    fc.assert(
      fc.property(arbitraryBatch, (batch) => {
        const body = encodeHitBatch(batch).subarray(10)
        const spans = spansOf(knownSchemas[1], body)
        expect(spans?.at(-1)).toMatchObject({ start: 0, end: body.length })
      }),
      { numRuns: 50 },
    )
    expect(spansOf(knownSchemas[1], Buffer.from([200, 200]))).toBeUndefined()
  })

  it('write longs as they are read', () => {
    for (const value of [0n, -1n, 63n, -64n, 64n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(readLong({ bytes: zigzag(value), at: 0 })).toBe(value)
    }
  })

  it('of containers put them together as they were', () => {
    for (const { input } of readCorpus({ name: 'iceberg-manifest' }).filter(({ file }) => !file.startsWith('found'))) {
      const parts = containerParts(input)
      expect(parts && containerParts(containerOf(parts))).toEqual(parts)
    }
  })
})

describe('a stream of a socket', () => {
  const frame = (opcode: number, text: string, more = {}) => ({
    ...{ fin: true, reserved: 0, opcode, isMasked: true, payload: Buffer.from(text) },
    ...more,
  })

  it('comes back frame by frame, whatever the length', () => {
    for (const length of [0, 125, 126, 0xffff, 0x10000]) {
      const frames = [frame(1, 'x'.repeat(length)), frame(2, 'y')]
      expect(decodeFrames(encodeFrames(frames)).frames).toEqual(frames)
    }
  })

  it.each([
    ['pieces of one message', [frame(1, 'a', { fin: false }), frame(9, ''), frame(0, 'b')], 'open', 1],
    ['a goodbye', [frame(1, 'a'), frame(8, ''), frame(1, 'b')], 'closed', 1],
    ['a frame without a mask', [frame(1, 'a'), frame(1, 'b', { isMasked: false })], 'broken', 1],
    ['a piece of nothing', [frame(0, 'a')], 'broken', 0],
    ['a long ping', [frame(9, 'x'.repeat(126))], 'broken', 0],
    ['a frame that is not all there', [frame(1, 'a', { claimed: 9 })], 'open', 0],
    ['a frame that is too long', [frame(1, 'a', { claimed: 101 })], 'broken', 0],
  ] as const)('has the meaning of %s', (_, frames, end, messages) => {
    const found = readStream(encodeFrames(frames), 100)
    expect([found.end, found.messages.length]).toEqual([end, messages])
  })
})

describe('a minimised input', () => {
  it('keeps what shows the bug, and little else', async () => {
    const json = Buffer.from('{"a":[1,2,{"b":"xxbugxx"}],"c":{"d":[[["e"]]]},"f":"g"}')
    const shows = async (input: Buffer) => input.includes('bug')
    expect(String(await minimise(json, shows, { tries: 500, maxMs: 1 }, () => 0))).toBe('bug')
  })

  it('is what there was where nothing smaller shows it, or the tries are used up', async () => {
    const input = Buffer.from('{"a":1}')
    expect(
      await minimise(
        input,
        async (each) => each.equals(input),
        { tries: 500, maxMs: 1 },
        () => 0,
      ),
    ).toEqual(input)
    let tried = 0
    const shows = async () => {
      tried += 1
      return false
    }
    await minimise(Buffer.alloc(1_000), shows, { tries: 7, maxMs: 1 }, () => 0)
    expect(tried).toBe(7)
  })
})
