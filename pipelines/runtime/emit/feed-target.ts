/**
 * A topic that history is emitted to: records of hits of one merchant, keyed by it, in the partition that merchants have in
 * every feed of ours. What is not acknowledged is sent again, and what came after the last mark is sent again after a stop:
 * each partition then has some stretch of the order twice, never anything out of it but by that.
 */
import { EmitRefusedError, FeedUnavailableError } from '../../../core/errors.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { partitionOf } from '../../../core/partition-of.ts'
import { sleep, type Timers } from '../../../core/ports/clock.ts'
import type { FeedRecordToWrite, FeedWriter } from '../../../core/ports/feed-writer.ts'
import { encodeHistoryBatch, type HistoryEntry } from '../../../schemas/avro/history.ts'
import type { EmitTarget } from './emit-history.ts'
import {
  emitSendMaxBytes,
  emitSendPauseMs,
  emitSendTriesMax,
  historyBatchMaxBytes,
  historyBatchMaxHits,
} from './limits.ts'

export interface FeedTargetOptions {
  readonly writer: FeedWriter
  readonly emission: string
  /** What it is called in messages. */
  readonly output: string
  /** The incarnation that the emission was begun in; null: it begins now. */
  readonly topic: string | null
  readonly timers: Timers
}

export interface FeedTarget extends EmitTarget {
  /** The incarnation of the topic. */
  readonly topic: string
}

/**
 * Reaches the topic. @throws EmitRefusedError where it was made anew since the emission began
 * @throws FeedUnavailableError, UnfitTopicError
 */
export async function openFeedTarget(options: FeedTargetOptions): Promise<FeedTarget> {
  const { writer, emission, output, timers } = options
  const topic = options.topic ?? (await writer.connect())
  if (options.topic !== null) await reach()

  async function reach(): Promise<void> {
    if ((await writer.connect()) === topic) return
    throw new EmitRefusedError(
      output,
      'the topic was made anew, and what was emitted is not in it; take another --name',
    )
  }

  async function send(records: readonly FeedRecordToWrite[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        if (tries > 1) await reach()
        return await writer.send(records)
      } catch (error) {
        if (!(error instanceof FeedUnavailableError) || tries >= emitSendTriesMax) throw error
        await sleep(timers, emitSendPauseMs)
      }
    }
  }

  return {
    topic,
    async append(entries) {
      let open: FeedRecordToWrite[] = []
      let bytes = 0
      for (const record of recordsOf(emission, entries, writer.partitions)) {
        // Of a send that failed any records may be there: with one of a partition none is there before those it follows.
        const isTaken = open.some(({ partition }) => partition === record.partition)
        if (isTaken || (bytes > 0 && bytes + record.value.length > emitSendMaxBytes)) {
          await send(open)
          open = []
          bytes = 0
        }
        open.push(record)
        bytes += record.value.length
      }
      await send(open)
      return 0
    },
  }
}

/** Neighbours of one merchant together, up to the limits of a record. */
export function* recordsOf(
  emission: string,
  entries: readonly HistoryEntry[],
  partitions: number,
): Generator<FeedRecordToWrite> {
  let open: HistoryEntry[] = []
  let bytes = 0
  const record = (): FeedRecordToWrite => {
    const merchant = (open[0] as HistoryEntry).hit.merchant as MerchantId
    const value = encodeHistoryBatch({ emission, merchant, entries: open })
    open = []
    bytes = 0
    return { partition: partitionOf(merchant, partitions), key: merchant, value }
  }
  for (const entry of entries) {
    const [first] = open
    if (first !== undefined && first.hit.merchant !== entry.hit.merchant) yield record()
    open.push(entry)
    bytes += aboutBytes(entry)
    if (open.length >= historyBatchMaxHits || bytes >= historyBatchMaxBytes) yield record()
  }
  if (open.length > 0) yield record()
}

/** Texts are what differs; UTF-8 takes up to three bytes a code unit. */
function aboutBytes({ hit }: HistoryEntry): number {
  const { url, referrer, title, context, requestUserAgent, items, props } = hit
  let units = 300 + items.length * 100
  for (const text of [url, referrer, title, context?.userAgent, requestUserAgent]) units += text?.length ?? 0
  for (const name in props) units += name.length + String(props[name]).length
  return units * 2
}
