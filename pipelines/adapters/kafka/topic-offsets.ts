/** Where the partitions of a topic begin and end, asked of the broker; calls at the same time share one question. */
import type { Admin } from 'kafkajs'
import { FeedUnavailableError, OffsetTrimmedError, PositionBeyondFeedError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'

export interface OffsetRange {
  /** The oldest offset that is kept, or would be the first. */
  readonly oldest: Offset
  /** One past the last offset that may be read. */
  readonly end: Offset
}

export class TopicOffsets {
  #asking: Promise<ReadonlyMap<number, OffsetRange>> | null = null

  constructor(
    private readonly admin: Admin,
    private readonly topic: string,
  ) {}

  /** Of every partition. @throws FeedUnavailableError */
  ranges(): Promise<ReadonlyMap<number, OffsetRange>> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /**
   * Refuses a position that the partition does not have.
   * @throws OffsetTrimmedError, PositionBeyondFeedError, FeedUnavailableError
   */
  async check(partition: number, from: number): Promise<void> {
    const range = (await this.ranges()).get(partition)
    if (range === undefined) throw new FeedUnavailableError(`the question where partition ${partition} begins`)
    if (from < range.oldest) throw new OffsetTrimmedError(from, range.oldest)
    if (from > range.end) throw new PositionBeyondFeedError(this.topic, partition, from, range.end)
  }

  async #ask(): Promise<ReadonlyMap<number, OffsetRange>> {
    try {
      const offsets = await this.admin.fetchTopicOffsets(this.topic)
      return new Map(
        offsets.map(({ partition, low, high }) => [
          partition,
          { oldest: Number(low) as Offset, end: Number(high) as Offset },
        ]),
      )
    } catch (error) {
      throw new FeedUnavailableError('the question where its partitions begin and end', { cause: error })
    }
  }
}
