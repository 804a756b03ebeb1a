/** Writes sorted entries as one segment object, in one pass, with memory for its index and one chunk. */
import { crc32 } from 'node:zlib'
import { BlockFilter, filterWords } from './block-filter.ts'
import type { SortedEntries } from './recent-table.ts'
import { isHeld, Segment, type SegmentStorage } from './segment.ts'
import { blockEntries, blocksOf, bytesOf, encodeFooter, entryWords, fenceWords, footerBytes } from './segment-format.ts'

/** Entries of a chunk that is written at once: whole blocks, 192 KB. */
export const chunkEntries = 64 * blockEntries

export interface SegmentSource {
  readonly baseMs: number
  readonly lastMs: number
  /** No fewer than will come; sizes the filter. */
  readonly maxEntries: number
  /** Entries rising by fingerprint, each once: whole blocks but for the last chunk. Chunks are not changed after. */
  readonly chunks: AsyncIterable<Uint32Array>
}

/** Durable when it resolves. */
export async function writeSegment(
  storage: SegmentStorage,
  object: string,
  level: number,
  source: SegmentSource,
): Promise<Segment> {
  const { baseMs, lastMs, maxEntries } = source
  const held: Uint32Array[] | undefined = isHeld(storage, maxEntries) ? [] : undefined
  const index = new IndexBuilder(maxEntries)
  const tail: Uint8Array[] = []
  async function* body(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source.chunks) {
      index.take(chunk)
      held?.push(chunk)
      yield bytesOf(chunk)
    }
    tail.push(...index.tail(baseMs, lastMs))
    yield* tail
  }
  await storage.objects.put(object, body())
  const { count } = index
  const fences = index.fences.slice(0, blocksOf(count) * fenceWords)
  return Segment.over(storage, {
    object,
    level,
    count,
    indexCrc: index.crc,
    bytes: count * entryWords * 4 + fences.byteLength + index.filter.byteLength + footerBytes,
    baseMs,
    lastMs,
    fences,
    filter: index.filter,
    entries: held && joined(held, count),
  })
}

/** The entries of a table, in chunks. */
export function sourceOf(sorted: SortedEntries): SegmentSource {
  async function* chunks(): AsyncGenerator<Uint32Array> {
    const step = chunkEntries * entryWords
    for (let at = 0; at < sorted.words.length; at += step) yield sorted.words.subarray(at, at + step)
  }
  return {
    baseMs: sorted.baseMs,
    lastMs: sorted.lastMs,
    maxEntries: sorted.words.length / entryWords,
    chunks: chunks(),
  }
}

class IndexBuilder {
  readonly fences: Uint32Array
  readonly filter: Uint32Array
  count = 0
  crc = 0
  private readonly bloom: BlockFilter

  constructor(maxEntries: number) {
    this.fences = new Uint32Array(blocksOf(maxEntries) * fenceWords)
    this.filter = new Uint32Array(filterWords(maxEntries))
    this.bloom = new BlockFilter(this.filter)
  }

  take(chunk: Uint32Array): void {
    const step = blockEntries * entryWords
    for (let at = 0; at < chunk.length; at += step) {
      const block = chunk.subarray(at, at + step)
      const fence = blocksOf(this.count) * fenceWords
      this.fences[fence] = block[0] as number
      this.fences[fence + 1] = block[1] as number
      this.fences[fence + 2] = crc32(bytesOf(block))
      for (let word = 0; word < block.length; word += entryWords) {
        this.bloom.add(block[word] as number, block[word + 1] as number)
      }
      this.count += block.length / entryWords
    }
  }

  /** What follows the entries in the object. */
  tail(baseMs: number, lastMs: number): Uint8Array[] {
    const fences = bytesOf(this.fences.subarray(0, blocksOf(this.count) * fenceWords))
    const filter = bytesOf(this.filter)
    this.crc = crc32(filter, crc32(fences))
    return [
      fences,
      filter,
      encodeFooter({ count: this.count, filterWords: this.filter.length, indexCrc: this.crc, baseMs, lastMs }),
    ]
  }
}

function joined(chunks: readonly Uint32Array[], count: number): Uint32Array {
  const all = new Uint32Array(count * entryWords)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}
