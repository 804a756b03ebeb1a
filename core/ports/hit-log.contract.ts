/** What every HitLog does, run against each adapter. Crashes are the adapter's own tests. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Offset } from '../ids.ts'
import type { HitLog } from './hit-log.ts'

export interface HitLogUnderTest {
  /** Opens the same log each time. */
  readonly open: () => Promise<HitLog>
  /** All durable records of an open log. */
  readonly read: (log: HitLog) => Promise<readonly Buffer[]>
  readonly cleanup: () => Promise<void>
}

export function hitLogContract(adapter: string, make: () => Promise<HitLogUnderTest>): void {
  describe(`${adapter} is a log that`, () => {
    let harness: HitLogUnderTest
    let log: HitLog
    beforeEach(async () => {
      harness = await make()
      log = await harness.open()
    })
    afterEach(async () => {
      await log.close()
      await harness.cleanup()
    })
    const texts = async () => (await harness.read(log)).map(String)

    it('gives dense offsets from 0, in the order of the calls', async () => {
      const offsets = await Promise.all(Array.from({ length: 200 }, (_, i) => log.append(Buffer.from(`record ${i}`))))
      expect(offsets).toEqual(Array.from({ length: 200 }, (_, i) => i))
      expect(log).toMatchObject({ oldest: 0, next: 200, durable: 200 })
      expect(await texts()).toEqual(Array.from({ length: 200 }, (_, i) => `record ${i}`))
    })

    it('says the next offset at once, and durable only when it is', async () => {
      const stored = log.append(Buffer.from('a'))
      expect(log).toMatchObject({ next: 1, durable: 0 })
      await stored
      expect(log.durable).toBe(1)
    })

    it('takes the bytes at the call: the caller may reuse its buffer', async () => {
      const buffer = Buffer.from('first')
      const stored = log.append(buffer)
      buffer.fill('!')
      await stored
      expect(await texts()).toEqual(['first'])
    })

    it('resolves in order, and after the record can be read', async () => {
      const order: number[] = []
      const seen: number[] = []
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          order.push(await log.append(Buffer.from(`${i}`)))
          seen.push(log.durable)
        }),
      )
      expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i))
      for (const [i, durable] of seen.entries()) expect(durable).toBeGreaterThan(i)
    })

    it('tells listeners after durable rose, until they stop', async () => {
      const heard: number[] = []
      const other: number[] = []
      const stop = log.onDurable((durable) => {
        expect(durable).toBe(log.durable)
        heard.push(durable)
      })
      log.onDurable((durable) => other.push(durable))
      await log.append(Buffer.from('a'))
      await log.append(Buffer.from('b'))
      stop()
      await log.append(Buffer.from('c'))
      expect(heard).toEqual([1, 2])
      expect(other).toEqual([1, 2, 3])
    })

    it('finds everything again when it is opened again, under the same id', async () => {
      await Promise.all(['a', 'b', 'c'].map((text) => log.append(Buffer.from(text))))
      const { id } = log
      await log.close()
      log = await harness.open()
      expect(log).toMatchObject({ id, oldest: 0, next: 3, durable: 3, state: 'open' })
      expect(await log.append(Buffer.from('d'))).toBe(3)
      expect(await texts()).toEqual(['a', 'b', 'c', 'd'])
    })

    it('waits at close for what was appended, then refuses', async () => {
      const stored = Array.from({ length: 50 }, (_, i) => log.append(Buffer.from(`${i}`)))
      await log.close()
      expect(await Promise.all(stored)).toHaveLength(50)
      expect(log.state).toBe('closed')
      const closed = { name: 'LogUnavailableError', code: 'log_unavailable', reason: 'closed' }
      await expect(log.append(Buffer.from('late'))).rejects.toMatchObject(closed)
      await expect(log.trim(0 as Offset)).rejects.toMatchObject(closed)
      await log.close()
      log = await harness.open()
      expect(log.next).toBe(50)
    })

    it('trims only whole segments of records before the offset, and says so', async () => {
      for (let i = 0; i < 30; i++) await log.append(Buffer.alloc(100, i))
      const { bytes } = log
      await log.trim(0 as Offset)
      expect(log).toMatchObject({ oldest: 0, bytes })
      await log.trim(25 as Offset)
      expect(log.oldest).toBeGreaterThan(0)
      expect(log.oldest).toBeLessThanOrEqual(25)
      expect(log.bytes).toBeLessThan(bytes)
      expect(log.next).toBe(30)
      expect((await harness.read(log)).map((record) => record[0])).toEqual(
        Array.from({ length: 30 - log.oldest }, (_, i) => log.oldest + i),
      )
    })
  })
}
