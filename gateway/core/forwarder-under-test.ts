/**
 * A collector's log with its forwarder, a feed in memory, and jobs that do what workers do: take packs in order, drop a
 * batch whose place lies behind the last one taken, commit, publish. Time is moved by hand.
 */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import { createMemoryFeed } from '../../core/adapters/memory/memory-feed.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { HitBatch } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { durableOf } from '../../core/log/durable-source.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import type { CollectorReport, LogProgress } from '../../core/ports/cluster-store.ts'
import type { FeedReader } from '../../core/ports/feed.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { encodeHitBatch, peekBatch } from '../../schemas/avro/hit-batch.ts'
import { decodeHitPack } from '../../schemas/avro/hit-pack.ts'
import { createForwarder, type Forwarder, type ForwarderOptions, type ForwardState } from './forwarder.ts'
import type { KeptFile } from './kept-file.ts'

export const jobs = ['hits-warehouse', 'hits-rollups'] as const
export type Job = (typeof jobs)[number]
export const partitions = 4

/** A batch of `count` small hits. */
export function batchWithHits(merchant: string, received: number, count: number): HitBatch {
  return {
    merchant: merchant as MerchantId,
    zone: 'UTC',
    currency: 'EUR',
    received: received as ReceivedTime,
    addressPrefix: null,
    requestUserAgent: null,
    requestLanguage: null,
    requestClientHints: null,
    keyKind: 'server',
    hits: Array.from({ length: count }, (_, index) => ({
      id: `${received}-${index}`,
      name: 'page_view',
      time: received as EventTime,
      visitor: `visitor-${index}`,
      session: null,
      user: null,
      url: 'https://shop.example/a/page/of/the/shop',
      referrer: null,
      title: null,
      revenue: null,
      items: [],
      props: {},
      context: null,
    })),
  }
}

/** A record without hits: as short as they come. */
export function batchOf(merchant: string, received: number): Buffer {
  return encodeHitBatch(batchWithHits(merchant, received, 0))
}

export function memoryKeptFile(): KeptFile & { bytes: Buffer | undefined } {
  return {
    bytes: undefined,
    async read() {
      return this.bytes
    },
    async replace(bytes) {
      await Promise.resolve()
      this.bytes = Buffer.from(bytes)
    },
  }
}

/** What one partition of one job has done. */
export class JobPartition {
  next = 0
  committed = 0
  published = 0
  /** Places taken, in order. */
  readonly taken: number[] = []
}

export class ForwarderWorld {
  readonly disk = new MemoryDisk()
  readonly feed = createMemoryFeed(partitions)
  readonly markFile = memoryKeptFile()
  readonly work = new Map(jobs.map((job) => [job, Array.from({ length: partitions }, () => new JobPartition())]))
  readonly reports: CollectorReport[] = []
  readonly states: ForwardState[] = []
  readonly troubles: string[] = []
  /** Places by (received, place), for checks against what is said to be visible. */
  readonly accepted: { readonly place: number; readonly received: number }[] = []
  store: 'there' | 'away' = 'there'
  log!: HitLog
  forwarder!: Forwarder
  #lastReceived = 0
  /** Ends what the present process can do, without a word. */
  #kill: () => void = () => {}

  constructor(readonly clock: ManualClock) {}

  async start(options: Partial<ForwarderOptions> = {}): Promise<void> {
    const life = { over: false }
    this.#kill = () => {
      life.over = true
    }
    /** A dead process neither asks nor hears. */
    const alive = <T>(call: () => Promise<T>): Promise<T> =>
      life.over
        ? new Promise<never>(() => {})
        : call().then((answer) => (life.over ? new Promise<never>(() => {}) : answer))
    this.log = await openSegmentLog({
      disk: this.disk,
      folder: 'log',
      timers: this.clock,
      random: seededRandom(1),
      segmentMaxBytes: 400,
    })
    const { log, clock, markFile } = this
    const writer = this.feed.writer()
    this.forwarder = createForwarder({
      log,
      openReader: (from) => alive(() => this.openReader(from)),
      writer: {
        partitions,
        connect: () => alive(() => writer.connect()),
        send: (records) => alive(() => writer.send(records)),
        close: () => alive(() => writer.close()),
      },
      store: {
        logProgress: () => alive(async () => this.#answer(this.progress())),
        reportCollector: (report) => alive(async () => void this.reports.push(this.#answer(report))),
      },
      jobs,
      markFile: { read: () => markFile.read(), replace: (bytes) => alive(() => markFile.replace(bytes)) },
      receivedNow: () => this.#received(),
      clock,
      timers: clock,
      onState: (state) => this.states.push(state),
      onTrouble: (what) => this.troubles.push(what),
      ...options,
    })
    await this.forwarder.start()
    await this.settle()
  }

  #answer<T>(value: T): T {
    if (this.store === 'away') throw new Error('the store is away')
    return value
  }

  #received(): number {
    this.#lastReceived = Math.max(this.#lastReceived, this.clock.now())
    return this.#lastReceived
  }

  progress(): LogProgress[] {
    return [...this.work].flatMap(([job, list]) =>
      list.flatMap(({ committed, published }, partition) =>
        committed === 0 ? [] : [{ job, partition, committed, published }],
      ),
    )
  }

  async append(...merchants: string[]): Promise<Offset[]> {
    const received = this.#received()
    const offsets = await Promise.all(merchants.map((merchant) => this.log.append(batchOf(merchant, received))))
    for (const place of offsets) this.accepted.push({ place, received })
    return offsets
  }

  async appendBytes(bytes: Buffer): Promise<Offset> {
    const received = this.#received()
    const place = await this.log.append(bytes)
    this.accepted.push({ place, received })
    return place
  }

  /** A reader of the log that is open now. */
  openReader(from: Offset): Promise<FeedReader> {
    const { log, disk, clock } = this
    return logFeed({ source: log.id, disk, folder: 'log', durable: durableOf(log), timers: clock }).read(0, from)
  }

  /** The process is gone, without having done anything more; a new one begins. */
  async crash(options: Partial<ForwarderOptions> = {}): Promise<void> {
    this.#kill()
    await this.log.close()
    await this.start(options)
  }

  /** Lets what needs no time happen. */
  async settle(turns = 12): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets time pass in small steps, each with what it sets off. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed))
      await this.settle(6)
    }
  }

  /** A job takes up to `count` records of a partition and commits. */
  commit(job: Job, partition: number, count = Number.POSITIVE_INFINITY): void {
    const part = this.part(job, partition)
    const records = this.feed.records[partition] ?? []
    for (let taken = 0; taken < count && part.next < records.length; taken++) {
      const { places } = decodeHitPack(records[part.next]?.value as Buffer)
      for (const place of places) {
        if (place < part.committed) continue
        part.taken.push(place)
        part.committed = place + 1
      }
      part.next++
    }
  }

  publish(job: Job, partition: number): void {
    const part = this.part(job, partition)
    part.published = part.committed
  }

  /** All jobs commit and publish all there is. */
  workAll(): void {
    for (const job of jobs) {
      for (let partition = 0; partition < partitions; partition++) {
        this.commit(job, partition)
        this.publish(job, partition)
      }
    }
  }

  part(job: Job, partition: number): JobPartition {
    return this.work.get(job)?.[partition] as JobPartition
  }

  /** Merchant and place of every batch in the feed, repetitions included, by partition. */
  sent(): { readonly merchant: string; readonly place: number }[][] {
    return this.feed.records.map((records) =>
      records.flatMap(({ value }) => {
        const { places, batches } = decodeHitPack(value)
        return places.map((place, index) => ({ merchant: merchantOf(batches[index] as Buffer), place }))
      }),
    )
  }
}

function merchantOf(batch: Buffer): string {
  try {
    return peekBatch(batch).merchant
  } catch {
    return '(poison)'
  }
}

export async function forwarderWorld(
  options: Partial<ForwarderOptions> = {},
  clock = new ManualClock(),
): Promise<ForwarderWorld> {
  const world = new ForwarderWorld(clock)
  await world.start(options)
  return world
}
