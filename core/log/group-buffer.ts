/**
 * The records of one commit group while they wait: their frames, one behind the other, in a buffer that is used again for
 * a later group, and who waits for them.
 */
import { LogUnavailableError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { frameHeaderBytes, writeFrame } from './segment-format.ts'

const firstCapacityBytes = 64 * 1024
/** A buffer that a burst made larger than this is given back after its group. */
const keptCapacityBytes = 4 * 1024 * 1024

export class GroupBuffer {
  #buffer = Buffer.allocUnsafeSlow(firstCapacityBytes)
  #bytes = 0
  #resolves: ((offset: Offset) => void)[] = []
  #rejects: ((error: LogUnavailableError) => void)[] = []

  /** @param maxBytes the most that is ever added at a time */
  constructor(private readonly maxBytes: number) {}

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#resolves.length
  }

  /** The frames so far. Valid until `add`, `succeed` or `fail`. */
  get frames(): Buffer {
    return this.#buffer.subarray(0, this.#bytes)
  }

  /** Takes the payload's bytes as record `offset`; the promise is settled by `succeed` or `fail`. */
  add(payload: Uint8Array, offset: number, salt: number): Promise<Offset> {
    const end = this.#bytes + frameHeaderBytes + payload.length
    if (end > this.#buffer.length) this.#grow(end)
    writeFrame(this.#buffer, this.#bytes, { salt, offset, indexInGroup: this.#resolves.length }, payload)
    this.#bytes = end
    return new Promise((resolve, reject) => {
      this.#resolves.push(resolve)
      this.#rejects.push(reject)
    })
  }

  /** Every record is on disk, the first as `first`. Empties the group. */
  succeed(first: number): void {
    const resolves = this.#resolves
    this.#clear()
    for (let i = 0; i < resolves.length; i++) resolves[i]?.((first + i) as Offset)
  }

  /** No record is stored. Empties the group. */
  fail(reason: 'full' | 'failed', cause: unknown): void {
    const rejects = this.#rejects
    this.#clear()
    for (const reject of rejects) reject(new LogUnavailableError(reason, { cause }))
  }

  #clear(): void {
    this.#bytes = 0
    this.#resolves = []
    this.#rejects = []
    if (this.#buffer.length > keptCapacityBytes) this.#buffer = Buffer.allocUnsafeSlow(firstCapacityBytes)
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#buffer.length * 2, this.maxBytes)))
    this.#buffer.copy(grown, 0, 0, this.#bytes)
    this.#buffer = grown
  }
}
