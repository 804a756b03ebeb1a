/** A feed in memory that is written to and looked at, and does to its writers what Kafka may do on a bad day. */
import { FeedUnavailableError } from '../../errors.ts'
import type { FeedRecordToWrite, FeedWriter } from '../../ports/feed-writer.ts'

/**
 * What a `send` meets: refused with nothing there; refused though all is there; refused with every second record there;
 * not answered at all before `release`.
 */
export type SendFault = 'before' | 'after' | 'half' | 'silent'

export interface MemoryFeed {
  /** Records by partition, in order. */
  readonly records: readonly FeedRecordToWrite[][]
  /** Taken one by one by the sends to come, of all writers; `ok` is none. */
  readonly faults: (SendFault | 'ok')[]
  /** While `away`, `connect` and `send` fail with nothing done. */
  state: 'there' | 'away'
  /** The feed is replaced by an empty one of another incarnation. */
  wipe(): void
  /** Lets the sends that got no answer land and be answered. */
  release(): void
  writer(): FeedWriter
}

export function createMemoryFeed(partitions: number): MemoryFeed {
  let incarnation = 1
  let held: (() => void)[] = []
  const records: FeedRecordToWrite[][] = Array.from({ length: partitions }, () => [])
  const faults: (SendFault | 'ok')[] = []

  function land(sent: readonly FeedRecordToWrite[]): void {
    for (const record of sent) records[record.partition]?.push({ ...record, value: Buffer.from(record.value) })
  }

  function writer(): FeedWriter {
    let state: 'new' | 'connected' | 'failed' | 'closed' = 'new'
    const fail = (): never => {
      if (state === 'connected') state = 'failed'
      throw new FeedUnavailableError('a send')
    }
    return {
      partitions,
      async connect() {
        if (feed.state === 'away' || state === 'closed') return fail()
        state = 'connected'
        return `memory:${incarnation}`
      },
      async send(sent) {
        if (feed.state === 'away' || state !== 'connected') return fail()
        const wrong = sent.find(({ partition }) => records[partition] === undefined)
        if (wrong !== undefined) throw new RangeError(`there is no partition ${wrong.partition}`)
        const fault = faults.shift() ?? 'ok'
        // A network is never quicker than the next turn.
        await Promise.resolve()
        if (fault === 'before') return fail()
        if (fault === 'silent') {
          await new Promise<void>((resolve) => {
            held.push(resolve)
          })
        }
        land(fault === 'half' ? sent.filter((_, index) => index % 2 === 0) : sent)
        if (fault === 'after' || fault === 'half') return fail()
      },
      async close() {
        state = 'closed'
      },
    }
  }

  const feed: MemoryFeed = {
    records,
    faults,
    state: 'there',
    wipe() {
      incarnation++
      for (const partition of records) partition.length = 0
    },
    release() {
      const waiting = held
      held = []
      for (const answer of waiting) answer()
    },
    writer,
  }
  return feed
}
