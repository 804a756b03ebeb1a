/**
 * The feed of a cluster: a Kafka topic, read as a member of a consumer group, which says which partitions are ours.
 *
 * Delivery: in order per partition from the position asked for, every record as often as asked, until Kafka drops it by
 * age. Positions are the caller's; what the group commits is for displays of lag only. Offsets may skip (markers of
 * transactions, aborted records). Back pressure: bounded queues (`queuesMaxBytes`), then partitions are paused.
 *
 * A partition has one reader: opening another ends the one before. A reader of a partition that is not assigned gets
 * nothing until it is. A topic that was made anew under its name is known by its end being before the position; where it
 * has grown past it, by nothing: make a feed anew under a new name.
 */
import type { Kafka } from 'kafkajs'
import { FeedUnavailableError, PlatformError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { Assignment, Feed, FeedReader } from '../../../core/ports/feed.ts'
import { waitingReader } from '../log/waiting-reader.ts'
import { GroupMember } from './group-member.ts'
import { PartitionStream } from './partition-stream.ts'
import { TopicOffsets } from './topic-offsets.ts'

export interface KafkaGroupFeedOptions {
  readonly kafka: Kafka
  readonly topic: string
  /** The feed incarnation, as `ensureTopic` gives it. */
  readonly source: string
  /** How many the topic has. */
  readonly partitions: number
  /** One group a job. */
  readonly groupId: string
  /** A member that is silent for so long is put out, and its partitions go to others. */
  readonly sessionTimeoutMs: number
  readonly timers: Timers
  /** Is told what went wrong and is tried again. */
  readonly say: (message: string, facts: Readonly<Record<string, unknown>>) => void
}

export interface KafkaGroupFeed {
  readonly feed: Feed
  readonly assignment: Assignment
  /** Tells the group how far records are processed, for displays of lag. Never rejects; call it after epochs. */
  tellProcessed(positions: readonly Position[]): Promise<void>
  /** Records behind these positions, by partition. @throws FeedUnavailableError */
  lag(positions: readonly Position[]): Promise<ReadonlyMap<number, number>>
  /** Leaves the group and disconnects; readers that wait get nothing more. */
  close(): Promise<void>
}

interface Position {
  readonly partition: number
  readonly next: Offset
}

/** Joins the group. @throws FeedUnavailableError where Kafka gives no answer; safe to repeat */
export async function kafkaGroupFeed(options: KafkaGroupFeedOptions): Promise<KafkaGroupFeed> {
  const { kafka, topic, timers } = options
  const admin = kafka.admin()
  const offsets = new TopicOffsets(admin, topic)
  const member = new GroupMember({ ...options, offsets })
  const readers = new Map<number, FeedReader>()
  const close = async () => {
    await Promise.allSettled([...readers.values()].map((reader) => reader.close()))
    await Promise.allSettled([member.leave(), admin.disconnect()])
  }
  try {
    await admin.connect()
    await member.start()
  } catch (error) {
    await close()
    throw error instanceof PlatformError ? error : new FeedUnavailableError('a consumer', { cause: error })
  }
  const partitions = Array.from({ length: options.partitions }, (_, partition) => partition)
  function checkPartition(partition: number): void {
    if (!partitions.includes(partition)) throw new RangeError(`${topic} has no partition ${partition}`)
  }

  const feed: Feed = {
    source: options.source,
    partitions,
    async read(partition, from) {
      checkPartition(partition)
      await offsets.check(partition, from)
      await readers.get(partition)?.close()
      const stream = new PartitionStream(partition, from)
      const reader = readerOf(stream, member, timers)
      readers.set(partition, reader)
      member.open(stream)
      return reader
    },
    async end(partition) {
      checkPartition(partition)
      return (await offsets.ranges()).get(partition)?.end ?? (0 as Offset)
    },
  }
  return {
    feed,
    assignment: member,
    tellProcessed: (positions) => member.commitOffsets(positions),
    async lag(positions) {
      const ranges = await offsets.ranges()
      return new Map(
        positions.map(({ partition, next }) => [partition, Math.max(0, (ranges.get(partition)?.end ?? next) - next)]),
      )
    },
    close,
  }
}

function readerOf(stream: PartitionStream, member: GroupMember, timers: Timers): FeedReader {
  // Only whether something is there is asked of it: what the offset is does not matter.
  const durable = {
    current: () => (stream.isEmpty && stream.failure === null ? 0 : 1) as Offset,
    onChange: (listener: () => void) => stream.onChange(listener),
  }
  const reader = {
    position: 0 as Offset,
    async read(maxBytes: number) {
      const records = stream.take(maxBytes)
      member.taken(stream)
      return records
    },
    close: async () => member.close(stream),
  }
  return waitingReader({ reader, durable, timers })
}
