/**
 * Writes into a feed that other processes read (adapters: Kafka, memory). Delivery: what `send` acknowledged is kept for
 * certain, in order of the calls within each partition; what it did not acknowledge may be there whole, in part, or come
 * later still. So a caller that is refused sends the very same again until it is acknowledged. One call at a time.
 */

export interface FeedRecordToWrite {
  readonly partition: number
  readonly key: string
  /** Not to be changed until `send` has settled. */
  readonly value: Buffer
}

export interface FeedWriter {
  readonly partitions: number
  /**
   * Reaches the feed and returns its incarnation: another one than the last time means that what was sent before is not in
   * it. Call it first, and again after a `send` that failed.
   * @throws FeedUnavailableError
   * @throws UnfitTopicError where the feed is not as configured
   */
  connect(): Promise<string>
  /**
   * Resolves when all replicas in sync have all records; those of one partition stand in their order.
   * @throws FeedUnavailableError: any of them may be there; `connect` comes next
   */
  send(records: readonly FeedRecordToWrite[]): Promise<void>
  close(): Promise<void>
}
