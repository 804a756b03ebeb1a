/**
 * What is known of every hit that anybody tried to send: kept outside the simulated machines, told by a tap on the log.
 * The log itself is read, too, past the simulated program: before records are trimmed, and at the end.
 */
import type { HitBatch } from '../../core/hit.ts'
import type { Offset } from '../../core/ids.ts'
import { openLogReader } from '../../core/log/log-reader.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { decodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import type { SimDisk } from './sim-disk.ts'
import { Wrong } from './wrong.ts'

/** One record that was given to a log. */
export interface Appended {
  readonly payload: Buffer
  /** null: it cannot be decoded. */
  readonly batch: HitBatch | null
  /** `unknown`: nobody was told. */
  state: 'unknown' | 'acknowledged' | 'refused'
  offset: number | null
}

/** Of one log. */
export class KeptRecords {
  /** Id of the log, once it was opened. */
  log = ''
  readonly appended: Appended[] = []
  /** By offset, as the log has it or had it before it was trimmed. */
  readonly observed: Appended[] = []
  #observing: Promise<void> = Promise.resolve()

  constructor(
    private readonly disk: SimDisk,
    private readonly folder: string,
  ) {}

  /** The log with a tap on it. */
  tap(log: HitLog): HitLog {
    this.log = log.id
    const append = async (payload: Uint8Array): Promise<Offset> => {
      const record = appendedOf(payload)
      this.appended.push(record)
      try {
        const offset = await log.append(payload)
        record.offset = offset
        record.state = 'acknowledged'
        return offset
      } catch (error) {
        record.state = 'refused'
        throw error
      }
    }
    const trim = async (before: Offset): Promise<void> => {
      // What is damaged now cannot be read, and is not trimmed either: it is mended first.
      if (this.disk.flips.length > 0) return
      await this.observe(log)
      return log.trim(before)
    }
    return new Proxy(log, {
      get(target, name) {
        if (name === 'append') return append
        if (name === 'trim') return trim
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** Reads what is durable and was not read yet. Calls wait for each other: two that read at once would keep all twice. */
  observe(log: Pick<HitLog, 'id' | 'durable'>): Promise<void> {
    const read = () => this.#read(log)
    this.#observing = this.#observing.then(read, read)
    return this.#observing
  }

  async #read(log: Pick<HitLog, 'id' | 'durable'>): Promise<void> {
    const { folder } = this
    const from = this.observed.length as Offset
    if (log.durable <= from) return
    const disk = this.disk.memory
    const reader = await openLogReader({ disk, folder, id: log.id, from, durable: () => log.durable })
    while (this.observed.length < log.durable) {
      for (const { payload } of await reader.read(1 << 20)) this.observed.push(appendedOf(payload))
    }
    await reader.close()
  }

  /** @throws Wrong where an acknowledged record is not in the log, or in its place is another */
  checkAcknowledged(): void {
    for (const { state, offset, payload } of this.appended) {
      if (state !== 'acknowledged' || offset === null) continue
      const found = this.observed[offset]
      if (found === undefined) throw new Wrong('lost', `record ${offset} was acknowledged and is not in the log`)
      if (!found.payload.equals(payload)) {
        throw new Wrong('lost', `record ${offset} was acknowledged; the log has another in its place`)
      }
    }
  }
}

function appendedOf(payload: Uint8Array): Appended {
  const kept = Buffer.from(payload)
  return { payload: kept, batch: decoded(kept), state: 'unknown', offset: null }
}

export function decoded(payload: Uint8Array): HitBatch | null {
  try {
    return decodeHitBatch(payload)
  } catch {
    return null
  }
}
