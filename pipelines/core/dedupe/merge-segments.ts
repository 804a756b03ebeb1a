/**
 * Many sorted segments as one, in one pass and with memory for one chunk of each: a k-way merge that keeps the newest time
 * of a fingerprint and leaves out what is older than the window.
 */
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { readEntries, type Segment } from './segment.ts'
import { entryWords } from './segment-format.ts'
import { chunkEntries, type SegmentSource } from './segment-writer.ts'

/** Entries received after `after` of all `inputs`. At least one input holds one. */
export function mergedSource(objects: ObjectStore, inputs: readonly Segment[], after: number): SegmentSource {
  // Kept entries are later than `after`, so offsets from it stay small however old the inputs' own bases are.
  const baseMs = Math.max(after, Math.min(...inputs.map(({ content }) => content.baseMs)))
  return {
    baseMs,
    lastMs: Math.max(...inputs.map(({ content }) => content.lastMs)),
    maxEntries: inputs.reduce((sum, { content }) => sum + content.count, 0),
    chunks: merge(
      inputs.map((input) => new Cursor(objects, input)),
      baseMs,
      after,
    ),
  }
}

async function* merge(all: readonly Cursor[], baseMs: number, after: number): AsyncGenerator<Uint32Array> {
  const cursors: Cursor[] = []
  for (const cursor of all) if (await cursor.fill()) cursors.push(cursor)
  let chunk = new Uint32Array(chunkEntries * entryWords)
  let used = 0
  while (cursors.length > 0) {
    let first = cursors[0] as Cursor
    for (let i = 1; i < cursors.length; i++) {
      const cursor = cursors[i] as Cursor
      if (cursor.hi < first.hi || (cursor.hi === first.hi && cursor.lo < first.lo)) first = cursor
    }
    const { hi, lo } = first
    let time = after
    for (let i = cursors.length - 1; i >= 0; i--) {
      const cursor = cursors[i] as Cursor
      if (cursor.hi !== hi || cursor.lo !== lo) continue
      if (cursor.time > time) time = cursor.time
      if (!cursor.step() && !(await cursor.fill())) cursors.splice(i, 1)
    }
    if (time <= after) continue
    chunk[used] = hi
    chunk[used + 1] = lo
    chunk[used + 2] = time - baseMs
    used += entryWords
    if (used === chunk.length) {
      yield chunk
      chunk = new Uint32Array(chunkEntries * entryWords)
      used = 0
    }
  }
  if (used > 0) yield chunk.subarray(0, used)
}

/** Walks through one segment. */
class Cursor {
  hi = 0
  lo = 0
  time = 0
  private words: Uint32Array = new Uint32Array(0)
  private at = 0
  private next = 0

  constructor(
    private readonly objects: ObjectStore,
    private readonly segment: Segment,
  ) {}

  /** Reads the next chunk and stands on its first entry; false at the end. */
  async fill(): Promise<boolean> {
    const { content } = this.segment
    const count = Math.min(chunkEntries, content.count - this.next)
    if (count <= 0) return false
    this.words =
      content.entries?.subarray(this.next * entryWords, (this.next + count) * entryWords) ??
      (await readEntries(this.objects, content, content.fences, this.next, count))
    this.next += count
    this.at = 0
    this.load()
    return true
  }

  /** Goes to the next entry; false where the chunk has none. */
  step(): boolean {
    this.at += entryWords
    if (this.at >= this.words.length) return false
    this.load()
    return true
  }

  private load(): void {
    this.hi = this.words[this.at] as number
    this.lo = this.words[this.at + 1] as number
    this.time = this.segment.content.baseMs + (this.words[this.at + 2] as number)
  }
}
