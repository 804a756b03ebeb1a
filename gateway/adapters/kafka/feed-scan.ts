/**
 * Looks through a Kafka topic for the books: a consumer alone in a group of its own, which begins where it is told, commits
 * nothing and leaves when it has seen all. One look at a time: the next one waits for its turn.
 *
 * Like every reader of the feed it sees what transactions have committed: while a foreign one is open, what lies behind its
 * first record is not seen, and a look that would need it ends at its limit of time.
 */
import type { Batch, Consumer, Kafka } from 'kafkajs'
import { recordsOf } from '../../../core/adapters/kafka/record-value.ts'
import { FeedUnavailableError, PlatformError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { Random, Timers } from '../../../core/ports/clock.ts'
import type { FeedRecord } from '../../../core/ports/feed.ts'
import type { FeedRange, FeedScan } from '../../core/cluster-feed-scan.ts'
import { ProblemError } from '../../core/problem.ts'

/** Of one look, from its turn on. About 40 MB/s are read: a longer backlog has no books until workers catch up. */
export const defaultScanTimeoutMs = 30_000
/** Looks under way and waiting; beyond, `overloaded`. */
export const maxScansWaiting = 4
/** How long the broker holds a fetch back for more: it is also how long leaving takes. */
const fetchWaitMs = 250

export interface KafkaFeedScanOptions {
  /** Of `createKafka`, which sets the codec. */
  readonly kafka: Kafka
  readonly topic: string
  readonly timers: Timers
  readonly random: Random
  readonly timeoutMs?: number
}

export function kafkaFeedScan(options: KafkaFeedScanOptions): FeedScan {
  const { kafka, topic, random } = options
  const groupId = `hitlake-books-${Buffer.from(random.bytes(8)).toString('hex')}`
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()

  /** By partition, the offsets [low, high) that the topic holds. */
  async function bounds(): Promise<ReadonlyMap<number, { readonly low: number; readonly high: number }>> {
    const admin = kafka.admin()
    try {
      await admin.connect()
      const found = await admin.fetchTopicOffsets(topic)
      return new Map(found.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]))
    } catch (cause) {
      throw new FeedUnavailableError('a question for the ends of the feed', { cause })
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
  }

  return {
    async ends() {
      return new Map([...(await bounds())].map(([partition, { high }]) => [partition, high as Offset]))
    },

    async read(ranges, onRecord) {
      if (ranges.every(({ from, through }) => from >= through)) return
      if (waiting >= maxScansWaiting) {
        throw new ProblemError(503, 'overloaded', 'the feed is looked through for others; ask again')
      }
      waiting += 1
      const turn = last.then(async () => {
        const held = await bounds()
        const kept = ranges.map((range) => ({
          ...range,
          from: Math.max(range.from, held.get(range.partition)?.low ?? 0) as Offset,
        }))
        await readOnce(options, groupId, kept, onRecord)
      })
      last = turn.catch(() => undefined)
      await turn.finally(() => {
        waiting -= 1
      })
    },
  }
}

async function readOnce(
  { kafka, topic, timers, timeoutMs = defaultScanTimeoutMs }: KafkaFeedScanOptions,
  groupId: string,
  ranges: readonly FeedRange[],
  onRecord: (partition: number, record: FeedRecord) => void,
): Promise<void> {
  /** By partition, what is left of its range; gone when all of it was seen. */
  const left = new Map<number, { from: number; readonly through: number }>()
  for (const { partition, from, through } of ranges) if (from < through) left.set(partition, { from, through })
  if (left.size === 0) return

  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false, maxWaitTimeInMs: fetchWaitMs })
  const pause = (partition: number) => consumer.pause([{ topic, partitions: [partition] }])
  let cancelLimit = () => {}
  try {
    await new Promise<void>((resolve, reject) => {
      cancelLimit = timers.after(timeoutMs, () => reject(tooLong(timeoutMs)))

      const seen = (partition: number, next: number): void => {
        const range = left.get(partition)
        if (range === undefined || next <= range.from) return
        range.from = next
        if (range.from < range.through) return
        left.delete(partition)
        pause(partition)
        if (left.size === 0) resolve()
      }
      const take = ({ partition, messages }: Batch): void => {
        for (const { offset: text, value } of messages) {
          const offset = Number(text) as Offset
          const range = left.get(partition)
          // After a new assignment the broker may send again what was seen.
          if (range === undefined || offset < range.from) continue
          if (offset < range.through) for (const batch of recordsOf(offset, value)) onRecord(partition, batch)
          seen(partition, offset + 1)
        }
      }

      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        for (const partition of payload.memberAssignment[topic] ?? []) {
          const range = left.get(partition)
          if (range === undefined) pause(partition)
          else consumer.seek({ topic, partition, offset: String(range.from) })
        }
      })
      // Also of batches that hold nothing for readers: the marks that end a transaction.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
        seen(partition, Number(lastOffset) + 1)
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      const eachBatch = async ({ batch }: { batch: Batch }) => {
        try {
          take(batch)
        } catch (error) {
          reject(error)
        }
      }
      begin(consumer, topic, eachBatch).catch(reject)
    })
  } catch (error) {
    if (error instanceof PlatformError || error instanceof ProblemError) throw error
    throw new FeedUnavailableError('a look through the feed', { cause: error })
  } finally {
    cancelLimit()
    await consumer.disconnect().catch(() => undefined)
  }
}

async function begin(consumer: Consumer, topic: string, eachBatch: (each: { batch: Batch }) => Promise<void>) {
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatch })
}

function tooLong(timeoutMs: number): ProblemError {
  const detail = `what is in flight could not be counted in ${timeoutMs / 1_000} s; ask again when workers have caught up`
  return new ProblemError(503, 'overloaded', detail)
}
