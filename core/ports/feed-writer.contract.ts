/** What every writer of a feed promises. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FeedUnavailableError } from '../errors.ts'
import type { FeedRecordToWrite, FeedWriter } from './feed-writer.ts'

export interface FeedWriterUnderTest {
  /** Of three partitions, all empty at first. */
  readonly writer: FeedWriter
  /** A second writer of the same feed. */
  readonly another: FeedWriter
  /** The values of a partition, once there are `count` of them. */
  read(partition: number, count: number): Promise<readonly Buffer[]>
  cleanup(): Promise<void>
}

export function feedWriterContract(name: string, make: () => Promise<FeedWriterUnderTest>): void {
  describe(`${name}, a writer of a feed`, () => {
    let fixture: FeedWriterUnderTest
    beforeAll(async () => {
      fixture = await make()
    })
    afterAll(() => fixture?.cleanup())

    const record = (partition: number, text: string): FeedRecordToWrite => ({
      partition,
      key: 'log',
      value: Buffer.from(text),
    })
    const texts = async (partition: number, count: number) =>
      (await fixture.read(partition, count)).map((value) => value.toString())

    it('sends nothing before it was connected', async () => {
      await expect(fixture.writer.send([record(0, 'too early')])).rejects.toThrow(FeedUnavailableError)
    })

    it('names one incarnation, however often and by whom it is connected', async () => {
      const source = await fixture.writer.connect()
      expect(source).not.toBe('')
      expect(await fixture.writer.connect()).toBe(source)
      expect(await fixture.another.connect()).toBe(source)
      expect([fixture.writer.partitions, fixture.another.partitions]).toEqual([3, 3])
    })

    it('keeps the order of what is sent to a partition, within a call and over calls', async () => {
      const { writer } = fixture
      await writer.send([record(0, 'a'), record(1, 'x'), record(0, 'b')])
      await writer.send([record(1, 'y'), record(0, 'c')])
      expect(await texts(0, 3)).toEqual(['a', 'b', 'c'])
      expect(await texts(1, 2)).toEqual(['x', 'y'])
    })

    it('has sent nothing when it is given nothing', async () => {
      await fixture.writer.send([])
      expect(await texts(0, 3)).toHaveLength(3)
    })

    it('keeps what a second writer sends beside it', async () => {
      await fixture.another.send([record(0, 'd')])
      await fixture.writer.send([record(0, 'e')])
      expect(await texts(0, 5)).toEqual(['a', 'b', 'c', 'd', 'e'])
    })

    it('takes a record as long as a log has them', async () => {
      // Random enough that no packing makes it small.
      let state = 1
      const value = Buffer.from(
        Uint8Array.from({ length: 5 * 1024 * 1024 }, () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
          return state >>> 24
        }),
      )
      await fixture.writer.send([{ partition: 2, key: 'log', value }])
      const [found] = await fixture.read(2, 1)
      expect(found?.equals(value)).toBe(true)
    })

    it('refuses a partition that does not exist, and nothing of that call is there', async () => {
      const { writer } = fixture
      for (const partition of [-1, 3, 0.5]) {
        await expect(writer.send([record(1, 'lost'), record(partition, 'lost')])).rejects.toThrow(RangeError)
      }
      await writer.send([record(1, 'z')])
      expect(await texts(1, 3)).toEqual(['x', 'y', 'z'])
    })

    it('sends nothing after it was closed', async () => {
      await fixture.another.close()
      await expect(fixture.another.send([record(0, 'too late')])).rejects.toThrow(FeedUnavailableError)
      await expect(fixture.another.connect()).rejects.toThrow(FeedUnavailableError)
    })
  })
}
