/** What every way of looking through a feed promises. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Offset } from '../../core/ids.ts'
import type { BatchOrigin } from '../../core/ports/feed.ts'
import type { FeedScan } from './cluster-feed-scan.ts'

export interface FeedScanUnderTest {
  /** Of three partitions, all empty at first. */
  readonly scan: FeedScan
  /** Adds records: a pack each where its batches have an origin, else a bare batch. Resolves when they are acknowledged. */
  push(partition: number, records: readonly (readonly PushedBatch[])[]): Promise<void>
  cleanup(): Promise<void>
}

export interface PushedBatch {
  readonly payload: Buffer
  readonly origin: BatchOrigin | null
}

export function feedScanContract(name: string, make: () => Promise<FeedScanUnderTest>): void {
  describe(`${name}, a look through the feed`, () => {
    let fixture: FeedScanUnderTest
    beforeAll(async () => {
      fixture = await make()
    })
    afterAll(() => fixture?.cleanup())

    const batch = (text: string, place?: number): PushedBatch => ({
      payload: Buffer.from(text),
      origin: place === undefined ? null : { log: 'log-a', place },
    })
    const range = (partition: number, from: number, through: number) => ({
      partition,
      from: from as Offset,
      through: through as Offset,
    })
    async function look(...ranges: readonly ReturnType<typeof range>[]): Promise<readonly string[]> {
      const found: string[] = []
      await fixture.scan.read(ranges, (partition, { offset, payload, origin }) => {
        found.push(`${partition}/${offset} ${origin === null ? 'foreign' : `${origin.log}@${origin.place}`} ${payload}`)
      })
      // Partitions come in any order.
      return found.toSorted((a, b) => Number(a[0]) - Number(b[0]))
    }

    it('finds the ends at 0 while nothing is there, and nothing to see', async () => {
      expect([...(await fixture.scan.ends())].toSorted()).toEqual([
        [0, 0],
        [1, 0],
        [2, 0],
      ])
      expect(await look()).toEqual([])
      expect(await look(range(0, 0, 0), range(1, 0, 0))).toEqual([])
    })

    it('finds the ends behind all that was acknowledged', async () => {
      await fixture.push(0, [[batch('a', 0), batch('b', 2)], [batch('foreign')], [batch('c', 3)]])
      await fixture.push(2, [[batch('d', 1)]])
      expect([...(await fixture.scan.ends())].toSorted()).toEqual([
        [0, 3],
        [1, 0],
        [2, 1],
      ])
    })

    it('sees each batch with the offset of its record and its place, in order', async () => {
      expect(await look(range(0, 0, 3), range(2, 0, 1))).toEqual([
        '0/0 log-a@0 a',
        '0/0 log-a@2 b',
        '0/1 foreign foreign',
        '0/2 log-a@3 c',
        '2/0 log-a@1 d',
      ])
    })

    it('keeps to its ranges, both ends', async () => {
      expect(await look(range(0, 1, 2))).toEqual(['0/1 foreign foreign'])
      expect(await look(range(0, 2, 3), range(2, 1, 1))).toEqual(['0/2 log-a@3 c'])
    })

    it('sees all of it for each of several at the same time', async () => {
      const looks = await Promise.all([look(range(0, 0, 3)), look(range(0, 0, 3)), look(range(2, 0, 1))])
      expect(looks.map(({ length }) => length)).toEqual([4, 4, 1])
    })
  })
}
