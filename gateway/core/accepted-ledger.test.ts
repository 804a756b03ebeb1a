import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { ControlStoreUnavailableError, OffsetTrimmedError, StartError } from '../../core/errors.ts'
import { hourMs, type ReceivedTime } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { openLogReader } from '../../core/log/log-reader.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { type AcceptedLedger, createAcceptedLedger, defaultFlushDelayMs } from './accepted-ledger.ts'

const nine = Date.parse('2026-03-01T09:00:00Z')
const shops = ['a', 'b', 'c'] as MerchantId[]
const always = { from: 0, to: Number.MAX_SAFE_INTEGER }

function record(merchant: MerchantId, received: number, hits: number): Buffer {
  const hit = {
    name: 'x',
    visitor: 'v',
    session: null,
    user: null,
    url: null,
    referrer: null,
    title: null,
    revenue: null,
  }
  return encodeHitBatch({
    merchant,
    zone: 'UTC',
    currency: 'EUR',
    received: received as ReceivedTime,
    addressPrefix: null,
    requestUserAgent: null,
    requestLanguage: null,
    requestClientHints: null,
    keyKind: 'server',
    hits: Array.from({ length: hits }, (_, i) => ({
      ...hit,
      id: `${i}`,
      time: received as never,
      items: [],
      props: {},
      context: null,
    })),
  })
}

/** A log on a disk, a store, and collectors that come and go: what a process has and what survives it. */
class World {
  readonly clock = new ManualClock(nine)
  readonly disk = new MemoryDisk()
  store = createMemoryControlStore()
  /** The store does not answer while it is `away`. */
  storeState: 'there' | 'away' = 'there'
  /** Where Kafka is, in a cluster. */
  acked: Offset | undefined
  /** What the next calls of addAccepted do, instead of working. */
  readonly faults: ('refuse' | 'lose the answer')[] = []
  readonly flushErrors: unknown[] = []
  readonly poison: Offset[] = []
  calls = 0
  log!: HitLog
  ledger!: AcceptedLedger

  async start(maxUnflushed?: number): Promise<void> {
    this.log = await openSegmentLog({
      disk: this.disk,
      folder: 'log',
      timers: this.clock,
      random: seededRandom(1),
      segmentMaxBytes: 2_000,
    })
    const store: Pick<ControlStore, 'addAccepted' | 'acceptedThrough'> = {
      acceptedThrough: async (log) => {
        if (this.storeState === 'away') throw new ControlStoreUnavailableError('test')
        return this.store.acceptedThrough(log)
      },
      addAccepted: async (...call) => {
        this.calls++
        if (this.storeState === 'away') throw new ControlStoreUnavailableError('test')
        const fault = this.faults.shift()
        if (fault === 'refuse') {
          await settle(5)
          throw new Error('the store is away')
        }
        await this.store.addAccepted(...call)
        if (fault === 'lose the answer') throw new Error('the answer is lost')
      },
    }
    this.ledger = createAcceptedLedger({
      log: this.log,
      store,
      timers: this.clock,
      openReader: async (from) => {
        const { log, disk } = this
        const reader = await openLogReader({ disk, folder: 'log', id: log.id, from, durable: () => log.durable })
        return { next: ({ maxBytes }) => reader.read(maxBytes), wake() {}, close: () => reader.close() }
      },
      ...(maxUnflushed !== undefined && { maxUnflushed }),
      ...(this.acked !== undefined && { countThrough: () => this.acked as Offset }),
      onPoison: (offset) => this.poison.push(offset),
      onFlushError: (error) => this.flushErrors.push(error),
    })
    await this.ledger.start()
  }

  /** Everything in memory is gone. */
  async crash(): Promise<void> {
    this.ledger.stop()
    await this.log.close()
    await this.start()
  }

  async accept(merchant: MerchantId, hits: number, received = this.clock.now()): Promise<void> {
    const offset = await this.log.append(record(merchant, received, hits))
    this.ledger.note(offset, merchant, received as ReceivedTime, hits)
  }

  async accepted(merchant?: MerchantId, range = always): Promise<number> {
    return (await this.store.books({ ...range, ...(merchant !== undefined && { merchant }) })).accepted
  }
}

async function world(maxUnflushed?: number): Promise<World> {
  const made = new World()
  await made.start(maxUnflushed)
  return made
}
const settle = async (turns = 50) => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
const [a, b] = shops as [MerchantId, MerchantId]

describe('the ledger of accepted hits', () => {
  it('counts hits by merchant and UTC hour of receipt once it is flushed', async () => {
    const w = await world()
    await w.accept(a, 3, nine)
    await w.accept(b, 1, nine + hourMs - 1)
    await w.accept(a, 5, nine + hourMs)
    expect(await w.accepted()).toBe(0)
    expect(await w.ledger.flush()).toBe(3)
    expect(w.ledger.flushedThrough).toBe(3)
    expect(await w.accepted(a)).toBe(8)
    expect(await w.accepted(a, { from: nine, to: nine + hourMs })).toBe(3)
    expect(await w.accepted(undefined, { from: nine, to: nine + hourMs })).toBe(4)
    expect(w.ledger.lastReceived).toBe(nine + hourMs)
  })

  it('flushes by itself five seconds after the first hit, and writes nothing while idle', async () => {
    const w = await world()
    w.clock.advance(10 * defaultFlushDelayMs)
    expect(w.clock.pendingTimers).toBe(0)
    await w.accept(a, 1)
    w.clock.advance(defaultFlushDelayMs - 1)
    await w.accept(a, 1)
    await settle()
    expect(w.calls).toBe(0)
    w.clock.advance(1)
    await settle()
    expect([w.calls, await w.accepted()]).toEqual([1, 2])
    w.clock.advance(10 * defaultFlushDelayMs)
    await settle()
    expect([w.calls, w.clock.pendingTimers]).toEqual([1, 0])
    await w.ledger.flush()
    expect(w.calls).toBe(1)
  })

  it('loses no count to a crash: what was durable and not flushed is read from the log', async () => {
    const w = await world()
    await w.accept(a, 2)
    await w.ledger.flush()
    await w.accept(a, 3)
    // Durable, but the process ended before it could be noted.
    await w.log.append(record(b, nine + 7, 4))
    await w.crash()
    expect([await w.accepted(a), await w.accepted(b)]).toEqual([5, 4])
    expect(w.ledger.flushedThrough).toBe(3)
    expect(w.ledger.lastReceived).toBe(nine + 7)
  })

  it('knows the time of the last record after a restart, though all of them are counted', async () => {
    const w = await world()
    expect(w.ledger.lastReceived).toBeNull()
    await w.accept(a, 1, nine + 99)
    await w.ledger.flush()
    await w.crash()
    expect(w.ledger.lastReceived).toBe(nine + 99)
    expect(w.calls).toBe(1)
  })

  it('keeps the counts when the store refuses, and tries again as long as it takes', async () => {
    const w = await world()
    await w.accept(a, 1)
    w.faults.push('refuse', 'refuse')
    await expect(w.ledger.flush()).rejects.toThrow('the store is away')
    await w.accept(a, 10)
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    expect([w.flushErrors.length, await w.accepted()]).toEqual([1, 0])
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    expect([await w.accepted(), w.ledger.flushedThrough]).toEqual([11, 2])
  })

  it('keeps what is noted while the store is about to refuse', async () => {
    const w = await world()
    await w.accept(a, 1)
    w.faults.push('refuse')
    const refused = expect(w.ledger.flush()).rejects.toThrow('the store is away')
    await w.accept(a, 10)
    await w.accept(b, 100)
    await refused
    await w.ledger.flush()
    expect([await w.accepted(a), await w.accepted(b)]).toEqual([11, 100])
  })

  it('goes on where a former self ended that was slow to die', async () => {
    const w = await world()
    for (const hits of [1, 10, 100]) await w.accept(a, hits)
    await w.store.addAccepted(w.log.id, 0 as Offset, 1 as Offset, [{ merchant: a, hour: nine, hits: 1 }])
    expect(await w.ledger.flush()).toBe(3)
    expect(await w.accepted()).toBe(111)
  })

  it('counts once where the store had done it and the answer was lost', async () => {
    const w = await world()
    await w.accept(a, 1)
    w.faults.push('lose the answer')
    expect(await w.ledger.flush()).toBe(1)
    await w.accept(a, 1)
    await w.ledger.flush()
    expect(await w.accepted()).toBe(2)
  })

  it('reads from the log what was not noted, in its place', async () => {
    const w = await world()
    await w.accept(a, 1)
    const missed = await w.log.append(record(b, nine, 20))
    await w.accept(a, 1)
    await w.ledger.flush()
    await w.accept(a, 1)
    w.ledger.note(missed, b, nine as ReceivedTime, 20)
    await w.ledger.flush()
    expect([await w.accepted(a), await w.accepted(b)]).toEqual([3, 20])
  })

  it('holds so many counts and no more: beyond, it reads the log when the store is back', async () => {
    const w = await world(2)
    w.faults.push('refuse')
    for (let hour = 0; hour < 6; hour++) await w.accept(a, 1, nine + hour * hourMs)
    await expect(w.ledger.flush()).rejects.toThrow()
    expect(await w.ledger.flush()).toBe(6)
    expect(await w.accepted()).toBe(6)
    // Two hours a call: the limit holds for what is read from the log, too.
    expect(w.calls).toBe(4)
  })

  it('counts a record that nobody can decode as one hit of nobody, received with the one before it, and says which', async () => {
    const w = await world()
    await w.accept(a, 2, nine + hourMs)
    await w.log.append(Buffer.from('not a batch'))
    await w.accept(a, 3, nine + 2 * hourMs)
    await w.ledger.flush()
    const nobody = '' as MerchantId
    expect([await w.accepted(), await w.accepted(nobody), w.ledger.flushedThrough]).toEqual([6, 1, 3])
    expect(await w.accepted(nobody, { from: nine + hourMs, to: nine + 2 * hourMs })).toBe(1)
    expect(w.poison).toEqual([1])
    expect(await w.ledger.inFlight({ ...always, processed: 0 as Offset })).toBe(6)
    expect(await w.ledger.inFlight({ ...always, merchant: nobody, processed: 1 as Offset })).toBe(1)
  })

  it('counts such a record the same where it is told of it', async () => {
    const w = await world()
    await w.accept(a, 2)
    w.ledger.notePoison(await w.log.append(Buffer.from('not a batch')))
    await w.accept(a, 3)
    await w.ledger.flush()
    expect([await w.accepted(), await w.accepted('' as MerchantId), w.poison]).toEqual([6, 1, []])
  })

  it('will not start beside a log that is shorter than what was counted of it', async () => {
    const w = await world()
    await w.accept(a, 1)
    await w.ledger.flush()
    await w.store.addAccepted(w.log.id, 1 as Offset, 5 as Offset, [])
    await expect(w.crash()).rejects.toThrow(StartError)
  })
})

describe('the ledger of a collector in a cluster', () => {
  it('starts while the store is away, knows the last time, and counts once the store is there', async () => {
    const w = await world()
    await w.accept(a, 1, nine + 5)
    await w.log.append(Buffer.from('not a batch'))
    w.storeState = 'away'
    await w.crash()
    expect([w.ledger.lastReceived, w.ledger.flushedThrough, w.flushErrors.length]).toEqual([nine + 5, 0, 1])
    await w.accept(b, 10)
    for (let i = 0; i < 5; i++) {
      w.clock.advance(defaultFlushDelayMs)
      await settle()
    }
    expect(w.flushErrors).toHaveLength(1)
    w.storeState = 'there'
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    expect([await w.accepted(a), await w.accepted(b), w.ledger.flushedThrough]).toEqual([1, 10, 3])
    w.storeState = 'away'
    await w.accept(b, 1)
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    expect(w.flushErrors).toHaveLength(2)
  })

  it('counts again what the store has forgotten that was set back', async () => {
    const w = await world()
    await w.accept(a, 1)
    await w.ledger.flush()
    w.store = createMemoryControlStore()
    await w.accept(b, 10)
    await w.ledger.flush()
    expect([await w.accepted(a), await w.accepted(b), w.ledger.flushedThrough]).toEqual([1, 10, 2])
  })

  it('waits, and says so once, where what the store has forgotten is trimmed; and goes on when it remembers', async () => {
    const w = await world()
    for (let i = 0; i < 60; i++) await w.accept(a, 1)
    await w.ledger.flush()
    await w.log.trim(60 as Offset)
    const remembers = w.store
    w.store = createMemoryControlStore()
    await w.accept(b, 10)
    for (let i = 0; i < 5; i++) {
      w.clock.advance(defaultFlushDelayMs)
      await settle()
    }
    expect(w.flushErrors).toEqual([expect.any(OffsetTrimmedError)])
    expect([await w.accepted(), w.ledger.flushedThrough]).toEqual([0, 0])
    w.store = remembers
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    expect([await w.accepted(a), await w.accepted(b), w.ledger.flushedThrough]).toEqual([60, 10, 61])
  })

  it('counts nothing that Kafka does not have, and all of it once Kafka has it, though no hit comes', async () => {
    const w = new World()
    w.acked = 0 as Offset
    await w.start()
    await w.accept(a, 1)
    await w.accept(b, 10)
    expect(await w.ledger.flush()).toBe(0)
    w.acked = 1 as Offset
    expect(await w.ledger.flush()).toBe(1)
    expect([await w.accepted(a), await w.accepted(b)]).toEqual([1, 0])
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    w.acked = 2 as Offset
    w.clock.advance(defaultFlushDelayMs)
    await settle()
    expect([await w.accepted(a), await w.accepted(b)]).toEqual([1, 10])
    expect(w.clock.pendingTimers).toBe(0)
  })

  it('takes no count twice that it is told again', async () => {
    const w = await world()
    await w.accept(a, 1)
    w.ledger.note(0 as Offset, a, nine as ReceivedTime, 1)
    await w.ledger.flush()
    w.ledger.note(0 as Offset, a, nine as ReceivedTime, 1)
    await w.accept(a, 10)
    await w.ledger.flush()
    expect(await w.accepted(a)).toBe(11)
  })
})

describe('hits in flight', () => {
  it('are counted in the log between what the job has and what the ledger has', async () => {
    const w = await world()
    for (let i = 0; i < 40; i++) await w.accept(shops[i % 3] as MerchantId, i, nine + i)
    await w.ledger.flush()
    const sum = (wanted: (i: number) => boolean) =>
      Array.from({ length: 40 }, (_, i) => i).reduce((total, i) => total + (wanted(i) ? i : 0), 0)
    const inFlight = (range: object) => w.ledger.inFlight({ ...always, processed: 0 as Offset, ...range })
    expect(await inFlight({})).toBe(sum(() => true))
    expect(await inFlight({ processed: 17 })).toBe(sum((i) => i >= 17))
    expect(await inFlight({ processed: 17, through: 30 })).toBe(sum((i) => i >= 17 && i < 30))
    expect(await inFlight({ merchant: b })).toBe(sum((i) => i % 3 === 1))
    expect(await inFlight({ from: nine + 5, to: nine + 9 })).toBe(5 + 6 + 7 + 8)
  })

  it('are none where the job is level with the ledger or ahead of it', async () => {
    const w = await world()
    await w.accept(a, 1)
    expect(await w.ledger.inFlight({ ...always, processed: 0 as Offset })).toBe(0)
    await w.ledger.flush()
    expect(await w.ledger.inFlight({ ...always, processed: 1 as Offset })).toBe(0)
    expect(await w.ledger.inFlight({ ...always, processed: 5 as Offset })).toBe(0)
  })

  it('cannot be told of records that are trimmed', async () => {
    const w = await world()
    for (let i = 0; i < 60; i++) await w.accept(a, 2)
    await w.ledger.flush()
    await w.log.trim(60 as Offset)
    expect(w.log.oldest).toBeGreaterThan(0)
    await expect(w.ledger.inFlight({ ...always, processed: 0 as Offset })).rejects.toThrow(OffsetTrimmedError)
  })
})

describe('the law of the books’ first column', () => {
  type Step = 'accept' | 'accept unnoted' | 'flush' | 'tick' | 'crash' | 'refuse' | 'lose the answer' | 'together'
  const steps = fc.array(
    fc.constantFrom<Step>(
      'accept',
      'accept',
      'accept unnoted',
      'flush',
      'tick',
      'crash',
      'refuse',
      'lose the answer',
      'together',
    ),
    { maxLength: 30 },
  )

  it('every durable hit is counted once, whatever fails and ends in between', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (script, maxUnflushed) => {
        const w = await world(maxUnflushed)
        const expected = new Map<MerchantId, number>()
        let turn = 0
        const owe = (hits: number) => {
          const merchant = shops[turn++ % shops.length] as MerchantId
          expected.set(merchant, (expected.get(merchant) ?? 0) + hits)
          return merchant
        }
        for (const step of script) {
          w.clock.advance(turn * 1_000)
          if (step === 'accept') await w.accept(owe(turn), turn - 1)
          else if (step === 'accept unnoted') await w.log.append(record(owe(turn), w.clock.now(), turn - 1))
          else if (step === 'flush') await w.ledger.flush().catch(() => {})
          else if (step === 'tick') w.clock.advance(defaultFlushDelayMs)
          else if (step === 'crash') {
            w.faults.length = 0
            await w.crash()
          } else if (step === 'together') {
            const accepting = [1, 2, 3].map(() => w.accept(owe(turn), turn - 1))
            await Promise.all([...accepting, w.ledger.flush().catch(() => {})])
          } else w.faults.push(step)
        }
        w.faults.length = 0
        await w.crash()
        for (const merchant of shops) expect(await w.accepted(merchant)).toBe(expected.get(merchant) ?? 0)
        expect(w.ledger.flushedThrough).toBe(w.log.durable)
      }),
      { numRuns: 150 },
    )
  })
})
