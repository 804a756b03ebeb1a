/** What every Feed does, run against each adapter. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Offset } from '../ids.ts'
import type { Feed, FeedReader, FeedRecord } from './feed.ts'

export interface FeedUnderTest {
  readonly feed: Feed
  /** Resolves when the record is durable. */
  readonly push: (partition: number, payload: Uint8Array) => Promise<unknown>
  /** Trims at least one record, and none from `before` on. */
  readonly trim: (partition: number, before: Offset) => Promise<unknown>
  /** Lets time pass for the feed, where it is a clock of ours that it waits by. */
  readonly advance: (byMs: number) => void
  /** Default: any number. */
  readonly readersPerPartition?: 1
  /** A durable record is given to a reader that waits at least so long. Default: 0. */
  readonly arrivesWithinMs?: number
  readonly cleanup: () => Promise<void>
}

export function feedContract(adapter: string, make: () => Promise<FeedUnderTest>): void {
  describe(`${adapter} is a feed that`, () => {
    let harness: FeedUnderTest
    let partition: number
    const readers: FeedReader[] = []
    beforeEach(async () => {
      harness = await make()
      partition = harness.feed.partitions[0] ?? 0
    })
    afterEach(async () => {
      for (const reader of readers.splice(0)) await reader.close()
      await harness.cleanup()
    })

    async function read(from = 0): Promise<FeedReader> {
      const reader = await harness.feed.read(partition, from as Offset)
      readers.push(reader)
      return reader
    }
    async function push(...texts: string[]): Promise<void> {
      for (const text of texts) await harness.push(partition, Buffer.from(text))
    }
    /** For what is durable already. */
    const now = { maxBytes: 1_000_000, waitMs: 0 }
    /** So many records, or fewer where no more come. */
    async function take(reader: FeedReader, count: number, options: { readonly maxBytes: number } = now) {
      const taken: FeedRecord[] = []
      while (taken.length < count) {
        const more = await reader.next({ ...options, waitMs: harness.arrivesWithinMs ?? 0 })
        if (more.length === 0) break
        taken.push(...more)
      }
      return taken
    }
    const shown = (records: readonly FeedRecord[]) => records.map(({ offset, payload }) => `${offset} ${payload}`)
    /** Turns of the event loop, so that whatever could end a wait by mistake has had its chance. */
    const turns = async () => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    }

    it('gives every record in order, from any offset, as often as asked', async () => {
      await push('a', 'b', 'c')
      for (let again = 0; again < 2; again++) {
        expect(shown(await take(await read(), 3))).toEqual(['0 a', '1 b', '2 c'])
        expect(shown(await take(await read(2), 1))).toEqual(['2 c'])
        expect(await (await read(3)).next(now)).toEqual([])
      }
      expect(await harness.feed.end(partition)).toBe(3)
    })

    it('goes on where the last call ended, and gives what came since', async () => {
      const reader = await read()
      expect(await reader.next(now)).toEqual([])
      await push('a')
      expect(shown(await take(reader, 1))).toEqual(['0 a'])
      await push('b', 'c')
      expect(shown(await take(reader, 2))).toEqual(['1 b', '2 c'])
      expect(await reader.next(now)).toEqual([])
    })

    it('gives one record at least, and about maxBytes at most', async () => {
      for (let i = 0; i < 20; i++) await harness.push(partition, Buffer.alloc(100, i))
      const reader = await read()
      const waitMs = harness.arrivesWithinMs ?? 0
      expect(await reader.next({ maxBytes: 1, waitMs })).toHaveLength(1)
      const some = await reader.next({ maxBytes: 500, waitMs })
      expect(some.length).toBeGreaterThanOrEqual(3)
      expect(some.length).toBeLessThanOrEqual(6)
    })

    it('does not wait where records are there', async () => {
      await push('a')
      const reader = await read()
      expect(shown(await reader.next({ ...now, waitMs: 60_000 }))).toEqual(['0 a'])
    })

    it('waits for the first record, until it comes', async () => {
      const reader = await read()
      const found = reader.next({ ...now, waitMs: 60_000 })
      let ended = false
      void found.then(() => {
        ended = true
      })
      harness.advance(59_999)
      await turns()
      expect(ended).toBe(false)
      await push('late')
      expect(shown(await found)).toEqual(['0 late'])
    })

    it('waits no longer than waitMs, and gives nothing then', async () => {
      const reader = await read()
      const found = reader.next({ ...now, waitMs: 500 })
      harness.advance(500)
      expect(await found).toEqual([])
      await push('a')
      expect(shown(await take(reader, 1))).toEqual(['0 a'])
    })

    it('ends a wait at wake, and only that one', async () => {
      const reader = await read()
      reader.wake()
      const found = reader.next({ ...now, waitMs: 60_000 })
      let ended = false
      void found.then(() => {
        ended = true
      })
      await turns()
      expect(ended).toBe(false)
      reader.wake()
      expect(await found).toEqual([])
    })

    it('lets several readers read beside each other, each at its own place', async ({ skip }) => {
      if (harness.readersPerPartition === 1) skip()
      await push('a', 'b')
      const [one, two] = [await read(), await read(1)]
      expect(shown(await two.next(now))).toEqual(['1 b'])
      expect(shown(await one.next(now))).toEqual(['0 a', '1 b'])
      await push('c')
      expect(shown(await two.next(now))).toEqual(['2 c'])
      expect(shown(await one.next(now))).toEqual(['2 c'])
    })

    it('refuses to read what was trimmed, and reads on behind it', async () => {
      for (let i = 0; i < 30; i++) await push(`record ${i} ${'x'.repeat(100)}`)
      await harness.trim(partition, 20 as Offset)
      await expect(harness.feed.read(partition, 0 as Offset)).rejects.toMatchObject({
        code: 'LOG_OFFSET_TRIMMED',
        asked: 0,
      })
      expect(await take(await read(20), 10)).toHaveLength(10)
      expect(await harness.feed.end(partition)).toBe(30)
    })

    it('refuses a partition it does not have', async () => {
      await expect(harness.feed.read(4_711, 0 as Offset)).rejects.toThrow(RangeError)
      await expect(harness.feed.end(4_711)).rejects.toThrow(RangeError)
    })
  })
}
