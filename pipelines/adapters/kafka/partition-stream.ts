/**
 * One partition on its way from the consumer to its reader: a queue that knows which offset must come next. kafkajs moves
 * a partition on its own account (after a rebalance to what the group committed, after an offset out of range to the
 * oldest), so nothing is taken that does not follow what was taken before.
 */

import { recordsOf } from '../../../core/adapters/kafka/record-value.ts'
import type { Offset } from '../../../core/ids.ts'
import type { FeedRecord } from '../../../core/ports/feed.ts'

/** Messages that were taken stay in the list at most until there are so many. */
const takenMax = 1_000

export interface FetchedMessage {
  readonly offset: string
  readonly value: Buffer | null
}

export class PartitionStream {
  /** The offset that is to be fetched next. */
  expected: number
  /** Of the values in the queue. */
  queuedBytes = 0
  /** Why nothing more will come; told to the reader when the queue is empty. */
  failure: unknown = null
  #queue: FetchedMessage[] = []
  #taken = 0
  readonly #listeners = new Set<() => void>()

  constructor(
    readonly partition: number,
    from: Offset,
  ) {
    this.expected = from
  }

  get isEmpty(): boolean {
    return this.#taken === this.#queue.length
  }

  /** Takes what was fetched from `fetchedFrom` up to before `next`. False, and nothing is taken, where it does not follow. */
  push(messages: readonly FetchedMessage[], fetchedFrom: number, next: number): boolean {
    if (fetchedFrom !== this.expected) return false
    for (const message of messages) {
      this.#queue.push(message)
      this.queuedBytes += message.value?.length ?? 0
    }
    this.expected = next
    this.#tell()
    return true
  }

  /**
   * A fetch held nothing for readers (markers of transactions, offsets that are no more). Its own start is not told, so it
   * is believed only where it cannot have begun behind what is expected.
   */
  skip(first: number | null, last: number): void {
    if (first === null ? last === this.expected : first <= this.expected && last >= this.expected) {
      this.expected = last + 1
    }
  }

  fail(failure: unknown): void {
    this.failure = failure
    this.#tell()
  }

  /** Records of together about `maxBytes`, at least one where any is queued, each with all its batches. @throws `failure` */
  take(maxBytes: number): readonly FeedRecord[] {
    const records: FeedRecord[] = []
    for (let bytes = 0; !this.isEmpty && (records.length === 0 || bytes < maxBytes); ) {
      const { offset, value } = this.#queue[this.#taken] as FetchedMessage
      this.#taken += 1
      bytes += value?.length ?? 0
      this.queuedBytes -= value?.length ?? 0
      records.push(...recordsOf(Number(offset) as Offset, value))
    }
    if (this.isEmpty || this.#taken >= takenMax) this.#forget()
    if (records.length === 0 && this.failure !== null) throw this.failure
    return records
  }

  /** Calls `listener` whenever there is something to take. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #forget(): void {
    this.#queue = this.#queue.slice(this.#taken)
    this.#taken = 0
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
