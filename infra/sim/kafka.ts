/** Kafka, simulated: a topic of partitions that processes write and read, and groups that share them out. */
import type { Offset } from '../../core/ids.ts'
import { type ToldDurable, toldDurable } from '../../core/log/durable-source.ts'
import type { Assignment, Feed, FeedRecord } from '../../core/ports/feed.ts'
import type { FeedRecordToWrite, FeedWriter } from '../../core/ports/feed-writer.ts'
import { waitingReader } from '../../pipelines/adapters/log/waiting-reader.ts'
import { decodeHitPack } from '../../schemas/avro/hit-pack.ts'
import type { SimProcess } from './process.ts'
import type { SimTime } from './time.ts'

export const topicSource = 'kafka:sim/hits'
/** A member that was not heard of for so long has no partitions any more. */
export const sessionMs = 10_000

export class SimTopic {
  readonly records: (readonly FeedRecord[])[][]
  readonly #durable: ToldDurable[]

  constructor(readonly partitions: number) {
    this.records = Array.from({ length: partitions }, () => [])
    this.#durable = this.records.map(() => toldDurable())
  }

  writer(process: SimProcess): FeedWriter {
    const ask = <T>(method: string, act: () => Promise<T>) =>
      process.ask('kafka', method, ['refused', 'answer lost', 'done late', 'done twice'], act)
    return {
      partitions: this.partitions,
      connect: () => process.ask('kafka', 'connect', ['refused'], async () => topicSource),
      send: (records) => {
        // The sender may use its buffers again once it was told something.
        const kept = records.map((record) => ({ ...record, value: Buffer.from(record.value) }))
        return ask('send', async () => this.#land(kept))
      },
      close: async () => undefined,
    }
  }

  #land(sent: readonly FeedRecordToWrite[]): void {
    for (const { partition, value } of sent) {
      const records = this.records[partition] as (readonly FeedRecord[])[]
      const offset = records.length as Offset
      const { log, places, batches } = decodeHitPack(value)
      records.push(batches.map((payload, at) => ({ offset, payload, origin: { log, place: places[at] ?? 0 } })))
      this.#durable[partition]?.set(records.length as Offset)
    }
  }

  /** As `process` reads it. */
  feed(process: SimProcess): Feed {
    return {
      source: topicSource,
      partitions: this.records.map((_, partition) => partition),
      read: async (partition, from) => {
        const records = this.records[partition] as (readonly FeedRecord[])[]
        let next: number = from
        const take = async (maxBytes: number): Promise<readonly FeedRecord[]> => {
          const taken: FeedRecord[] = []
          let bytes = 0
          for (; next < records.length && bytes < maxBytes; next++) {
            for (const record of records[next] ?? []) {
              taken.push({ ...record, payload: Buffer.from(record.payload) })
              bytes += record.payload.length
            }
          }
          return taken
        }
        return waitingReader({
          timers: process.timers,
          durable: this.#durable[partition] as ToldDurable,
          reader: {
            get position() {
              return next as Offset
            },
            read: (maxBytes) => process.ask('kafka', 'read', ['refused'], () => take(maxBytes)),
            close: async () => undefined,
          },
        })
      },
      end: (partition) =>
        process.ask('kafka', 'end', ['refused'], async () => (this.records[partition]?.length ?? 0) as Offset),
    }
  }
}

interface Member {
  readonly process: SimProcess
  heardMs: number
  state: 'in' | 'out'
  /** What it was told last. */
  partitions: readonly number[]
  readonly listeners: Set<() => void>
}

/** A consumer group: who has which partitions, and when each of them learns of it. */
export class SimGroup {
  #members: Member[] = []

  constructor(
    private readonly topic: SimTopic,
    private readonly time: SimTime,
  ) {}

  join(process: SimProcess): Assignment {
    const listeners = new Set<() => void>()
    const member: Member = { process, heardMs: this.time.passedMs, state: 'in', partitions: [], listeners }
    this.#members.push(member)
    this.#share()
    return {
      get partitions() {
        return member.partitions
      },
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      confirm: () => process.ask('kafka', 'confirm', ['refused'], async () => this.#confirm(member)),
    }
  }

  /** To be called often: who was silent for long is out, who is heard again comes back. */
  look(): void {
    const now = this.time.passedMs
    let changed = false
    for (const member of this.#members) {
      if (member.process.state === 'alive') {
        member.heardMs = now
        if (member.state === 'in') continue
        member.state = 'in'
        changed = true
      } else if (member.state === 'in' && now - member.heardMs > sessionMs) {
        member.state = 'out'
        changed = true
      }
    }
    const left = this.#members.filter(({ process }) => process.state !== 'dead' || this.#isHeard(now, process))
    if (changed) this.#share()
    this.#members = left
  }

  #isHeard(now: number, process: SimProcess): boolean {
    return this.#members.some((member) => member.process === process && now - member.heardMs <= sessionMs)
  }

  #given(member: Member): readonly number[] {
    const inside = this.#members.filter(({ state }) => state === 'in')
    const place = inside.indexOf(member)
    return this.topic.records.flatMap((_, partition) =>
      place >= 0 && partition % inside.length === place ? [partition] : [],
    )
  }

  #confirm(member: Member): void {
    const given = this.#given(member)
    if (String(given) === String(member.partitions)) return
    this.#tell(member, given)
  }

  #tell(member: Member, given: readonly number[]): void {
    member.partitions = given
    for (const listener of [...member.listeners]) listener()
  }

  /** Each learns of it when its call is chosen: until then two may think that a partition is theirs. */
  #share(): void {
    for (const member of this.#members) {
      if (member.state !== 'in' || member.process.state === 'dead') continue
      void member.process
        .ask('kafka', 'assign', [], async () => this.#tell(member, this.#given(member)))
        .catch(() => undefined)
    }
  }
}
