/** The contract of the books; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { StaleEpochError } from '../errors.ts'
import { hourMs } from '../event-time.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { BooksDelta } from './control-store.ts'
import { epochOf, offset, positionOf } from './control-store-epochs.contract.ts'

const hour = (n: number) => 480_000 * hourMs + n * hourMs

function deltaOf(merchant: string, at: number, more: Partial<BooksDelta>): BooksDelta {
  return {
    merchant: merchantId(merchant),
    hour: at,
    accepted: 0,
    stored: 0,
    duplicates: 0,
    failed: 0,
    dropped: {},
    ...more,
  }
}

const counted = (merchant: string, at: number, hits: number) => ({ merchant: merchantId(merchant), hour: at, hits })

export function booksContract(under: ControlStoreUnderTest): void {
  describe('books', () => {
    it('sums what epochs and collectors booked, by merchant and hours, start in and end out', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      await store.addAccepted('log-1', offset(0), offset(4), [counted('a', hour(0), 10), counted('b', hour(1), 5)])
      await store.commitEpoch(
        epochOf(fence, 0, 3, {
          books: [
            deltaOf('a', hour(0), { stored: 4, duplicates: 1, dropped: { 'too-late': 1, bot: 2 } }),
            deltaOf('b', hour(1), { stored: 5, accepted: 2 }),
          ],
        }),
      )
      await store.commitEpoch(
        epochOf(fence, 3, 4, { books: [deltaOf('a', hour(0), { stored: 1, failed: 1, dropped: { bot: 1 } })] }),
      )
      const all = await store.books({ from: hour(0), to: hour(2) })
      expect(all).toEqual({
        accepted: 17,
        stored: 10,
        duplicates: 1,
        failed: 1,
        dropped: { bot: 3, 'too-late': 1 },
        acceptedThrough: { 'log-1': 4 },
        positions: [{ ...positionOf(0, 4), job: 'hits' }],
      })
      const one = await store.books({ merchant: merchantId('a'), from: hour(0), to: hour(1) })
      expect(one).toMatchObject({
        accepted: 10,
        stored: 5,
        duplicates: 1,
        failed: 1,
        dropped: { bot: 3, 'too-late': 1 },
      })
      expect(await store.books({ from: hour(1), to: hour(2) })).toMatchObject({ accepted: 7, stored: 5, dropped: {} })
      expect(await store.books({ from: hour(2), to: hour(3) })).toMatchObject({ accepted: 0, stored: 0, dropped: {} })
      expect(await store.books({ merchant: merchantId('c'), from: hour(0), to: hour(9) })).toMatchObject({
        accepted: 0,
      })
    })

    it('keeps a rule that is named like an outcome, or like something of JavaScript, apart', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const dropped = Object.fromEntries(['stored', 'accepted', 'constructor', 'toString'].map((rule) => [rule, 2]))
      await store.commitEpoch(epochOf(fence, 0, 1, { books: [deltaOf('a', hour(0), { stored: 1, dropped })] }))
      expect(await store.books({ from: hour(0), to: hour(1) })).toMatchObject({ stored: 1, dropped })
    })

    it('counts the accepted hits of a range of records once', async () => {
      const store = await under.open()
      await store.addAccepted('log-1', offset(0), offset(4), [counted('a', hour(0), 10)])
      for (const from of [0, 3, 5]) {
        const again = store.addAccepted('log-1', offset(from), offset(9), [counted('a', hour(0), 1)])
        await expect(again).rejects.toThrow(StaleEpochError)
      }
      expect((await store.books({ from: hour(0), to: hour(1) })).accepted).toBe(10)
      expect(await store.acceptedThrough('log-1')).toBe(4)
      await store.addAccepted('log-1', offset(4), offset(6), [])
      expect(await store.acceptedThrough('log-1')).toBe(6)
    })

    it('counts one of many equal calls at once', async () => {
      const store = await under.open()
      const calls = [1, 2, 3, 4].map(() => store.addAccepted('l', offset(0), offset(2), [counted('a', hour(0), 3)]))
      const outcomes = await Promise.allSettled(calls)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect((await store.books({ from: hour(0), to: hour(1) })).accepted).toBe(3)
    })

    it('keeps logs apart, and starts each at 0', async () => {
      const store = await under.open()
      expect(await store.acceptedThrough('log-2')).toBe(0)
      await store.addAccepted('log-1', offset(0), offset(4), [])
      await store.addAccepted('log-2', offset(0), offset(7), [])
      expect((await store.books({ from: 0, to: 1 })).acceptedThrough).toEqual({ 'log-1': 4, 'log-2': 7 })
    })

    it('refuses records that run backward', async () => {
      const store = await under.open()
      await expect(store.addAccepted('l', offset(0), offset(-1), [])).rejects.toThrow(RangeError)
      await expect(store.addAccepted('l', offset(0), offset(0.5), [])).rejects.toThrow(RangeError)
    })

    // The counts of an epoch and its position move together: a read in between would see a hit both stored and in flight.
    it('reads counts and positions of one moment, whatever commits meanwhile', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const reads: Promise<void>[] = []
      for (let from = 0; from < 40; from++) {
        const booked = [deltaOf('a', hour(from % 3), { stored: 1 })]
        const commit = store.commitEpoch(epochOf(fence, from, from + 1, { books: booked }))
        reads.push(
          store.books({ from: hour(0), to: hour(3) }).then(({ stored, positions }) => {
            expect(stored).toBe(positions[0]?.next ?? 0)
          }),
        )
        await commit
      }
      await Promise.all(reads)
    })
  })
}
