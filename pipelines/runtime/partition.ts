/**
 * One partition of a job: its reader, its state, its compiled plan. It reads one batch ahead of what is processed and
 * nothing is kept of a batch that was not processed; a failed epoch throws the whole object away and opens another from
 * the committed position.
 *
 * A record may be a pack of batches: it is processed whole, and the index of a hit runs on through it. A batch that a
 * collector forwarded before is dropped by the mark of the collector's log, which the position carries; its hits keep
 * their indexes, so a position means the same however often the record is read.
 */
import { PoisonRecordError } from '../../core/errors.ts'
import type { FeedHit, Hit, HitBatch } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { BatchOrigin, FeedReader, FeedRecord } from '../../core/ports/feed.ts'
import { decodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import type { Watermark } from '../core/watermark.ts'
import { type CompiledPlan, noMerchant } from './compile-plan.ts'
import type { EpochOutput } from './epoch-output.ts'
import { sooner } from './graph-plan-time.ts'
import type { Inbox } from './inbox.ts'
import type { PlanWindows } from './plan-windows.ts'
import type { StepState } from './state.ts'

export type Arrival =
  | { readonly partition: Partition; readonly records: readonly FeedRecord[] }
  | { readonly partition: Partition; readonly error: unknown }

/** A record on its way, with all its batches. */
export interface DecodedRecord {
  readonly offset: Offset
  /** Of its payloads together. */
  readonly bytes: number
  readonly batches: readonly DecodedBatch[]
}

export interface DecodedBatch {
  readonly payload: Buffer
  readonly origin: BatchOrigin | null
  /** null where no decoder understood it. */
  readonly batch: HitBatch | null
}

/** Bytes asked of a feed at once: about 800 hits, so that decoding them holds the thread for few milliseconds. */
export const readMaxBytes = 256 * 1024

/** The longest that a timer can wait: an idle partition wakes up once in 24 days. */
export const timerMaxMs = 2 ** 31 - 1

export interface PartitionParts {
  readonly source: string
  /** Where it begins. */
  readonly committed: JobPosition
  readonly reader: FeedReader
  readonly plan: CompiledPlan
  readonly states: ReadonlyMap<string, StepState>
  /** By step: the name under which checkpoints have its state, which may be a former one. */
  readonly savedAs: ReadonlyMap<string, string>
  readonly watermark: Watermark
  readonly output: EpochOutput
  /** Records from here on are left alone: the state has no room for them. */
  readonly stopAt: Offset | null
}

export class Partition {
  readonly number: number
  next: Offset
  received: number | null
  /** Set when its feed failed for good; it is read no more. */
  error: unknown = null
  /** As the control store has it. */
  committed: JobPosition
  /** By collector log: one past the last place that was processed. */
  readonly #forwarded: Map<string, number>
  #reading = false
  #closed = false

  constructor(readonly parts: PartitionParts) {
    this.#forwarded = new Map(Object.entries(parts.committed.forwarded))
    this.committed = parts.committed
    this.number = parts.committed.partition
    this.next = parts.committed.next
    this.received = parts.committed.received
  }

  /** Whether it has reached the record that its state has no room for. */
  get blocked(): boolean {
    return this.parts.stopAt !== null && this.next >= this.parts.stopAt
  }

  /** Whether it has something that is not committed: records, or panes that time brought about. */
  get moved(): boolean {
    return this.next !== this.committed.next || this.hasPanes
  }

  /** Whether panes came that are not committed. */
  get hasPanes(): boolean {
    return this.windows?.hasPanes ?? false
  }

  /** null where its plan keeps none. */
  get windows(): PlanWindows | null {
    return this.parts.plan.windows
  }

  /** When time alone will bring something about; null: never. */
  get nextTime(): number | null {
    if (this.windows === null || this.error !== null) return null
    const { early, close } = this.windows.times()
    // Records that wait for room hold the watermark: nothing closes before they are read.
    return this.blocked ? early : sooner(early, close)
  }

  get watermark(): number | null {
    return this.windows === null ? this.parts.watermark.current : this.windows.watermark
  }

  get stateBytes(): number {
    let bytes = this.windows?.stateBytes ?? 0
    for (const state of this.parts.states.values()) bytes += state.bytes
    return bytes
  }

  /** The epoch that holds all of it is committed. */
  commit(position: JobPosition): void {
    this.committed = position
    this.windows?.committed()
  }

  get forwarded(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#forwarded)
  }

  /** Asks for the next batch, unless one is on its way. Records before are no longer valid. */
  request(inbox: Inbox<Arrival>): void {
    if (this.#reading || this.#closed || this.blocked || this.error !== null) return
    this.#reading = true
    this.parts.reader.next({ maxBytes: readMaxBytes, waitMs: timerMaxMs }).then(
      (records) => {
        this.#reading = false
        inbox.push({ partition: this, records })
      },
      (error: unknown) => {
        this.#reading = false
        inbox.push({ partition: this, error })
      },
    )
  }

  /** Decodes what may be processed, the batches of one record together. */
  decode(records: readonly FeedRecord[]): readonly DecodedRecord[] {
    const { stopAt } = this.parts
    const decoded: DecodedRecord[] = []
    for (let at = 0; at < records.length; ) {
      const { offset } = records[at] as FeedRecord
      if (stopAt !== null && offset >= stopAt) break
      const batches: DecodedBatch[] = []
      let bytes = 0
      for (; records[at]?.offset === offset; at++) {
        const { payload, origin } = records[at] as FeedRecord
        batches.push({ payload, origin, batch: decodeOrNull(payload) })
        bytes += payload.length
      }
      decoded.push({ offset, bytes, batches })
    }
    return decoded
  }

  /** All hits of one record through the plan. Gives their number. @throws what state throws */
  process({ offset, batches }: DecodedRecord, nowMs: number): number {
    const { output } = this.parts
    this.windows?.advanceTime(nowMs)
    let index = 0
    for (const each of batches) {
      const { origin, batch } = each
      if (origin !== null && origin.place < (this.#forwarded.get(origin.log) ?? 0)) output.repeatedForwards += 1
      else this.#processBatch(each, offset, index, nowMs)
      index += batch?.hits.length ?? 1
    }
    this.next = (offset + 1) as Offset
    return index
  }

  #processBatch({ payload, origin, batch }: DecodedBatch, offset: Offset, first: number, nowMs: number): void {
    const { plan, source, output } = this.parts
    if (batch === null) {
      const received = this.received ?? nowMs
      if (origin === null) output.books.accept(noMerchant, received, 1)
      plan.processUndecodable(payload, offset, first, received)
    } else {
      const { hits, merchant, received } = batch
      if (origin === null) output.books.accept(merchant, received, hits.length)
      for (let index = 0; index < hits.length; index++) {
        plan.process(feedHit(batch, hits[index] as Hit, source, this.number, offset, first + index), payload)
      }
      this.received = received
    }
    if (origin !== null) this.#forwarded.set(origin.log, origin.place + 1)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.parts.states.values()].map((state) => state.close()))
    await this.parts.reader.close()
  }
}

/** Merchants of records, for side inputs. */
export function merchantsOf(records: readonly DecodedRecord[]): ReadonlySet<MerchantId> {
  const merchants = new Set<MerchantId>()
  for (const { batches } of records) {
    for (const { batch } of batches) if (batch !== null) merchants.add(batch.merchant)
  }
  return merchants
}

function decodeOrNull(payload: Buffer): HitBatch | null {
  try {
    return decodeHitBatch(payload)
  } catch (error) {
    if (error instanceof PoisonRecordError) return null
    throw error
  }
}

/** A hit of a batch with the batch's facts and its place. One literal, so that all hits have one hidden class. */
export function feedHit(
  batch: HitBatch,
  hit: Hit,
  source: string,
  partition: number,
  offset: Offset,
  index: number,
): FeedHit {
  return {
    id: hit.id,
    name: hit.name,
    time: hit.time,
    visitor: hit.visitor,
    session: hit.session,
    user: hit.user,
    url: hit.url,
    referrer: hit.referrer,
    title: hit.title,
    revenue: hit.revenue,
    items: hit.items,
    props: hit.props,
    context: hit.context,
    merchant: batch.merchant,
    zone: batch.zone,
    currency: batch.currency,
    received: batch.received,
    addressPrefix: batch.addressPrefix,
    requestUserAgent: batch.requestUserAgent,
    requestLanguage: batch.requestLanguage,
    requestClientHints: batch.requestClientHints,
    keyKind: batch.keyKind,
    source,
    position: { partition, offset, index },
  }
}
