/**
 * This process as a member of a consumer group: one kafkajs consumer, which says which partitions are ours and brings
 * their records. What kafkajs remembers of positions is never relied on: whenever the group was joined, every stream is
 * sought anew at the offset it expects, and what comes from elsewhere is not taken.
 *
 * Back pressure: a partition whose queue is full, or which nobody reads, is paused. A consumer that gave up for good is
 * started again after `restartDelayMs`; its streams go on where they were.
 */
import type { Batch, Consumer, ConsumerCrashEvent, EachBatchPayload, Kafka } from 'kafkajs'
import type { Timers } from '../../../core/ports/clock.ts'
import type { Assignment } from '../../../core/ports/feed.ts'
import type { PartitionStream } from './partition-stream.ts'
import type { TopicOffsets } from './topic-offsets.ts'

/** Values waiting in the queues of all partitions together are at most about so many bytes, and one fetch of each more. */
export const queuesMaxBytes = 32 * 1024 * 1024
/** … but a partition has room for so many, however many there are. */
export const queueMinBytes = 1024 * 1024
/** Of one fetch, packed: a partition's part, and all of it. A record that is longer comes alone. */
export const fetchPartitionMaxBytes = 1024 * 1024
export const fetchMaxBytes = 4 * 1024 * 1024
/** A broker that has nothing answers after so long; also how late a seek or a resumed partition may be noticed. */
export const fetchWaitMs = 200
/** Heartbeats in the time after which a silent member is put out. */
export const heartbeatsPerSession = 6
export const restartDelayMs = 5_000
/** A heartbeat that was sent after a moment is at the latest the second that is answered after it. */
const heartbeatsToConfirm = 2

export interface GroupMemberOptions {
  readonly kafka: Kafka
  readonly topic: string
  readonly groupId: string
  readonly partitions: number
  readonly sessionTimeoutMs: number
  readonly timers: Timers
  readonly offsets: TopicOffsets
  readonly say: (message: string, facts: Readonly<Record<string, unknown>>) => void
}

export class GroupMember implements Assignment {
  partitions: readonly number[] = []
  readonly #consumer: Consumer
  readonly #queueMaxBytes: number
  readonly #streams = new Map<number, PartitionStream>()
  readonly #verifying = new Set<PartitionStream>()
  readonly #listeners = new Set<() => void>()
  readonly #confirming = new Set<{ heartbeats: number; readonly resolve: () => void }>()
  /** Whether the consumer is a member now, so that it can be told to seek, pause and resume. */
  #joined = false
  #closed = false

  constructor(private readonly options: GroupMemberOptions) {
    const { kafka, groupId, partitions, sessionTimeoutMs } = options
    this.#queueMaxBytes = Math.max(queueMinBytes, Math.floor(queuesMaxBytes / partitions))
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / heartbeatsPerSession),
      minBytes: 1,
      maxBytes: fetchMaxBytes,
      maxBytesPerPartition: fetchPartitionMaxBytes,
      maxWaitTimeInMs: fetchWaitMs,
      retry: { restartOnFailure: async () => !this.#closed },
    })
    this.#consumer = consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#onJoin(payload.memberAssignment))
    consumer.on(consumer.events.HEARTBEAT, () => this.#onHeartbeat())
    consumer.on(consumer.events.CRASH, (event) => this.#onCrash(event))
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, batchSize, firstOffset, lastOffset } }) => {
      if (batchSize > 0) return
      this.#streams.get(partition)?.skip(firstOffset === null ? null : Number(firstOffset), Number(lastOffset))
    })
  }

  /** Joins the group, or goes on trying to in the background. @throws where there is no broker to begin with */
  async start(): Promise<void> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [this.options.topic], fromBeginning: true })
    await this.#run()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  confirm(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => this.#confirming.add({ heartbeats: 0, resolve }))
  }

  /** Brings the partition's records from the offset the stream expects. */
  open(stream: PartitionStream): void {
    this.#streams.set(stream.partition, stream)
    this.#seek(stream)
  }

  close(stream: PartitionStream): void {
    if (this.#streams.get(stream.partition) !== stream) return
    this.#streams.delete(stream.partition)
    this.#pause(stream.partition)
  }

  /** The reader has taken something: a partition whose queue is half empty is fetched again. */
  taken(stream: PartitionStream): void {
    if (stream.queuedBytes <= this.#queueMaxBytes / 2) this.#resume(stream.partition)
  }

  /** For displays of lag only; nothing here begins from these offsets. Never rejects. */
  async commitOffsets(positions: readonly { readonly partition: number; readonly next: number }[]): Promise<void> {
    const { topic, say } = this.options
    const ours = positions.filter(({ partition }) => this.#joined && this.partitions.includes(partition))
    if (ours.length === 0) return
    try {
      await this.#consumer.commitOffsets(ours.map(({ partition, next }) => ({ topic, partition, offset: `${next}` })))
    } catch (error) {
      say('offsets for displays of lag were not committed', { error: (error as Error).message })
    }
  }

  /** Leaves the group, so that others have the partitions at once. */
  async leave(): Promise<void> {
    this.#closed = true
    this.#joined = false
    for (const { resolve } of this.#confirming) resolve()
    this.#confirming.clear()
    await this.#consumer.disconnect()
  }

  async #run(): Promise<void> {
    await this.#consumer.run({
      autoCommit: false,
      eachBatch: async (payload) => this.#onBatch(payload),
    })
  }

  #onJoin(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#joined = true
    this.partitions = [...(assignment[this.options.topic] ?? [])].sort((a, b) => a - b)
    for (const partition of this.partitions) {
      const stream = this.#streams.get(partition)
      if (stream === undefined) this.#pause(partition)
      else this.#seek(stream)
    }
    for (const listener of [...this.#listeners]) listener()
    this.#confirmed(() => true)
  }

  #onHeartbeat(): void {
    for (const each of this.#confirming) each.heartbeats += 1
    this.#confirmed(({ heartbeats }) => heartbeats >= heartbeatsToConfirm)
  }

  #confirmed(which: (each: { readonly heartbeats: number }) => boolean): void {
    for (const each of [...this.#confirming].filter(which)) {
      this.#confirming.delete(each)
      each.resolve()
    }
  }

  #onBatch({ batch, isRunning, isStale }: EachBatchPayload): void {
    if (!isRunning() || isStale()) return
    const stream = this.#streams.get(batch.partition)
    if (stream === undefined) {
      this.#pause(batch.partition)
      return
    }
    // In kafkajs 2.2.4 though not in its types. Where it were gone, nothing would follow and nothing be taken.
    const { fetchedOffset } = batch as Batch & { readonly fetchedOffset: string }
    if (!stream.push(batch.messages, Number(fetchedOffset), Number(batch.lastOffset()) + 1)) {
      this.#misplaced(stream, fetchedOffset)
    } else if (stream.queuedBytes >= this.#queueMaxBytes) this.#pause(batch.partition)
  }

  /** The consumer is elsewhere than the stream: it goes back, and where its place is no more, the stream ends. */
  #misplaced(stream: PartitionStream, fetchedOffset: string): void {
    const { offsets, say, topic } = this.options
    const { partition, expected } = stream
    say('records of another place than asked for were left aside', { topic, partition, expected, fetchedOffset })
    this.#seek(stream)
    if (this.#verifying.has(stream)) return
    this.#verifying.add(stream)
    offsets
      .check(partition, expected)
      .catch((error: { readonly retry?: string }) => {
        if (error.retry === 'never') stream.fail(error)
      })
      .finally(() => this.#verifying.delete(stream))
  }

  #onCrash({ payload: { error, restart } }: ConsumerCrashEvent): void {
    this.#joined = false
    const { say, timers } = this.options
    say('the consumer stopped and is started again', { error: error.message })
    if (restart || this.#closed) return
    timers.after(restartDelayMs, () => {
      if (!this.#closed)
        this.#run().catch((again: Error) => say('the consumer does not start', { error: again.message }))
    })
  }

  #seek(stream: PartitionStream): void {
    const { partition, expected } = stream
    if (!this.#joined || !this.partitions.includes(partition)) return
    this.#consumer.seek({ topic: this.options.topic, partition, offset: `${expected}` })
    this.#resume(partition)
  }

  #pause(partition: number): void {
    if (this.#joined) this.#consumer.pause([{ topic: this.options.topic, partitions: [partition] }])
  }

  #resume(partition: number): void {
    if (this.#joined) this.#consumer.resume([{ topic: this.options.topic, partitions: [partition] }])
  }
}
