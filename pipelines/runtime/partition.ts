/**
 * One partition of a job: its reader, its state, its compiled plan. It reads one batch ahead of what is processed and
 * nothing is kept of a batch that was not processed; a failed epoch throws the whole object away and opens another from
 * the committed position.
 */
import { PoisonRecordError } from '../../core/errors.ts'
import type { FeedHit, Hit, HitBatch } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { FeedReader, FeedRecord } from '../../core/ports/feed.ts'
import { decodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import type { Watermark } from '../core/watermark.ts'
import type { CompiledPlan } from './compile-plan.ts'
import type { Inbox } from './inbox.ts'
import type { StepState } from './state.ts'

export type Arrival =
  | { readonly partition: Partition; readonly records: readonly FeedRecord[] }
  | { readonly partition: Partition; readonly error: unknown }

/** A record on its way: its batch, or null where no decoder understood it. */
export interface DecodedRecord {
  readonly offset: Offset
  readonly payload: Buffer
  readonly batch: HitBatch | null
}

/** Bytes asked of a feed at once: about 800 hits, so that decoding them holds the thread for few milliseconds. */
export const readMaxBytes = 256 * 1024

// The longest that a timer can wait (2^31 − 1 ms): an idle partition wakes up once in 24 days.
const idleWaitMs = 2_147_483_647

export interface PartitionParts {
  readonly source: string
  /** Where it begins. */
  readonly committed: JobPosition
  readonly reader: FeedReader
  readonly plan: CompiledPlan
  readonly states: ReadonlyMap<string, StepState>
  readonly watermark: Watermark
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
  #reading = false
  #closed = false

  constructor(readonly parts: PartitionParts) {
    this.committed = parts.committed
    this.number = parts.committed.partition
    this.next = parts.committed.next
    this.received = parts.committed.received
  }

  /** Whether it has reached the record that its state has no room for. */
  get blocked(): boolean {
    return this.parts.stopAt !== null && this.next >= this.parts.stopAt
  }

  /** Whether it has processed what is not committed. */
  get moved(): boolean {
    return this.next !== this.committed.next
  }

  /** Asks for the next batch, unless one is on its way. Records before are no longer valid. */
  request(inbox: Inbox<Arrival>): void {
    if (this.#reading || this.#closed || this.blocked || this.error !== null) return
    this.#reading = true
    this.parts.reader.next({ maxBytes: readMaxBytes, waitMs: idleWaitMs }).then(
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

  /** Decodes what may be processed. */
  decode(records: readonly FeedRecord[]): readonly DecodedRecord[] {
    const { stopAt } = this.parts
    const decoded: DecodedRecord[] = []
    for (const { offset, payload } of records) {
      if (stopAt !== null && offset >= stopAt) break
      decoded.push({ offset, payload, batch: decodeOrNull(payload) })
    }
    return decoded
  }

  /** All hits of one record through the plan. Gives their number. @throws what state throws */
  process({ offset, payload, batch }: DecodedRecord, nowMs: number): number {
    const { plan, source } = this.parts
    if (batch === null) {
      plan.processUndecodable(payload, offset, this.received ?? nowMs)
    } else {
      const { hits } = batch
      for (let index = 0; index < hits.length; index++) {
        plan.process(feedHit(batch, hits[index] as Hit, source, this.number, offset, index), payload)
      }
      this.received = batch.received
    }
    this.next = (offset + 1) as Offset
    return batch?.hits.length ?? 1
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const state of this.parts.states.values()) state.close()
    await this.parts.reader.close()
  }
}

/** Merchants of records, for side inputs. */
export function merchantsOf(records: readonly DecodedRecord[]): ReadonlySet<MerchantId> {
  const merchants = new Set<MerchantId>()
  for (const { batch } of records) if (batch !== null) merchants.add(batch.merchant)
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
    keyKind: batch.keyKind,
    source,
    position: { partition, offset, index },
  }
}
